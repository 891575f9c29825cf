"""Charts as SVG that the server draws: here the geometry, in `charts.html` the shapes.

Places are percentages of the plot, so that a chart fits any width and its words keep their size.
Lines lie in a box of 1000 by 1000 that is stretched over the plot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

Point = tuple[float, float]

_BOX: Final = 1000
_MOST_POINTS: Final = 240
_CLOSEST_LABELS: Final = 14.0
"""Per cent of the height that two labels at the ends of lines keep between them."""

_LOWEST_LABEL: Final = 96.0


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `style` names its class, `marks` draws a dot at each point; without a name it is a
    line to compare others with, and bears no label.
    """

    name: str
    style: str
    points: Sequence[Point]
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of an axis, its words, and its place in per cent."""

    place: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn series: the path, dots in per cent, and where its label stands."""

    name: str
    style: str
    path: str
    dots: Sequence[Point]
    label: str
    label_place: float


@dataclass(frozen=True, slots=True)
class LineChart:
    """Everything that the template needs."""

    lines: Sequence[Line]
    across: Sequence[Tick]
    up: Sequence[Tick]
    across_name: str
    summary: str


def line_chart(
    series: Sequence[Series],
    *,
    across_name: str,
    summary: str,
    across_end: float = 0.0,
    up_end: float = 0.0,
) -> LineChart:
    """A chart with both axes from zero, at least as long as `across_end` and `up_end`."""
    xs = [x for each in series for x, _ in each.points]
    ys = [y for each in series for _, y in each.points]
    right, across = _axis(max([across_end, *xs, 1.0]), exact=True)
    top, up = _axis(max([up_end, *ys, 1e-6]), exact=up_end > 0.0)
    drawn = [_line(each, right, top) for each in series if each.points]
    return LineChart(
        lines=_apart(drawn),
        across=across,
        up=[Tick(100.0 - tick.place, tick.words) for tick in up],
        across_name=across_name,
        summary=summary,
    )


def thinned(points: Sequence[Point], most: int = _MOST_POINTS) -> list[Point]:
    """At most `most` points: the means of neighbours, and the last one as it is."""
    if len(points) <= most:
        return list(points)
    stride = math.ceil(len(points) / (most - 1))
    groups = [points[at : at + stride] for at in range(0, len(points) - 1, stride)]
    means = [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]
    return [*means, points[-1]]


def number(value: float) -> str:
    """A value with as many digits as tell it from its neighbours."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 0.1:
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def loss(value: float) -> str:
    """A loss; a tiny one as 0.00042, since few people read 4.2e-04."""
    if value >= 0.001:
        return number(value)
    return f"{Decimal(f'{value:.2g}'):f}" if value >= 1e-6 else "under 0.000001"


def _line(series: Series, right: float, top: float) -> Line:
    places = [(100.0 * x / right, 100.0 - 100.0 * y / top) for x, y in thinned(series.points)]
    scale = _BOX / 100.0
    path = "M" + "L".join(f"{x * scale:.1f} {y * scale:.1f}" for x, y in places)
    dots = places if series.marks or len(places) == 1 else places[-1:]
    dots = dots if series.name else []
    last = series.points[-1][1]
    return Line(series.name, series.style, path, dots, loss(last), places[-1][1])


def _apart(lines: Sequence[Line]) -> list[Line]:
    """The lines with their labels moved, if two would stand over each other; some have none."""
    ordered = sorted((each for each in lines if each.name), key=lambda each: each.label_place)
    places = [line.label_place for line in ordered]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + _CLOSEST_LABELS)
    limit = _LOWEST_LABEL
    for at in reversed(range(len(places))):
        places[at] = min(places[at], limit)
        limit = places[at] - _CLOSEST_LABELS
    moved = [replace(line, label_place=place) for line, place in zip(ordered, places, strict=True)]
    return [each for each in lines if not each.name] + moved


def _axis(end: float, *, exact: bool) -> tuple[float, list[Tick]]:
    """The end of an axis and its ticks; an exact one ends where its values do."""
    rough = end / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    last = end if exact else step * math.ceil(end / step - 1e-9)
    count = math.floor(last / step + 1e-9)
    ticks = [Tick(100.0 * at * step / last, number(at * step)) for at in range(count + 1)]
    return last, ticks
