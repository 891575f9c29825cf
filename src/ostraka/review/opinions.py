"""Who said what of the same case: second reviews, cases of several reviewers, golden cases.

An opinion is a decision that was not taken back and does not hand the case on. What a lead decides
of a disagreement is no opinion among others but the answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, select
from sqlalchemy.orm import Session, aliased

from ostraka.review.cases import CaseKind, CaseState
from ostraka.review.measures import Period
from ostraka.review.tables import CaseRow, DecisionRow, GoldenRow, VerdictRow
from ostraka.taxonomy import Action


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reviewer said."""

    decision_id: str
    case_id: str
    item_id: str
    reviewer_id: str
    reviewer_kind: str
    action: str
    violation: str
    policy_digest: str
    made_at: datetime

    @property
    def label(self) -> str:
        """Action and violation, as one."""
        return label_of(self.action, self.violation)


@dataclass(slots=True)
class Unit:
    """A case with what several reviewers said of it, the first opinion first."""

    id: str
    opinions: list[Opinion] = field(default_factory=list)
    answer: str | None = None
    """What a lead made of it, as a label."""


@dataclass(frozen=True, slots=True)
class GoldenOpinion:
    """What a reviewer said of a golden case, and what is right."""

    opinion: Opinion
    action: str
    violation: str


def label_of(action: str, violation: str) -> str:
    """Action and violation, as one."""
    return action if violation == "none" else f"{action}/{violation}"


def units(session: Session, period: Period) -> list[Unit]:
    """Cases of which two reviewers or more said something, the last of them in the period."""
    found: dict[str, dict[str, Opinion]] = defaultdict(dict)
    for query in (_second(period), _first(period), _several(period)):
        for unit_id, decision in session.execute(query):
            found[unit_id][decision.reviewer_id] = _opinion(decision)
    answers = _answers(session, period)
    return [
        Unit(
            unit_id,
            sorted(opinions.values(), key=lambda each: each.decision_id),
            answers.get(unit_id),
        )
        for unit_id, opinions in found.items()
        if len(opinions) > 1
    ]


def golden_opinions(session: Session, period: Period) -> Iterator[GoldenOpinion]:
    """What reviewers said of golden cases in the period."""
    query = (
        _opinions(select(DecisionRow, GoldenRow))
        .join(CaseRow, CaseRow.id == DecisionRow.case_id)
        .join(GoldenRow, GoldenRow.item_id == DecisionRow.item_id)
        .where(CaseRow.kind == CaseKind.GOLDEN, _within(DecisionRow.created_at, period))
    )
    for decision, golden in session.execute(query):
        yield GoldenOpinion(_opinion(decision), golden.action, golden.violation)


def model_and_people(session: Session, period: Period) -> Iterator[tuple[str, str, str, str, str]]:
    """Model, its verdict's action and violation, and the action and violation that people gave."""
    query = (
        _opinions(
            select(
                VerdictRow.model,
                VerdictRow.action,
                VerdictRow.violation,
                DecisionRow.action,
                DecisionRow.violation,
            )
        )
        .join(CaseRow, CaseRow.id == DecisionRow.case_id)
        .join(VerdictRow, VerdictRow.id == CaseRow.verdict_id)
        .where(DecisionRow.counts, _within(DecisionRow.created_at, period))
    )
    yield from session.execute(query, execution_options={"yield_per": 1000})


def _second(period: Period) -> Any:
    """Second reviews, by the case that they look at again."""
    return (
        _opinions(select(CaseRow.origin_id, DecisionRow))
        .join(CaseRow, CaseRow.id == DecisionRow.case_id)
        .where(CaseRow.kind == CaseKind.SECOND_REVIEW, _within(CaseRow.decided_at, period))
    )


def _first(period: Period) -> Any:
    """First opinions on cases that were looked at again."""
    return (
        _opinions(select(DecisionRow.case_id, DecisionRow))
        .join(CaseRow, CaseRow.origin_id == DecisionRow.case_id)
        .where(CaseRow.kind == CaseKind.SECOND_REVIEW, _within(CaseRow.decided_at, period))
    )


def _several(period: Period) -> Any:
    """Opinions on cases that need more than one reviewer."""
    return (
        _opinions(select(CaseRow.id, DecisionRow))
        .join(CaseRow, CaseRow.id == DecisionRow.case_id)
        .where(
            CaseRow.reviewers > 1,
            CaseRow.kind.in_((CaseKind.ITEM, CaseKind.APPEAL)),
            _within(CaseRow.decided_at, period),
        )
    )


def _answers(session: Session, period: Period) -> dict[str, str]:
    """What leads made of disagreements, by the case that reviewers disagreed about."""
    origin = aliased(CaseRow)
    unit = case((origin.kind == CaseKind.SECOND_REVIEW, origin.origin_id), else_=origin.id)
    query = (
        select(unit, DecisionRow.action, DecisionRow.violation)
        .join(CaseRow, CaseRow.decision_id == DecisionRow.id)
        .join(origin, origin.id == CaseRow.origin_id)
        .where(
            CaseRow.kind == CaseKind.ADJUDICATION,
            CaseRow.state == CaseState.DECIDED,
            CaseRow.decided_at >= period.since,
        )
        .order_by(DecisionRow.id)
    )
    rows = session.execute(query)
    return {unit_id: label_of(action, violation) for unit_id, action, violation in rows}


def _opinions(wanted: Any) -> Any:
    inverse = aliased(DecisionRow)
    return wanted.where(
        DecisionRow.reverses.is_(None),
        DecisionRow.action != str(Action.ESCALATE),
        ~exists().where(inverse.reverses == DecisionRow.id),
    ).order_by(DecisionRow.id)


def _within(column: Any, period: Period) -> Any:
    return (column >= period.since) & (column < period.until)


def _opinion(row: DecisionRow) -> Opinion:
    return Opinion(
        decision_id=row.id,
        case_id=row.case_id or "",
        item_id=row.item_id,
        reviewer_id=row.reviewer_id,
        reviewer_kind=row.reviewer_kind,
        action=row.action,
        violation=row.violation,
        policy_digest=row.policy_digest,
        made_at=row.created_at,
    )
