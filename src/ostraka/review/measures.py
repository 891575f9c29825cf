"""What was done to items and their authors, by the policy itself and by people, as one list.

Statements of reasons, the transparency report and exports are all made of it, so that their counts
agree. Nothing that only judges is in it: approvals, escalations, blind second opinions, golden
cases, shadows, and undos, which are noted with what they take back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from ostraka.errors import NotFoundError
from ostraka.review.facts import ACTING
from ostraka.review.tables import (
    AppealRow,
    CaseRow,
    DecisionRow,
    ItemRow,
    ReportRow,
    StrikeRow,
    VerdictRow,
)

By = Literal["policy", "person", "agent"]

_AT_A_TIME: Final = 500
_ACTING: Final = tuple(str(action) for action in ACTING)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time: from its beginning on, up to but without its end."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Measure:
    """One act that restricts an item or its author, or warns its author."""

    id: str
    """The decision's id; the verdict's where the policy acted by itself."""
    by: By
    made_at: datetime
    effective_at: datetime
    item_id: str
    external_id: str | None
    posted_at: datetime
    language: str | None
    action: str
    violation: str
    rule: str
    why: str
    """The policy's sentence on the verdict that this rests on."""
    policy_digest: str
    model: str
    reasons: str
    """What the reviewer wrote."""
    detected: bool
    """Whether the policy found the item, rather than somebody who reported it."""
    reports: int
    """How many people had reported it by then."""
    banned_until: datetime | None
    undone: bool
    overturned: bool
    """Whether an appeal against it was granted."""
    confirms: bool
    """Whether it leaves what was done before as it is."""
    appealed: bool

    @property
    def stands(self) -> bool:
        """Whether it was neither undone nor overturned."""
        return not (self.undone or self.overturned)


def measures(session: Session, period: Period) -> Iterator[Measure]:
    """Every measure of a period, those of the policy first; each in order of time."""
    for query, read in (
        (_automatic().where(_within(VerdictRow.created_at, period)), _from_verdict),
        (_decided().where(_within(DecisionRow.created_at, period)), _from_decision),
    ):
        streamed = session.execute(query, execution_options={"yield_per": _AT_A_TIME})
        for row in streamed:
            yield read(row)


