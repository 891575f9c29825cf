"""Everything that the page of a case shows, read in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from ostraka.console.review.authors import AuthorRecord, record_of
from ostraka.console.review.names import Names, names_of
from ostraka.console.review.queues import (
    CaseFilter,
    CaseLine,
    kind_name,
    open_cases,
    sentence_of,
)
from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.standing import Standing, standing_of
from ostraka.console.review.thread import Thread, thread_of
from ostraka.policy.evaluation import Policy
from ostraka.review.appeals import get_appeal
from ostraka.review.cases import LEAD_QUEUE, CaseKind, CaseState, get_case
from ostraka.review.effects import is_milder
from ostraka.review.tables import AppealRow, CaseRow, DecisionRow, ItemRow, ReportRow, VerdictRow
from ostraka.taxonomy import DESCRIPTIONS, Action, Category, ViolationType

NEXT_CASES: Final = 8
MOST_REPORTS: Final = 20
LAST_DECISIONS: Final = 5
_TOLD: Final = (CaseKind.APPEAL, CaseKind.ADJUDICATION)
"""Cases whose reviewers must know what was decided before; the others decide for themselves. Golden
cases are told of to nobody, as they may be dealt again."""


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One score with its marks in the policy."""

    name: str
    description: str
    score: float
    threshold: float | None
    doubtful: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One action as a button says it."""

    action: Action
    words: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case, what it is about, and where it stands for the one who looks."""

    case: CaseRow
    item: ItemRow
    verdict: VerdictRow
    policy: Policy
    standing: Standing
    sentence: str
    scores: Sequence[ScoreLine]
    author: AuthorRecord | None
    thread: Thread
    reports: Sequence[ReportRow]
    appeal: AppealRow | None
    earlier: Sequence[DecisionRow]
    mine: Sequence[DecisionRow]
    """The reader's own last decisions."""
    upcoming: Sequence[CaseLine]
    choices: Sequence[Choice]
    suggested: str
    """The violation that is chosen unless the reviewer chooses another."""
    names: Names

    @property
    def kind(self) -> str:
        """What it is about, as its reviewers may know it."""
        return kind_name(self.case.kind)

    @property
    def is_appeal(self) -> bool:
        """Whether it is decided by granting or denying."""
        return self.appeal is not None

    @property
    def rule(self) -> Any:
        """The rule of the policy that decided, if it has one of this name."""
        rules = self.policy.document.rules
        return next((rule for rule in rules if rule.name == self.verdict.rule), None)

    @property
    def texts(self) -> list[str | None]:
        """Every text of others that the page shows."""
        around = [each.text for each in self.thread.everything]
        notes = [report.note for report in self.reports]
        return [self.item.text, self.appeal.reason if self.appeal else None, *around, *notes]


@dataclass(frozen=True, slots=True)
class TextView:
    """A case's text and what was said of it: all that is needed to explain its scores."""

    case: CaseRow
    item: ItemRow
    verdict: VerdictRow
    scores: Sequence[ScoreLine]


def text_view(room: Room, session: Session, case_id: str) -> TextView:
    """The text of a case by the case's id.

    Raises:
        NotFoundError: there is none.
    """
    case = get_case(session, case_id)
    item = session.get_one(ItemRow, case.item_id)
    verdict = session.get_one(VerdictRow, case.verdict_id)
    policy = room.policies.get(session, verdict.policy_digest)
    return TextView(case, item, verdict, score_lines(verdict, policy))


