"""What the page of insights shows: each question, its answer in a sentence, a chart, a table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ostraka.console.bars import Amounts, BarChart, bar_chart
from ostraka.console.oversight.quality_tables import Table
from ostraka.console.review.handling import ACTION_NAMES
from ostraka.console.times import duration
from ostraka.review.insight_figures import Handling, Insights, QueueDay
from ostraka.taxonomy import Action

_STYLES: Final = {
    Action.APPROVE: "is-approve",
    Action.WARN: "is-warn",
    Action.REMOVE: "is-remove",
    Action.BAN_TEMPORARY: "is-ban",
    Action.BAN_PERMANENT: "is-ban-more",
    Action.ESCALATE: "is-escalate",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One part of the page."""

    name: str
    """Of its download."""
    title: str
    answer: str
    charts: Sequence[tuple[str, BarChart]]
    table: Table

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(chart.blocks for _, chart in self.charts)


def questions_of(found: Insights) -> list[Question]:
    """The questions that bars answer."""
    return [_volume(found), _backlog(found), _mix(found)]


def tables_of(found: Insights) -> dict[str, Table]:
    """Every table that can be downloaded, by its name."""
    tables = {each.name: each.table for each in questions_of(found)}
    tables["handling"] = handling_table(found.handling)
    tables["drift"] = Table(
        (
            "model",
            "category",
            "items_before",
            "items_after",
            "mean_before",
            "mean_after",
            "stability_index",
            "movement",
        ),
        [
            (
                each.model,
                each.category,
                each.items_before,
                each.items_after,
                each.mean_before,
                each.mean_after,
                each.index,
                each.movement,
            )
            for each in found.drift
        ],
    )
    tables["agreement"] = Table(
        ("week", "cases", "alpha", "low", "high"),
        [
            (each.week, each.alpha.units, each.alpha.value, each.alpha.low, each.alpha.high)
            for each in found.agreement
        ],
    )
    return tables


def handling_table(rows: Iterable[Handling]) -> Table:
    """How long decisions took, by queue."""
    return Table(
        (
            "queue",
            "decisions",
            "quarter_seconds",
            "median_seconds",
            "three_quarters_seconds",
            "nine_in_ten_seconds",
            "kept_deadline",
        ),
        [
            (
                each.queue,
                each.decisions,
                each.quarter_seconds,
                each.median_seconds,
                each.three_quarters_seconds,
                each.slow_seconds,
                each.kept_deadline,
            )
            for each in rows
        ],
    )


def handling_answer(rows: Sequence[Handling]) -> str:
    """In a sentence."""
    timed = [each for each in rows if each.median_seconds is not None]
    if not timed:
        return "No case was decided in this time."
    slowest = max(timed, key=lambda each: each.median_seconds or 0.0)
    return (
        f"Slowest is the queue {slowest.queue}: half of its decisions take "
        f"{duration(slowest.median_seconds or 0.0)} or longer, from claim to decision."
    )


def _volume(found: Insights) -> Question:
    days = found.volume
    items, decided = sum(each.items for each in days), sum(each.decisions for each in days)
    half = len(days) // 2
    first, second = sum(d.items for d in days[:half]), sum(d.items for d in days[-half:])
    trend = ""
    if first and second:
        change = round(100 * (second - first) / first)
        trend = f"; the second half brought {abs(change)} % {'more' if change >= 0 else 'less'}"
    answer = (
        f"{items:,} items in {len(days)} days, {items / max(1, len(days)):.1f} a day{trend}. "
        f"People decided {decided:,}."
    )
    series = (
        Amounts("Items", "is-quiet", [each.items for each in days]),
        Amounts("Decisions", "is-accent", [each.decisions for each in days]),
    )
    table = Table(
        ("day", "items", "reports", "appeals", "decisions"),
        [(each.day, each.items, each.reports, each.appeals, each.decisions) for each in days],
    )
    chart = bar_chart(_labels(d.day for d in days), series, summary=answer, stacked=False)
    return Question("volume", "Is more coming in?", answer, [("", chart)], table)


def _backlog(found: Insights) -> Question:
    by_day: defaultdict[str, list[QueueDay]] = defaultdict(list)
    for each in found.queues:
        by_day[each.day].append(each)
    days = sorted(by_day)
    open_now = sum(each.backlog for each in by_day[days[-1]]) if days else 0
    late_now = sum(each.overdue for each in by_day[days[-1]]) if days else 0
    closed, late = sum(e.closed for e in found.queues), sum(e.late for e in found.queues)
    opened = sum(each.opened for each in found.queues)
    kept = f", {100 * (closed - late) / closed:.0f} % of them in time" if closed else ""
    answer = (
        f"{open_now} cases are open, {late_now} of them past their deadline. "
        f"{opened} were opened and {closed} closed{kept}."
    )
    overdue = [sum(each.overdue for each in by_day[day]) for day in days]
    in_time = [
        sum(each.backlog for each in by_day[day]) - gone
        for day, gone in zip(days, overdue, strict=True)
    ]
    series = (
        Amounts("Past their deadline", "is-late", overdue),
        Amounts("Open, in time", "is-quiet", in_time),
    )
    table = Table(
        ("day", "queue", "opened", "closed", "late", "backlog", "overdue"),
        [(e.day, e.queue, e.opened, e.closed, e.late, e.backlog, e.overdue) for e in found.queues],
    )
    chart = bar_chart(_labels(days), series, summary=answer, stacked=True)
    return Question("backlog", "Are we keeping up?", answer, [("", chart)], table)


def _mix(found: Insights) -> Question:
    days = [each.day for each in found.volume]
    by_policy, by_people = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in found.actions:
        side = by_policy if each.by == "policy" else by_people
        side[each.day, each.action] += each.count
    total = sum(by_policy.values())
    alone = total - sum(n for (_, action), n in by_policy.items() if action == Action.ESCALATE)
    share = f"{100 * alone / total:.0f} %" if total else "none"
    answer = f"The policy settled {share} of the items by itself; the others went to people."
    charts = [
        (words, _mix_chart(days, side, f"{words}, by day and action"))
        for words, side in (("By the policy", by_policy), ("By people and agents", by_people))
    ]
    table = Table(
        ("day", "by", "action", "count"),
        [(each.day, each.by, each.action, each.count) for each in found.actions],
    )
    return Question("actions", "What is done?", answer, charts, table)


def _mix_chart(days: Sequence[str], side: Counter[tuple[str, str]], summary: str) -> BarChart:
    series = [
        Amounts(ACTION_NAMES[action], style, [side[day, str(action)] for day in days])
        for action, style in _STYLES.items()
    ]
    return bar_chart(_labels(days), series, summary=summary, stacked=True)


def _labels(days: Iterable[str]) -> list[str]:
    return [f"{date.fromisoformat(day):%-d %b}" for day in days]