def measure_of_decision(session: Session, decision_id: str) -> Measure:
    """The measure that a decision is.

    Raises:
        NotFoundError: no such decision, or it restricts nothing.
    """
    row = session.execute(_decided().where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise NotFoundError(f"'{decision_id}' is no decision that restricts or warns anybody.")
    return _from_decision(row)


def measure_of_item(session: Session, item_id: str) -> Measure:
    """The newest measure on an item that stands, by people or by the policy.

    Raises:
        NotFoundError: no such item, or nothing was done to it that stands.
    """
    action = session.scalar(select(ItemRow.action).where(ItemRow.id == item_id))
    if action is None:
        raise NotFoundError(f"There is no item '{item_id}'.")
    found = [
        *map(_from_verdict, session.execute(_automatic().where(ItemRow.id == item_id))),
        *map(_from_decision, session.execute(_decided().where(ItemRow.id == item_id))),
    ]
    standing = [each for each in found if each.stands and each.action == action]
    if not standing:
        raise NotFoundError(f"Nothing was done to '{item_id}': its action is '{action}'.")
    return max(standing, key=lambda each: each.made_at)


def _within(column: Any, period: Period) -> ColumnElement[bool]:
    return and_(column >= period.since, column < period.until)


def _automatic() -> Select[Any]:
    """Verdicts by which the policy acted."""
    ban_ends = _ban_ends(VerdictRow, StrikeRow.verdict_id == VerdictRow.id)
    earlier = aliased(VerdictRow)
    before = (
        select(earlier.action + "/" + earlier.violation)
        .where(earlier.item_id == VerdictRow.item_id, ~earlier.shadow, earlier.id < VerdictRow.id)
        .order_by(earlier.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    against = and_(AppealRow.item_id == VerdictRow.item_id, AppealRow.decision_id.is_(None))
    decided = exists().where(
        DecisionRow.item_id == VerdictRow.item_id,
        DecisionRow.counts,
        DecisionRow.created_at <= VerdictRow.created_at,
    )
    return (
        select(
            VerdictRow,
            ItemRow,
            ban_ends.label("banned_until"),
            _first_action().label("first_action"),
            _reports(VerdictRow.created_at).label("reports_then"),
            exists().where(against).label("appealed"),
            exists().where(against, AppealRow.state == "granted").label("overturned"),
            func.coalesce(before == VerdictRow.action + "/" + VerdictRow.violation, False).label(
                "confirms"
            ),
        )
        .join(ItemRow, ItemRow.id == VerdictRow.item_id)
        .where(~VerdictRow.shadow, VerdictRow.action.in_(_ACTING), ~decided)
        .order_by(VerdictRow.created_at, VerdictRow.id)
    )


def _decided() -> Select[Any]:
    """Decisions by people and agents that counted, with the verdict that the case was about."""
    ban_ends = _ban_ends(DecisionRow, StrikeRow.decision_id == DecisionRow.id)
    inverse = aliased(DecisionRow)
    against = and_(
        AppealRow.item_id == DecisionRow.item_id, AppealRow.decision_id == DecisionRow.id
    )
    verdict_id = func.coalesce(CaseRow.verdict_id, ItemRow.verdict_id)
    return (
        select(
            DecisionRow,
            ItemRow,
            VerdictRow,
            ban_ends.label("banned_until"),
            _first_action().label("first_action"),
            _reports(DecisionRow.created_at).label("reports_then"),
            exists().where(against).label("appealed"),
            exists().where(against, AppealRow.state == "granted").label("overturned"),
            exists().where(inverse.reverses == DecisionRow.id).label("undone"),
        )
        .join(ItemRow, ItemRow.id == DecisionRow.item_id)
        .outerjoin(CaseRow, CaseRow.id == DecisionRow.case_id)
        .join(VerdictRow, VerdictRow.id == verdict_id)
        .where(
            DecisionRow.counts,
            DecisionRow.reverses.is_(None),
            DecisionRow.action.in_(_ACTING),
        )
        .order_by(DecisionRow.created_at, DecisionRow.id)
    )


def _ban_ends(act: Any, own: ColumnElement[bool]) -> Any:
    """When the ban of an act ends. One that confirms a ban has no strike of its `own`: the strike
    that stood by then goes on.
    """
    still = or_(StrikeRow.revoked_at.is_(None), StrikeRow.revoked_at > act.created_at)
    stood = and_(StrikeRow.created_at <= act.created_at, still)
    of_item = select(func.max(StrikeRow.banned_until)).where(StrikeRow.item_id == act.item_id)
    ends = [of_item.where(condition).scalar_subquery() for condition in (own, stood)]
    return func.coalesce(*ends)


def _first_action() -> Any:
    """What the policy said when it first saw the item."""
    first = aliased(VerdictRow)
    return (
        select(first.action)
        .where(first.item_id == ItemRow.id, ~first.shadow)
        .order_by(first.id)
        .limit(1)
        .scalar_subquery()
    )


def _reports(until: Any) -> Any:
    return (
        select(func.count())
        .select_from(ReportRow)
        .where(ReportRow.item_id == ItemRow.id, ReportRow.created_at <= until)
        .scalar_subquery()
    )


def _from_verdict(row: Any) -> Measure:
    verdict: VerdictRow = row.VerdictRow
    return Measure(
        **_of_item(row),
        id=verdict.id,
        by="policy",
        made_at=verdict.created_at,
        effective_at=verdict.created_at,
        action=verdict.action,
        violation=verdict.violation,
        rule=verdict.rule,
        why=verdict.why,
        policy_digest=verdict.policy_digest,
        model=verdict.model,
        reasons="",
        undone=False,
        confirms=row.confirms,
    )


def _from_decision(row: Any) -> Measure:
    decision: DecisionRow = row.DecisionRow
    verdict: VerdictRow = row.VerdictRow
    before = decision.before
    said = (before.get("action"), before.get("violation"))
    agrees = (verdict.action, verdict.violation) == (decision.action, decision.violation)
    return Measure(
        **_of_item(row),
        id=decision.id,
        by="agent" if decision.reviewer_kind == "agent" else "person",
        made_at=decision.created_at,
        effective_at=decision.effective_at,
        action=decision.action,
        violation=decision.violation,
        rule=verdict.rule if agrees else "",
        why=verdict.why,
        policy_digest=decision.policy_digest,
        model=verdict.model,
        reasons=decision.reasons,
        undone=row.undone,
        confirms=said == (decision.action, decision.violation),
    )


def _of_item(row: Any) -> dict[str, Any]:
    item: ItemRow = row.ItemRow
    return {
        "item_id": item.id,
        "external_id": item.external_id,
        "posted_at": item.created_at,
        "language": item.language,
        "detected": row.first_action != "approve",
        "reports": row.reports_then,
        "banned_until": row.banned_until,
        "overturned": row.overturned,
        "appealed": row.appealed,
    }
