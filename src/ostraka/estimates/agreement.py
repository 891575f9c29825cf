"""How far raters agree beyond chance, with intervals.

Cohen's kappa for two raters, Krippendorff's alpha for any number with gaps. Intervals are
percentiles of a bootstrap over units. Units that were rated alike are counted together, so that a
draw costs the same whatever their number: drawing units with replacement is drawing their counts
from a multinomial distribution.

Written out here, since the service runs without scikit-learn, and the package `krippendorff` is
GPL-licensed.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "interval"]
DRAWS: Final = 1_000
_EVERY_SIDE: Final = 2.5
"""Percent that are left out at either end."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of agreement. None where it is not defined: nothing was compared, or never varied.

    Without an interval there were too few units that differ for a bootstrap to say anything.
    """

    units: int
    value: float | None
    low: float | None
    high: float | None


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa; None where there is one label only, of which chance explains everything."""
    cells = Counter(zip(first, second, strict=True))
    if not cells:
        return None
    value = _kappas(_table(cells), np.array([list(cells.values())], dtype=float))[0]
    return None if np.isnan(value) else float(value)


def estimate_kappa(
    pairs: Iterable[tuple[Hashable, Hashable]], seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """Cohen's kappa of pairs of labels, the first rater's first, with its interval."""
    cells = Counter(pairs)
    table = _table(cells)
    return _estimate(list(cells.values()), lambda counts: _kappas(table, counts), seed, draws)


def krippendorff_alpha(
    units: Iterable[Sequence[str] | Sequence[float]], level: Level = "nominal"
) -> float | None:
    """Krippendorff's alpha over units, each the values that its raters gave; gaps are left out.

    By the coincidence matrix of K. Krippendorff, "Computing Krippendorff's Alpha-Reliability",
    2011 (https://repository.upenn.edu/handle/20.500.14332/2089), section C and D. A unit with one
    value has nothing to compare. None where all values are the same: nothing varies.
    """
    distance: Callable[[object, object], float] = _DISTANCES[level]
    observed = 0.0
    totals: Counter[object] = Counter()
    for unit in units:
        counts: Counter[object] = Counter(unit)
        size = counts.total()
        if size < 2:
            continue
        totals.update(counts)
        observed += sum(
            2 * counts[a] * counts[b] * distance(a, b) for a, b in combinations(counts, 2)
        ) / (size - 1)
    values = totals.total()
    expected = sum(2 * totals[a] * totals[b] * distance(a, b) for a, b in combinations(totals, 2))
    return None if expected == 0 else 1 - (values - 1) * observed / expected


def estimate_alpha(
    units: Iterable[Sequence[Hashable]], seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """Krippendorff's alpha over nominal units with its interval; units with one value are left out.

    The interval is a bootstrap over units, as A. Zapf et al., "Measuring inter-rater reliability
    for nominal data", 2016 (https://doi.org/10.1186/s12874-016-0200-9) recommend.
    """
    kinds = Counter(
        frozenset(Counter(unit).items()) for unit in (list(each) for each in units) if len(unit) > 1
    )
    labels = {label: None for kind in kinds for label, _ in kind}
    places = {label: place for place, label in enumerate(labels)}
    values = np.zeros((len(kinds), len(labels)))
    for row, kind in enumerate(kinds):
        for label, count in kind:
            values[row, places[label]] = count
    return _estimate(list(kinds.values()), lambda counts: _alphas(values, counts), seed, draws)


_Figures = NDArray[np.float64]


def _table(cells: Mapping[tuple[Hashable, Hashable], int]) -> tuple[_Figures, _Figures, _Figures]:
    """For each cell: whether its labels are the same, and which label each rater gave."""
    labels = {
        label: place for place, label in enumerate({each: 0 for cell in cells for each in cell})
    }
    same = np.array([float(a == b) for a, b in cells])
    first = np.zeros((len(cells), len(labels)))
    second = np.zeros((len(cells), len(labels)))
    for row, (a, b) in enumerate(cells):
        first[row, labels[a]] = 1
        second[row, labels[b]] = 1
    return same, first, second


def _kappas(table: tuple[_Figures, _Figures, _Figures], counts: _Figures) -> _Figures:
    """Kappa of every row of counts; not a number where chance explains everything."""
    same, first, second = table
    total = counts.sum(axis=1)
    observed = counts @ same / total
    expected = ((counts @ first) * (counts @ second)).sum(axis=1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = (observed - expected) / (1 - expected)
    return np.where(np.isclose(expected, 1.0), np.nan, figures)


def _alphas(values: _Figures, counts: _Figures) -> _Figures:
    """Alpha of every row of counts, over kinds of units with these numbers of each value."""
    sizes = values.sum(axis=1)
    unlike = (sizes**2 - (values**2).sum(axis=1)) / (sizes - 1)
    observed = counts @ unlike
    totals = counts @ values
    number = totals.sum(axis=1)
    expected = number**2 - (totals**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (number - 1) * observed / expected, np.nan)


def _estimate(
    counts: Sequence[int], figure: Callable[[_Figures], _Figures], seed: int, draws: int
) -> Estimate:
    """The figure of the counts as they are, and percentiles of it over draws like them."""
    units = sum(counts)
    if units == 0:
        return Estimate(0, None, None, None)
    value = float(figure(np.array([counts], dtype=float))[0])
    if np.isnan(value):
        return Estimate(units, None, None, None)
    shares = np.array(counts, dtype=float) / units
    drawn = np.random.default_rng(seed).multinomial(units, shares, size=draws).astype(float)
    figures = figure(drawn)
    figures = figures[~np.isnan(figures)]
    if len(counts) < 2 or len(figures) < draws / 2:
        return Estimate(units, value, None, None)
    low, high = np.percentile(figures, [_EVERY_SIDE, 100 - _EVERY_SIDE])
    return Estimate(units, value, float(low), float(high))


def _nominal(first: object, second: object) -> float:
    return float(first != second)


def _interval(first: object, second: object) -> float:
    return (float(first) - float(second)) ** 2  # type: ignore[arg-type]  # numbers, by the level


_DISTANCES: Final[Mapping[Level, Callable[[object, object], float]]] = {
    "nominal": _nominal,
    "interval": _interval,
}
