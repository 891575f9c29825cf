"""The queue as reviewers meet it: claim the next case, keep it, give it back, skip it.

A claim is a lease: it ends by itself when its holder is gone, and the case waits again where it
waited. Claims of many reviewers at the same moment share a statement, as their cost is mostly the
round trip or the commit.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.review.cases import (
    LEAD_QUEUE,
    get_case,
    move,
    work_queue,
)
from ostraka.review.decisions import lock
from ostraka.review.queue_counts import SKIPPED
from ostraka.review.terms import Reviewer
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.work.leases import Lease, Leases
from ostraka.work.people import bar, claim_for, give_back, hold, take
from ostraka.work.people_claiming import PeopleClaiming
from ostraka.work.tables import BarRow

LEASE_SECONDS: Final = 600.0
MOST_SKIPS: Final = 3
"""A case that so many reviewers skipped goes to the lead."""

_SWEEP_SECONDS: Final = 1.0
_KNOWN_SECONDS: Final = 1.0
# Jumps from one queue to the next along the index `ready`, whatever the number of rows.
_QUEUES_WITH_WORK: Final = text("""
WITH RECURSIVE found(queue) AS (
  SELECT min(queue) FROM work WHERE state = 'ready' AND queue >= 'review:' AND queue < 'review;'
  UNION ALL
  SELECT (SELECT min(queue) FROM work WHERE state = 'ready' AND queue > found.queue
    AND queue < 'review;') FROM found WHERE found.queue IS NOT NULL)
SELECT queue FROM found WHERE queue IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class ClaimedCase:
    """A case that a reviewer holds, and until when."""

    case_id: str
    lease: Lease
    expires_at: datetime


