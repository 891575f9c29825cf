"""Where a case stands for one reviewer: theirs, somebody else's, free, or not for them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.review.cases import KIND_OF_WORK, LEAD_QUEUE, CaseState
from ostraka.review.tables import CaseRow
from ostraka.review.terms import Reviewer
from ostraka.work.tables import BarRow, State, WorkRow

REASONS = {
    "author": "You wrote this item, so somebody else decides.",
    "decided before": "You decided on this item before, so somebody else looks at the appeal.",
    "decided": "You have decided this case.",
    "skipped": "You skipped this case, so somebody else decides.",
    "barred": "You decided on this item before, so somebody else looks at it.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody can do with a case."""

    until: datetime | None
    """End of their claim, if they hold it."""
    holder: str | None
    """Somebody else who holds it, where no further reviewer is needed."""
    why_not: str
    """Why it is not for them; empty if it is."""
    may_take: bool

    @property
    def is_theirs(self) -> bool:
        """Whether they hold it."""
        return self.until is not None


def standing_of(
    session: Session, case: CaseRow, reviewer: Reviewer, seconds: float, now: datetime
) -> Standing:
    """What a reviewer can do with a case now."""
    if case.state != CaseState.OPEN:
        return Standing(None, None, f"This case was {case.state}.", may_take=False)
    rows = session.execute(
        select(WorkRow.worker, WorkRow.state, WorkRow.lease_until).where(
            WorkRow.subject == case.id, WorkRow.state.in_((State.LEASED, State.READY))
        )
    ).all()
    for worker, state, until in rows:
        if worker == reviewer.id and state == State.LEASED:
            return Standing(until or now + timedelta(seconds=seconds), None, "", may_take=False)
    bar = session.scalar(
        select(BarRow.reason).where(BarRow.subject == case.id, BarRow.worker == reviewer.id)
    )
    if bar is not None:
        return Standing(None, None, REASONS.get(bar, REASONS["barred"]), may_take=False)
    if case.queue == LEAD_QUEUE and not reviewer.lead:
        return Standing(None, None, "A lead decides this case.", may_take=False)
    free = any(state == State.READY for _, state, _ in rows)
    others = [worker for worker, state, _ in rows if state == State.LEASED]
    holder = others[0] if others and not free else None
    # Reviewers get what is due next; choosing among cases is for leads, but for appeals.
    return Standing(None, holder, "", may_take=free and (reviewer.lead or bool(case.appeal_id)))


def held_by(session: Session, reviewer_id: str, now: datetime) -> list[str]:
    """The cases that somebody holds, the one they took up first at the top."""
    wanted = (
        select(WorkRow.subject)
        .where(
            WorkRow.state == State.LEASED,
            WorkRow.lease_until > now,
            WorkRow.worker == reviewer_id,
            WorkRow.kind == KIND_OF_WORK,
        )
        .order_by(WorkRow.begun_at, WorkRow.id)
    )
    return [subject for subject in session.scalars(wanted) if subject is not None]