def case_view(
    room: Room, session: Session, viewer: Viewer, case_id: str, now: datetime
) -> CaseView:
    """A case by its id.

    Raises:
        NotFoundError: there is none.
    """
    case = get_case(session, case_id)
    item = session.get_one(ItemRow, case.item_id)
    verdict = session.get_one(VerdictRow, case.verdict_id)
    policy = room.policies.get(session, verdict.policy_digest)
    appeal = get_appeal(session, case.appeal_id) if case.appeal_id else None
    closed = case.state != CaseState.OPEN and case.kind != CaseKind.GOLDEN
    told = case.kind in _TOLD or case.queue == LEAD_QUEUE or closed
    earlier = _earlier(session, item.id) if told else ()
    reports = _reports(session, item.id)
    standing = standing_of(session, case, viewer.reviewer, room.queue.seconds, now)
    mine = last_decisions(session, viewer.id)
    upcoming = open_cases(
        session, CaseFilter(queue=case.queue), viewer.reviewer, now, limit=NEXT_CASES
    )
    actors = [each.reviewer_id for each in earlier] + [standing.holder]
    actors += [line.holder for line in upcoming]
    return CaseView(
        case=case,
        item=item,
        verdict=verdict,
        policy=policy,
        standing=standing,
        sentence=sentence_of(case, now),
        scores=score_lines(verdict, policy),
        author=record_of(session, item, now, without_this=not told),
        thread=thread_of(session, item),
        reports=reports,
        appeal=appeal,
        earlier=earlier,
        mine=mine,
        upcoming=upcoming,
        choices=choices(case, appeal),
        suggested=_suggested(case, item, verdict, reports),
        names=names_of(session, actors, viewer.person),
    )


def score_lines(verdict: VerdictRow, policy: Policy) -> list[ScoreLine]:
    """The scores with the policy's marks; nearest to or above its threshold first."""
    known = policy.document.categories
    lines = [
        ScoreLine(
            name,
            DESCRIPTIONS[Category(name)] if name in set(Category) else "",
            score,
            known[name].threshold if name in known else None,
            known[name].doubtful if name in known else None,
        )
        for name, score in verdict.scores.items()
    ]
    return sorted(lines, key=lambda line: (_missing(line), -line.score))


def choices(case: CaseRow, appeal: AppealRow | None) -> list[Choice]:
    """The actions in the order of the policy, as far as they fit the case."""
    if appeal is None:
        last = () if case.queue == LEAD_QUEUE else (Action.ESCALATE,)
        actions = [each for each in Action if each is not Action.ESCALATE]
        return [Choice(action, "") for action in (*actions, *last)]
    found = []
    for action in Action:
        if action == appeal.appealed_action:
            found.append(Choice(action, "Deny: it stays"))
        elif action is Action.APPROVE:
            found.append(Choice(action, "Grant: reverse"))
        elif action is Action.ESCALATE:
            if case.queue != LEAD_QUEUE:
                found.append(Choice(action, ""))
        elif is_milder(action, appeal.appealed_action):
            found.append(Choice(action, f"{_MILDER[action]} instead"))
    return found


_MILDER: Final = {
    Action.WARN: "Warn",
    Action.REMOVE: "Remove",
    Action.BAN_TEMPORARY: "Ban for a time",
}


def last_decisions(session: Session, reviewer_id: str) -> list[DecisionRow]:
    """What somebody decided last and did not take back, the newest first."""
    inverse = aliased(DecisionRow)
    wanted = select(DecisionRow).where(
        DecisionRow.reviewer_id == reviewer_id,
        DecisionRow.reverses.is_(None),
        DecisionRow.case_id.is_not(None),
        DecisionRow.bulk_id.is_(None),
        ~exists().where(inverse.reverses == DecisionRow.id),
    )
    return list(session.scalars(wanted.order_by(DecisionRow.id.desc()).limit(LAST_DECISIONS)))


def _missing(line: ScoreLine) -> float:
    """How far a score is from where it begins to matter; what has no mark comes last."""
    mark = line.doubtful if line.doubtful is not None else line.threshold
    return 2.0 if mark is None else max(0.0, mark - line.score)


def _earlier(session: Session, item_id: str) -> Sequence[DecisionRow]:
    wanted = select(DecisionRow).where(DecisionRow.item_id == item_id)
    return session.scalars(wanted.order_by(DecisionRow.id)).all()


def _reports(session: Session, item_id: str) -> Sequence[ReportRow]:
    wanted = select(ReportRow).where(ReportRow.item_id == item_id)
    return session.scalars(wanted.order_by(ReportRow.id.desc()).limit(MOST_REPORTS)).all()


def _suggested(
    case: CaseRow, item: ItemRow, verdict: VerdictRow, reports: Sequence[ReportRow]
) -> str:
    if case.appeal_id is not None:
        return item.violation
    if verdict.violation != ViolationType.NONE:
        return verdict.violation
    return reports[0].violation if reports else str(ViolationType.NONE)
