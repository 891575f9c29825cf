"""What the queue page shows: each queue with its counts, and the open cases in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from ostraka.policy.document import PolicyDocument
from ostraka.review.cases import LEAD_QUEUE, CaseKind, CaseState
from ostraka.review.quality import BLIND
from ostraka.review.queue_counts import MOST_COUNTED, QueueCount, count_queues
from ostraka.review.tables import CaseRow, VerdictRow
from ostraka.review.terms import Reviewer
from ostraka.review.urgency import parts_from, urgency_sentence
from ostraka.work.tables import BarRow, State, WorkRow

CASES_A_PAGE: Final = 30

KIND_NAMES: Final = {
    CaseKind.ITEM: "Item",
    CaseKind.APPEAL: "Appeal",
    CaseKind.ADJUDICATION: "Disagreement",
}
LEAD_WORDS: Final = "What was escalated, what reviewers disagree about, what nobody took."


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One queue as it stands."""

    count: QueueCount
    description: str

    @property
    def open(self) -> str:
        """How many cases are open."""
        return in_words(self.count.open)

    @property
    def overdue(self) -> str:
        """How many are overdue; empty where none is."""
        return in_words(self.count.overdue) if self.count.overdue else ""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One open case in a list."""

    case: CaseRow
    violation: str
    sentence: str
    """Why it is where it is, in times that add up."""
    holder: str | None

    @property
    def kind(self) -> str:
        """The kind as reviewers may know it."""
        return kind_name(self.case.kind)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which open cases are wanted."""

    queue: str | None = None
    severity: str | None = None
    kind: str | None = None
    overdue: bool = False


def in_words(count: int) -> str:
    """A count, which may have ended early."""
    return f"{MOST_COUNTED:,}+" if count >= MOST_COUNTED else f"{count:,}"


def kind_name(kind: str) -> str:
    """What a case is about; the checks of quality look like any other item."""
    return "Item" if kind in BLIND else KIND_NAMES[CaseKind(kind)]


def queue_lines(
    session: Session, document: PolicyDocument, reviewer: Reviewer, now: datetime
) -> list[QueueLine]:
    """The queues that a reviewer may work on, those of the policy first."""
    described = {queue.name: queue.description for queue in document.queues}
    described.setdefault(LEAD_QUEUE, LEAD_WORDS)
    return [
        QueueLine(each, described.get(each.name, ""))
        for each in count_queues(session, described, now)
        if each.name != LEAD_QUEUE or reviewer.lead
    ]


def open_cases(
    session: Session,
    wanted: CaseFilter,
    reviewer: Reviewer,
    now: datetime,
    after: tuple[datetime, str] | None = None,
    limit: int = CASES_A_PAGE,
) -> Sequence[CaseLine]:
    """Open cases in the order in which they are dealt, without those that are not for this one."""
    both: Any = select(CaseRow, VerdictRow.violation)
    query = both.join(VerdictRow, VerdictRow.id == CaseRow.verdict_id)
    query = query.where(*_conditions(wanted, reviewer, now))
    if after is not None:
        due, case_id = after
        later = and_(CaseRow.due_at == due, CaseRow.id > case_id)
        query = query.where(or_(CaseRow.due_at > due, later))
    query = query.order_by(CaseRow.due_at, CaseRow.id).limit(limit)
    rows = [(case, violation) for case, violation in session.execute(query)]
    held = holders_of(session, [case.id for case, _ in rows])
    return [
        CaseLine(case, violation, sentence_of(case, now), held.get(case.id))
        for case, violation in rows
    ]


def sentence_of(case: CaseRow, now: datetime) -> str:
    """Why a case is due when it is."""
    until = min(now, case.decided_at or now)
    return urgency_sentence(parts_from(case.urgency), case.created_at, until)


def holders_of(session: Session, case_ids: Sequence[str]) -> Mapping[str, str]:
    """Who is at which of these cases now."""
    rows = session.execute(
        select(WorkRow.subject, WorkRow.worker).where(
            WorkRow.subject.in_(case_ids), WorkRow.state == State.LEASED
        )
    )
    return {subject: worker for subject, worker in rows if subject and worker}


def _conditions(wanted: CaseFilter, reviewer: Reviewer, now: datetime) -> list[ColumnElement[bool]]:
    barred = exists().where(BarRow.subject == CaseRow.id, BarRow.worker == reviewer.id)
    conditions: list[ColumnElement[bool]] = [CaseRow.state == CaseState.OPEN, ~barred]
    if not reviewer.lead:
        conditions.append(CaseRow.queue != LEAD_QUEUE)
    if wanted.queue is not None:
        conditions.append(CaseRow.queue == wanted.queue)
    if wanted.severity is not None:
        conditions.append(CaseRow.severity == wanted.severity)
    if wanted.kind == CaseKind.ITEM:
        conditions.append(CaseRow.kind.in_([CaseKind.ITEM, *sorted(BLIND)]))
    elif wanted.kind is not None:
        conditions.append(CaseRow.kind == wanted.kind)
    if wanted.overdue:
        conditions.append(CaseRow.due_at < now)
    return conditions
