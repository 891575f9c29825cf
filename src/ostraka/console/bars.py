"""Bar charts as SVG that the server draws: here the geometry, in `charts.html` the shapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostraka.console.charts import Tick, number

_GAP: Final = 0.28
"""Of a bar's place, the share that stays empty."""
_MOST_LABELS: Final = 7


@dataclass(frozen=True, slots=True)
class Amounts:
    """One series: an amount for each bar. `style` names its class."""

    name: str
    style: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Block:
    """A drawn amount, in per cent of the plot, with its words."""

    x: float
    y: float
    width: float
    height: float
    style: str
    words: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Everything that the template needs."""

    blocks: Sequence[Block]
    across: Sequence[Tick]
    up: Sequence[Tick]
    names: Sequence[tuple[str, str]]
    """Name and style of each series that has any amount."""
    summary: str


def bar_chart(
    labels: Sequence[str], series: Sequence[Amounts], *, summary: str, stacked: bool
) -> BarChart:
    """Bars from zero, one place for each label; `stacked` or side by side."""
    drawn = [each for each in series if any(each.values)]
    columns = list(zip(*(each.values for each in drawn), strict=True)) if drawn else []
    tallest = max([*(sum(c) if stacked else max(c) for c in columns), 1.0])
    top, up = _axis(tallest)
    place = 100.0 / max(1, len(labels))
    blocks = [
        block
        for at, amounts in enumerate(columns)
        for block in _blocks(labels[at], drawn, amounts, at * place, place, top, stacked=stacked)
    ]
    stride = math.ceil(len(labels) / _MOST_LABELS)
    across = [
        Tick((at + 0.5) * place, label)
        for at, label in enumerate(labels)
        if (len(labels) - 1 - at) % stride == 0
    ]
    return BarChart(blocks, across, up, [(each.name, each.style) for each in drawn], summary)


def _blocks(
    label: str,
    series: Sequence[Amounts],
    amounts: Sequence[float],
    left: float,
    place: float,
    top: float,
    *,
    stacked: bool,
) -> list[Block]:
    width = place * (1 - _GAP)
    each_width = width if stacked else width / len(series)
    found, base = [], 0.0
    for at, (one, amount) in enumerate(zip(series, amounts, strict=True)):
        if not amount:
            continue
        height = 100.0 * amount / top
        x = left + place * _GAP / 2 + (0.0 if stacked else at * each_width)
        y = 100.0 - height - (base if stacked else 0.0)
        words = f"{label}: {number(amount)} {one.name.lower()}"
        found.append(Block(x, y, each_width, height, one.style, words))
        base += height
    return found


def _axis(tallest: float) -> tuple[float, list[Tick]]:
    """The end of the axis and its ticks: whole numbers, as these are counts."""
    rough = max(1.0, tallest / 4)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    count = math.ceil(tallest / step - 1e-9)
    top = step * count
    return top, [Tick(100.0 - 100.0 * at / count, number(at * step)) for at in range(count + 1)]
