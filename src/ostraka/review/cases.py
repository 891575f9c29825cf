"""Cases: what people must decide. They open, may become more urgent, move, and are withdrawn.

Everything here belongs into the caller's transaction: an item, its verdict and its case are written
together or not at all. A case waits as one piece of work for each reviewer that it needs, about the
case as their subject; see `work.people`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from ostraka.access.tables import ApiKeyRow, PersonRow
from ostraka.errors import NotFoundError
from ostraka.review.tables import AuthorRow, CaseRow, DecisionRow, ItemRow
from ostraka.review.urgency import Pressure, deadline_of, due_at, parts_from, parts_of
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.work.people import NEVER_GIVEN_UP, bar, cancel_about, prioritise
from ostraka.work.queue import enqueue

KIND_OF_WORK: Final = "review"
LEAD_QUEUE: Final = "lead"
"""Where escalated cases, disagreements and what nobody wants to decide end: people with the role
lead decide there."""


class CaseKind(StrEnum):
    """Why a case is there."""

    ITEM = "item"
    APPEAL = "appeal"
    SECOND_REVIEW = "second_review"
    GOLDEN = "golden"
    ADJUDICATION = "adjudication"


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Placement:
    """Which queue a case goes into, how soon it is due there, and why people are asked."""

    queue: str
    deadline: timedelta
    why: str
    """A sentence for the reviewer."""
    pressure: Pressure
    reviewers: int = 1
    """How many distinct reviewers decide it."""


def open_case(
    session: Session,
    *,
    item_id: str,
    verdict_id: str,
    kind: CaseKind | str,
    placement: Placement,
    now: datetime,
    appeal_id: str | None = None,
    origin_id: str | None = None,
    barred: Sequence[str] = (),
) -> CaseRow:
    """Open a case about an item that is in the session's database already (flush it first).

    Who opens it tells of it, see `acting.tell_of_case`.

    Nobody gets it who is `barred`, who wrote the item, or, where it is an appeal, who decided on
    the item before.
    """
    parts = parts_of(placement.deadline, placement.pressure)
    case = CaseRow(
        id=new_id("case"),
        created_at=now,
        kind=str(CaseKind(kind)),
        state=str(CaseState.OPEN),
        queue=placement.queue,
        item_id=item_id,
        verdict_id=verdict_id,
        appeal_id=appeal_id,
        origin_id=origin_id,
        why=placement.why,
        severity=placement.pressure.severity,
        urgency=[part.as_dict() for part in parts],
        due_at=due_at(now, parts),
        reviewers=placement.reviewers,
    )
    session.add(case)
    session.flush()
    bar(session, case.id, _authors_of(session, item_id), "author")
    bar(session, case.id, barred, "barred")
    if case.kind == CaseKind.APPEAL:
        bar(session, case.id, deciders_of(session, item_id), "decided before")
    add_work(session, case, case.reviewers)
    return case


def hasten(session: Session, case: CaseRow, pressure: Pressure) -> bool:
    """Bring an open case forward because of new facts; returns whether it is due sooner now.

    Facts that would put it off are left alone, so that nobody's case is pushed back.
    """
    if case.state != CaseState.OPEN:
        return False
    parts = parts_of(deadline_of(parts_from(case.urgency)), pressure)
    sooner = due_at(case.created_at, parts)
    if sooner >= case.due_at:
        return False
    case.due_at, case.severity = sooner, pressure.severity
    case.urgency = [part.as_dict() for part in parts]
    prioritise(session, case.id, _priority(sooner))
    return True


def move(session: Session, case: CaseRow, queue: str, why: str, now: datetime) -> None:
    """Put an open case into another queue for one reviewer; it stays due when it was."""
    detail = {"from": case.queue, "to": queue}
    audit.append(session, "system", "case.moved", case.id, detail, now)
    cancel_about(session, case.id, now)
    case.queue, case.why, case.reviewers = queue, why, 1
    add_work(session, case, 1)


def reopen(session: Session, case: CaseRow, opinions: int) -> None:
    """Let people decide a closed case after all; `opinions` of it stand."""
    case.state, case.decided_at, case.decision_id = str(CaseState.OPEN), None, None
    add_work(session, case, max(1, case.reviewers - opinions))


def withdraw(session: Session, case: CaseRow, now: datetime) -> bool:
    """Close a case that nobody need decide any more; returns whether it was open."""
    if case.state != CaseState.OPEN:
        return False
    case.state, case.decided_at = str(CaseState.WITHDRAWN), now
    cancel_about(session, case.id, now)
    audit.append(session, "system", "case.withdrawn", case.id, {"item": case.item_id}, now)
    return True


def withdraw_cases_of(session: Session, item_id: str, now: datetime) -> list[str]:
    """Close all open cases about an item that was erased; returns their ids."""
    cases = open_cases_of(session, item_id)
    return [case.id for case in cases if withdraw(session, case, now)]


def open_cases_of(
    session: Session, item_id: str, kind: CaseKind | str | None = None
) -> Sequence[CaseRow]:
    """The open cases about an item, locked until the transaction ends."""
    wanted = select(CaseRow).where(CaseRow.item_id == item_id, CaseRow.state == CaseState.OPEN)
    if kind is not None:
        wanted = wanted.where(CaseRow.kind == kind)
    return session.scalars(wanted.order_by(CaseRow.id).with_for_update()).all()


def get_case(session: Session, case_id: str, *, lock: bool = False) -> CaseRow:
    """A case by its id; with `lock`, nobody else changes it until the transaction ends.

    Raises:
        NotFoundError: there is none.
    """
    case = session.get(CaseRow, case_id, with_for_update=lock or None, populate_existing=lock)
    if case is None:
        raise NotFoundError(f"There is no case '{case_id}'.")
    return case


def add_work(session: Session, case: CaseRow, count: int) -> None:
    """Let `count` more reviewers decide a case."""
    for _ in range(count):
        enqueue(
            session,
            queue=work_queue(case.queue),
            kind=KIND_OF_WORK,
            payload={"case_id": case.id},
            priority=_priority(case.due_at),
            max_attempts=NEVER_GIVEN_UP,
            subject=case.id,
        )


def work_queue(queue: str) -> str:
    """The name that a queue of cases has in the room `work`."""
    return f"review:{queue}"


def deciders_of(session: Session, item_id: str) -> Sequence[str]:
    """Everybody who ever decided on an item."""
    wanted = select(DecisionRow.reviewer_id).where(DecisionRow.item_id == item_id).distinct()
    return session.scalars(wanted).all()


def _authors_of(session: Session, item_id: str) -> Iterable[str]:
    """The reviewers who are an item's author: by the caller's id of it, or by the name they have.

    A decision looks again, as people may be added while a case is open.
    """
    return session.scalars(authors_of(item_id)).all()


def authors_of(item_id: str) -> Any:
    """Selects the ids under which an item's author may review."""
    author = (
        select(AuthorRow.external_id)
        .join(ItemRow, ItemRow.author_id == AuthorRow.id)
        .where(ItemRow.id == item_id)
        .scalar_subquery()
    )
    return union(
        select(AuthorRow.external_id).where(AuthorRow.external_id == author),
        select(PersonRow.id).where(PersonRow.name == author),
        select(ApiKeyRow.id).where(ApiKeyRow.name == author),
    )


def _priority(due: datetime) -> int:
    return -int(due.timestamp())
