"""The periodic transparency report: how much was done, by whom, and how often it was wrong.

It is a list of figures, each with what it counts: long, so that CSV and Parquet hold all of it. It
covers what Articles 15 and 24 of Regulation (EU) 2022/2065 ask of the service itself. Its measures
are those of the statements of reasons.
"""

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.review.measures import Measure, Period, measures
from ostraka.review.tables import AppealRow, CaseRow, DecisionRow, ItemRow, ReportRow

COLUMNS: Final = ("figure", "action", "violation", "decided_by", "value", "unit")
_GROUPED: Final = ("measures", "undone", "appealed", "overturned")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; what it is not broken down by is empty."""

    figure: str
    value: float | int | None
    action: str = ""
    violation: str = ""
    decided_by: str = ""
    unit: str = "count"

    def as_dict(self) -> dict[str, Any]:
        """As a row."""
        return {name: getattr(self, name) for name in COLUMNS}


def transparency(session: Session, period: Period) -> list[Figure]:
    """Every figure of a period."""
    return [
        *_received(session, period),
        *_measures(measures(session, period)),
        *_decisions(session, period),
        *_cases(session, period),
        *_appeals(session, period),
    ]


def _received(session: Session, period: Period) -> list[Figure]:
    items = select(func.count()).select_from(ItemRow).where(*_within(ItemRow, period))
    reports = (
        select(ReportRow.violation, func.count())
        .where(*_within(ReportRow, period))
        .group_by(ReportRow.violation)
        .order_by(ReportRow.violation)
    )
    return [
        Figure("items_received", session.scalar(items) or 0),
        *(
            Figure("reports_received", count, violation=violation)
            for violation, count in session.execute(reports)
        ),
    ]


def _measures(found: Iterable[Measure]) -> list[Figure]:
    """Counts by action, violation and who decided; and how often each of these was wrong."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    confirmed: Counter[str] = Counter()
    for each in found:
        if each.confirms:
            confirmed[each.by] += 1
            continue
        group = each.action, each.violation, each.by
        applies = (True, each.undone, each.appealed, each.overturned)
        for name, holds in zip(_GROUPED, applies, strict=True):
            counts[name, *group] += holds
    figures = [
        Figure(name, count, action, violation, by)
        for (name, action, violation, by), count in sorted(counts.items())
        if count or name == "measures"
    ]
    figures += [Figure("confirmed", n, decided_by=by) for by, n in sorted(confirmed.items())]
    return figures + _error_rates(counts)


def _error_rates(counts: Counter[tuple[str, str, str, str]]) -> list[Figure]:
    totals: Counter[tuple[str, str]] = Counter()
    for (name, _, _, by), count in counts.items():
        totals[name, by] += count
    return [
        Figure("share_overturned", totals["overturned", by] / total, decided_by=by, unit="share")
        for (name, by), total in sorted(totals.items())
        if name == "measures" and total
    ]


def _decisions(session: Session, period: Period) -> list[Figure]:
    """What people and agents decided, approvals too, and how long they were at it."""
    made = select(DecisionRow.reviewer_kind, DecisionRow.action, DecisionRow.seconds).where(
        *_within(DecisionRow, period), DecisionRow.reverses.is_(None)
    )
    counts: Counter[tuple[str, str]] = Counter()
    seconds: dict[str, list[float]] = {}
    for kind, action, took in session.execute(made, execution_options={"yield_per": 1000}):
        counts[kind, action] += 1
        if took is not None:
            seconds.setdefault(kind, []).append(took)
    undone = (
        select(func.count())
        .select_from(DecisionRow)
        .where(*_within(DecisionRow, period), DecisionRow.reverses.is_not(None))
    )
    return [
        *(
            Figure("decisions", count, action, decided_by=kind)
            for (kind, action), count in sorted(counts.items())
        ),
        Figure("decisions_undone", session.scalar(undone) or 0),
        *(
            Figure("median_handling", _median(each), decided_by=kind, unit="seconds")
            for kind, each in sorted(seconds.items())
        ),
    ]


def _cases(session: Session, period: Period) -> list[Figure]:
    opened = select(func.count()).select_from(CaseRow).where(*_within(CaseRow, period))
    still = (
        select(func.count())
        .select_from(CaseRow)
        .where(
            CaseRow.created_at < period.until,
            (CaseRow.decided_at.is_(None)) | (CaseRow.decided_at >= period.until),
            CaseRow.state != "withdrawn",
        )
    )
    closed: Any = select(CaseRow.created_at, CaseRow.decided_at, CaseRow.due_at).where(
        CaseRow.decided_at >= period.since, CaseRow.decided_at < period.until
    )
    waits, late = [], 0
    for made_at, decided_at, due_at in session.execute(
        closed, execution_options={"yield_per": 1000}
    ):
        waits.append((decided_at - made_at).total_seconds())
        late += decided_at > due_at
    return [
        Figure("cases_opened", session.scalar(opened) or 0),
        Figure("cases_decided", len(waits)),
        Figure("cases_decided_late", late),
        Figure("cases_open_at_end", session.scalar(still) or 0),
        Figure("median_time_to_decision", _median(waits), unit="seconds"),
    ]


def _appeals(session: Session, period: Period) -> list[Figure]:
    received = (
        select(AppealRow.appealed_action, func.count())
        .where(*_within(AppealRow, period))
        .group_by(AppealRow.appealed_action)
        .order_by(AppealRow.appealed_action)
    )
    decided: Any = select(AppealRow.state, AppealRow.created_at, AppealRow.decided_at).where(
        AppealRow.decided_at >= period.since,
        AppealRow.decided_at < period.until,
        AppealRow.state.in_(["granted", "denied"]),
    )
    states: Counter[str] = Counter()
    waits = []
    for state, made_at, decided_at in session.execute(decided):
        states[state] += 1
        waits.append((decided_at - made_at).total_seconds())
    return [
        *(Figure("appeals_received", n, action) for action, n in session.execute(received)),
        Figure("appeals_granted", states["granted"]),
        Figure("appeals_denied", states["denied"]),
        Figure("median_time_to_appeal_decision", _median(waits), unit="seconds"),
    ]


def as_markdown(figures: Iterable[Figure], period: Period) -> str:
    """The report to be read."""
    lines = [
        "# Transparency report",
        "",
        f"From {period.since:%Y-%m-%d %H:%M} to {period.until:%Y-%m-%d %H:%M} UTC.",
    ]
    groups: dict[str, list[Figure]] = {}
    for each in figures:
        groups.setdefault(each.figure, []).append(each)
    single = [each for group in groups.values() for each in group if not _is_broken_down(each)]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {_words(each.figure)} | {_value(each)} |" for each in single]
    for name, group in groups.items():
        rows = [each for each in group if _is_broken_down(each)]
        if rows:
            lines += ["", f"## {_words(name)}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _table(rows: list[Figure]) -> list[str]:
    used = [name for name in COLUMNS[1:4] if any(getattr(each, name) for each in rows)]
    head = [*(_words(name) for name in used), ""]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for each in rows:
        cells = [*(getattr(each, name) or "–" for name in used), _value(each)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _is_broken_down(figure: Figure) -> bool:
    return bool(figure.action or figure.violation or figure.decided_by)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    if figure.unit == "share":
        return f"{figure.value:.1%}"
    if figure.unit == "seconds":
        return f"{figure.value:,.1f} s"
    return f"{figure.value:,}"


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _within(table: Any, period: Period) -> tuple[Any, Any]:
    return table.created_at >= period.since, table.created_at < period.until
