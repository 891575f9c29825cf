"""A run's report as a page of Markdown: figures, clauses, what was taken for what."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ostraka.environment.report import INVALID, Report


def figures_of(report: Report) -> dict[str, float | int | None]:
    """The single figures of a report, by their names in words."""
    found: dict[str, Any] = report.as_dict()
    for name in ("clauses", "confusion", "scores"):
        del found[name]
    recall = found.pop("recall")
    found |= {"recall of severe": recall.get("severe"), "recall of others": recall.get("other")}
    return {name.replace("_", " "): value for name, value in found.items()}


def figure(value: float | int | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def page_of(title: str, about: str, reports: Mapping[str, Report], pictures: Sequence[str]) -> str:
    """The page. `pictures` are files that lie beside it."""
    parts = [f"# {title}", about, _figures(reports)]
    parts += [f"![{name.partition('.')[0].replace('_', ' ')}]({name})" for name in pictures]
    for name, report in reports.items():
        if report.clauses:
            parts += [f"## {name}: by clause", _clauses(report)]
            parts += [f"## {name}: what was taken for what", _confusion(report)]
    return "\n\n".join(parts) + "\n"


def _figures(reports: Mapping[str, Report]) -> str:
    columns = [figures_of(report) for report in reports.values()]
    rows = [[name, *(figure(column[name]) for column in columns)] for name in columns[0]]
    return _table(["", *reports], rows)


def _clauses(report: Report) -> str:
    rows = [
        [
            name,
            str(each.violations),
            figure(each.recall),
            str(each.harmless),
            figure(each.over_removal),
            figure(each.exact),
        ]
        for name, each in report.clauses.items()
    ]
    return _table(
        ["clause", "violations", "recall", "harmless", "over-removal", "exactly right"], rows
    )


def _confusion(report: Report) -> str:
    given = next(iter(report.confusion.values())).keys()
    rows = [
        [right, *(str(counts[each]) for each in given)]
        for right, counts in report.confusion.items()
        if any(counts.values())
    ]
    names = [each if each != INVALID else "no valid action" for each in given]
    return _table(["right ↓, given →", *names], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