class ReviewQueue:
    """The queues of one database. Threads may share it."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self.seconds = seconds
        self._leases = Leases(database)
        self._claiming = PeopleClaiming(database)
        self._swept = -_SWEEP_SECONDS
        self._known: tuple[float, tuple[str, ...]] = (-_KNOWN_SECONDS, ())

    def claim(self, reviewer: Reviewer, queues: Sequence[str] | None = None) -> ClaimedCase | None:
        """The most urgent case that a reviewer may decide; None if there is none for them.

        Raises:
            InvalidInputError: the lead's queue is asked for, and the reviewer is no lead.
        """
        self.sweep()
        names = self._open_to(reviewer, queues)
        lease = self._claim(names, reviewer)
        if lease is None and queues is None:  # a queue may have got its first case since
            newest = self._open_to(reviewer, None, fresh=True)
            lease = None if newest == names else self._claim(newest, reviewer)
        return None if lease is None else self._claimed(lease)

    def claim_within(
        self, session: Session, reviewer: Reviewer, queues: Sequence[str] | None = None
    ) -> str | None:
        """`claim` in the caller's transaction, such as that of a decision: the case's id.

        Both commit at once, which halves the wait for the next case. `sweep` before it begins.

        Raises:
            InvalidInputError: the lead's queue is asked for, and the reviewer is no lead.
        """
        names = self._open_to(reviewer, queues, session=session)
        lease = claim_for(session, names, reviewer.id, self.seconds)
        return None if lease is None else str(lease.payload["case_id"])

    def take(self, reviewer: Reviewer, case_id: str) -> ClaimedCase:
        """Claim one certain case, as leads may, or keep it if it is held already.

        Raises:
            NotFoundError: no such case.
            ConflictError: somebody else has it, it is closed, or the reviewer is barred from it.
        """
        self.sweep()
        with self._database.writing() as session:
            case = get_case(session, case_id)
            _check_lead(reviewer, [case.queue])
            held = hold(session, case_id, reviewer.id, self.seconds)
            lease = held.lease if held else take(session, case_id, reviewer.id, self.seconds)
            if lease is None:
                raise ConflictError("This case is not free for you.", code="not_free")
        return self._claimed(lease)

    def heartbeat(self, reviewer: Reviewer, case_id: str) -> ClaimedCase:
        """Keep a case for another while.

        Raises:
            ConflictError: it ran out and somebody else has the case, or it was withdrawn.
        """
        with self._database.writing() as session:
            held = hold(session, case_id, reviewer.id, self.seconds)
            if held is None:
                get_case(session, case_id)
                raise not_claimed()
        return self._claimed(held.lease)

    def release(self, reviewer: Reviewer, case_id: str) -> None:
        """Give a case back undecided.

        Raises:
            ConflictError: the reviewer does not hold it.
        """
        with self._database.writing() as session:
            held = hold(session, case_id, reviewer.id, self.seconds)
            if held is None:
                get_case(session, case_id)
                raise not_claimed()
            give_back(session, held.lease)

    def skip(self, reviewer: Reviewer, case_id: str, reason: str) -> None:
        """Leave a case to others, for a reason that leads see.

        Raises:
            InvalidInputError: no reason.
            ConflictError: the reviewer does not hold it.
        """
        with self._database.writing() as session:
            skip(session, reviewer, case_id, reason, self._clock())

    def _claimed(self, lease: Lease) -> ClaimedCase:
        until = self._clock() + timedelta(seconds=lease.seconds)
        return ClaimedCase(lease.payload["case_id"], lease, until)

    def _claim(self, names: tuple[str, ...], reviewer: Reviewer) -> Lease | None:
        return self._claiming.claim(names, reviewer.id, self.seconds) if names else None

    def _open_to(
        self,
        reviewer: Reviewer,
        queues: Sequence[str] | None,
        *,
        fresh: bool = False,
        session: Session | None = None,
    ) -> tuple[str, ...]:
        if queues is not None:
            _check_lead(reviewer, queues)
            return tuple(sorted({work_queue(name) for name in queues}))
        moment, names = self._known
        if session is not None:
            names = tuple(session.connection().scalars(_QUEUES_WITH_WORK))
        elif fresh or time.monotonic() - moment >= _KNOWN_SECONDS:
            with self._database.reading() as reading:
                names = tuple(reading.scalars(_QUEUES_WITH_WORK))
            self._known = time.monotonic(), names
        closed = () if reviewer.lead else (work_queue(LEAD_QUEUE),)
        return tuple(name for name in names if name not in closed)

    def sweep(self) -> None:
        """Take back claims that ran out, as no worker need be running for people to review."""
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = time.monotonic()
            if self._leases.is_due():
                self._leases.sweep()


def skip(session: Session, reviewer: Reviewer, case_id: str, reason: str, now: datetime) -> None:
    """Leave a case to others; see `ReviewQueue.skip`."""
    if not reason.strip():
        raise InvalidInputError(
            "To skip a case needs a reason.", field="reason", valid="a sentence for the lead"
        )
    _, case = lock(session, case_id)
    held = hold(session, case_id, reviewer.id, LEASE_SECONDS)
    if held is None:
        raise not_claimed()
    bar(session, case_id, [reviewer.id], SKIPPED)
    audit.append(session, reviewer.id, "case.skipped", case_id, {"reason": reason.strip()}, now)
    give_back(session, held.lease)
    skips = session.scalars(
        select(BarRow.worker).where(BarRow.subject == case_id, BarRow.reason == SKIPPED)
    ).all()
    if len(skips) >= MOST_SKIPS and case.queue != LEAD_QUEUE:
        move(session, case, LEAD_QUEUE, f"Skipped by {len(skips)} reviewers. {case.why}", now)


def not_claimed() -> ConflictError:
    """The reviewer does not hold the case."""
    return ConflictError("You do not hold this case: claim it first.", code="not_claimed")


def _check_lead(reviewer: Reviewer, queues: Sequence[str]) -> None:
    if LEAD_QUEUE in queues and not reviewer.lead:
        raise InvalidInputError(
            f"The queue '{LEAD_QUEUE}' is for leads only.", field="queues", code="lead_only"
        )
