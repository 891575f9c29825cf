"""What happened per day and queue, and what moves: the figures of the insights page."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from ostraka.estimates.agreement import estimate_alpha
from ostraka.estimates.drift import movement, stability_index
from ostraka.review.days import day_of, days_of, monday_of
from ostraka.review.insight_figures import (
    AgreementOverTime,
    DayAction,
    DayVolume,
    Drift,
    Insights,
)
from ostraka.review.measures import Period
from ostraka.review.opinions import units
from ostraka.review.queue_insights import handling, queue_days
from ostraka.review.tables import AppealRow, DecisionRow, ItemRow, ReportRow, VerdictRow

SAMPLE: Final = 20_000
"""Items of either window whose scores are looked at, about."""
_SUFFIXES: Final = 256
"""How finely items can be sampled: by the last two digits of their ids, which are random."""


def insights(session: Session, period: Period) -> Insights:
    """Everything, of a period and of the one before it, which is as long."""
    before = Period(period.since - (period.until - period.since), period.since)
    return Insights(
        since=period.since.isoformat(),
        until=period.until.isoformat(),
        volume=tuple(volume(session, period)),
        actions=tuple(actions(session, period)),
        queues=tuple(queue_days(session, period)),
        handling=tuple(handling(session, period)),
        agreement=tuple(agreement(session, period)),
        drift=tuple(drift(session, before, period)),
        drift_before=(before.since.isoformat(), before.until.isoformat()),
    )


def volume(session: Session, period: Period) -> list[DayVolume]:
    """What came in and what was done on each day."""
    items = _count(session, period, ItemRow.created_at)
    reports = _count(session, period, ReportRow.created_at)
    appeals = _count(session, period, AppealRow.created_at)
    decisions = _count(session, period, DecisionRow.created_at, *_acted())
    return [
        DayVolume(day, items[day], reports[day], appeals[day], decisions[day])
        for day in days_of(period)
    ]


def actions(session: Session, period: Period) -> list[DayAction]:
    """Which actions the policy gave the items of each day, and people and agents on each day."""
    items = day_of(session, ItemRow.created_at)
    said = (
        select(items, VerdictRow.action, func.count())
        .join(VerdictRow, VerdictRow.id == ItemRow.verdict_id)
        .where(ItemRow.created_at >= period.since, ItemRow.created_at < period.until)
        .group_by(items, VerdictRow.action)
    )
    decisions = day_of(session, DecisionRow.created_at)
    decided = (
        select(decisions, DecisionRow.reviewer_kind, DecisionRow.action, func.count())
        .where(
            DecisionRow.created_at >= period.since, DecisionRow.created_at < period.until, *_acted()
        )
        .group_by(decisions, DecisionRow.reviewer_kind, DecisionRow.action)
    )
    rows = [
        *(DayAction(day, "policy", *rest) for day, *rest in session.execute(said)),
        *(DayAction(*row) for row in session.execute(decided)),
    ]
    return sorted(rows, key=lambda each: (each.day, each.by, each.action))


def agreement(session: Session, period: Period) -> list[AgreementOverTime]:
    """Krippendorff's alpha of the actions that reviewers chose, in each week."""
    weeks: defaultdict[str, list[list[str]]] = defaultdict(list)
    for unit in units(session, period):
        week = monday_of(unit.opinions[-1].made_at)
        weeks[week].append([opinion.action for opinion in unit.opinions])
    return [AgreementOverTime(week, estimate_alpha(each)) for week, each in sorted(weeks.items())]


def drift(session: Session, before: Period, after: Period) -> list[Drift]:
    """How far the scores of each model and category have moved; what moved most comes first."""
    old, new = _scores(session, before), _scores(session, after)
    found = []
    for model, category in {*old, *new}:
        then, now = old[model, category], new[model, category]
        index = stability_index(then, now)
        found.append(
            Drift(
                model=model,
                category=category,
                items_before=len(then),
                items_after=len(now),
                mean_before=_mean(then),
                mean_after=_mean(now),
                index=index,
                movement=movement(index, len(then), len(now)),
            )
        )
    return sorted(found, key=lambda each: (-(each.index or 0.0), each.model, each.category))


def _acted() -> Iterable[Any]:
    """Conditions on decisions that acted and stand."""
    inverse = aliased(DecisionRow)
    stands = ~exists().where(inverse.reverses == DecisionRow.id)
    return DecisionRow.counts, DecisionRow.reverses.is_(None), stands


def _count(session: Session, period: Period, column: Any, *conditions: Any) -> Counter[str]:
    day = day_of(session, column)
    wanted = select(day, func.count()).where(
        column >= period.since, column < period.until, *conditions
    )
    return Counter(dict(session.execute(wanted.group_by(day)).all()))


def _scores(session: Session, period: Period) -> defaultdict[tuple[str, str], list[float]]:
    """Scores of a sample of items, by model and category."""
    inside = (ItemRow.created_at >= period.since, ItemRow.created_at < period.until)
    count = session.scalars(select(func.count()).select_from(ItemRow).where(*inside)).one()
    wanted = (
        select(VerdictRow.model, VerdictRow.scores)
        .join(ItemRow, ItemRow.verdict_id == VerdictRow.id)
        .where(*inside)
    )
    if count > SAMPLE:
        kept = max(1, _SUFFIXES * SAMPLE // count)
        length = func.length(ItemRow.id)
        wanted = wanted.where(func.substr(ItemRow.id, length - 1, 2) < f"{kept:02x}")
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for model, scores in session.execute(wanted, execution_options={"yield_per": 1000}):
        for category, score in scores.items():
            found[model, category].append(score)
    return found


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
