"""How full the queues are. Counting has an end, so that it costs the same however long they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from ostraka.review.cases import CaseState, work_queue
from ostraka.review.tables import CaseRow
from ostraka.storage.tables import AuditRow
from ostraka.work.tables import BarRow, State, WorkRow

MOST_COUNTED: Final = 10_000
SKIPPED: Final = "skipped"
"""Why somebody who has skipped a case does not get it again."""

# Jumps from one queue to the next along the index, whatever the number of rows.
_QUEUES_WITH_CASES: Final = text("""
WITH RECURSIVE found(queue) AS (
  SELECT min(queue) FROM cases
  UNION ALL
  SELECT (SELECT min(queue) FROM cases WHERE queue > found.queue) FROM found
  WHERE found.queue IS NOT NULL)
SELECT queue FROM found WHERE queue IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How a queue stands. Counts end at `MOST_COUNTED`, which then means as many or more."""

    name: str
    open: int
    overdue: int
    claimed: int
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Skip:
    """That somebody left a case to others, and why."""

    case_id: str
    reviewer_id: str
    reason: str
    skipped_at: datetime


def count_queues(session: Session, names: Iterable[str], now: datetime) -> list[QueueCount]:
    """Every queue that is named or has ever had a case."""
    known = dict.fromkeys([*names, *session.scalars(_QUEUES_WITH_CASES)])
    claimed = dict(
        session.execute(
            select(WorkRow.queue, func.count())
            .where(WorkRow.state == State.LEASED, WorkRow.subject.is_not(None))
            .group_by(WorkRow.queue)
        ).all()
    )
    return [_count(session, name, claimed.get(work_queue(name), 0), now) for name in known]


def skips_of_open_cases(session: Session, limit: int) -> list[Skip]:
    """Who left which open cases to others, and why, the newest first: what leads look at."""
    skipped = (
        select(BarRow.subject)
        .join(CaseRow, CaseRow.id == BarRow.subject)
        .where(BarRow.reason == SKIPPED, CaseRow.state == CaseState.OPEN)
    )
    entries = select(AuditRow).where(AuditRow.act == "case.skipped", AuditRow.subject.in_(skipped))
    rows = session.scalars(entries.order_by(AuditRow.sequence.desc()).limit(limit))
    return [Skip(row.subject, row.actor, row.detail["reason"], row.created_at) for row in rows]


def _count(session: Session, name: str, claimed: int, now: datetime) -> QueueCount:
    waiting = select(CaseRow.due_at).where(CaseRow.queue == name, CaseRow.state == CaseState.OPEN)
    due = waiting.order_by(CaseRow.due_at).limit(1)
    return QueueCount(
        name=name,
        open=_at_most(session, waiting),
        overdue=_at_most(session, waiting.where(CaseRow.due_at < now)),
        claimed=claimed,
        next_due_at=session.scalar(due),
    )


def _at_most(session: Session, rows: Select[Any]) -> int:
    found = rows.limit(MOST_COUNTED).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()
