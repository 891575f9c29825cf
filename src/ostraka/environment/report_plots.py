"""The pictures of a run's report, as PNG and SVG. Needs matplotlib (extra `environment`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ostraka.environment.report import Report

_INK: Final = "#1c1e20"
_QUIET: Final = "#5d6268"
_BAR: Final = "#2f6f8f"
_LIGHT: Final = "#c9c5bf"
_SUFFIXES: Final = ("png", "svg")


def pictures_of(reports: Mapping[str, Report]) -> list[str]:
    """The names of the files that `draw` writes."""
    names = ["scores"]
    if any(report.clauses for report in reports.values()):
        names += ["recall_by_clause", "confusion"]
    return [f"{name}.{suffix}" for name in names for suffix in _SUFFIXES]


def draw(reports: Mapping[str, Report], folder: Path) -> None:
    """Write the pictures into `folder`: scores, recall by clause, confusion."""
    _write(reports, folder / "scores", "How did the episodes go?", _scores, 2.6)
    known = {name: report for name, report in reports.items() if report.clauses}
    if known:
        title = "Which violations were caught?"
        _write(known, folder / "recall_by_clause", title, _recall, 3.8)
        _write(known, folder / "confusion", "What was taken for what?", _confusion, 4.4)


def _write(
    reports: Mapping[str, Report],
    path: Path,
    title: str,
    panel: Callable[[Axes, Report], None],
    height: float,
) -> None:
    figure = Figure(figsize=(4.6 * len(reports) + 0.6, height), dpi=130, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK, weight="bold")
    axes = figure.subplots(1, len(reports), squeeze=False)[0]
    for each, (name, report) in zip(axes, reports.items(), strict=True):
        each.set_title(name, loc="left", fontsize=10, color=_INK)
        each.tick_params(length=0, labelsize=8, labelcolor=_QUIET)
        panel(each, report)
    # The same figures give the same bytes, so that reports can be compared and kept.
    with mpl.rc_context({"svg.hashsalt": "ostraka"}):
        for suffix in _SUFFIXES:
            unchanging = {"Software": None} if suffix == "png" else {"Date": None, "Creator": None}
            figure.savefig(path.with_suffix(f".{suffix}"), format=suffix, metadata=unchanging)


def _without_frame(axes: Axes) -> None:
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _scores(axes: Axes, report: Report) -> None:
    """How many episodes have which score, and their mean."""
    values = list(report.scores.values())
    axes.hist(values, bins=20, range=(0, 1), color=_BAR, edgecolor="white")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the words about the mean
    axes.axvline(report.score, color=_INK, linewidth=1.2)
    axes.annotate(
        f"mean {report.score:.3f}", (report.score, 1), xycoords=("data", "axes fraction"),
        xytext=(4, -9), textcoords="offset points", fontsize=8, color=_INK,
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xlabel("score of an episode", fontsize=8, color=_QUIET)
    axes.set_ylabel("episodes", fontsize=8, color=_QUIET)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _without_frame(axes)


def _recall(axes: Axes, report: Report) -> None:
    """The share of each clause's violations that were not approved."""
    shown = [
        (name, each.recall, each.violations)
        for name, each in reversed(report.clauses.items())
        if each.recall is not None
    ]
    names = [f"{name} ({count})" for name, _, count in shown]
    axes.barh(names, [1.0] * len(shown), color=_LIGHT, height=0.6)
    bars = axes.barh(names, [recall for _, recall, _ in shown], color=_BAR, height=0.6)
    labels = [f"{recall:.2f}" for _, recall, _ in shown]
    axes.bar_label(bars, labels, padding=3, fontsize=8, color=_INK)
    axes.set_xlim(0, 1.1)
    axes.xaxis.set_visible(False)
    _without_frame(axes)


def _confusion(axes: Axes, report: Report) -> None:
    """Right actions down, given ones across; each row is shaded by its own shares."""
    rows = {right: each for right, each in report.confusion.items() if any(each.values())}
    given = list(next(iter(report.confusion.values())))
    shares: list[list[float]] = []
    for counts in rows.values():
        total = sum(counts.values())
        shares.append([count / total for count in counts.values()])
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    axes.set_xticks(range(len(given)), [_words(name) for name in given], rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), [_words(name) for name in rows])
    axes.set_xlabel("given", fontsize=8, color=_QUIET)
    axes.set_ylabel("right", fontsize=8, color=_QUIET)
    for row, counts in enumerate(rows.values()):
        _numbers(axes, row, counts, shares[row])
    _without_frame(axes)


def _numbers(axes: Any, row: int, counts: Mapping[str, int], shares: list[float]) -> None:
    for column, count in enumerate(counts.values()):
        if count:
            colour = "white" if shares[column] > 0.65 else _INK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)


def _words(name: str) -> str:
    return name.replace("_", " ")
