"""How far judges agree with each other, with people, and with themselves.

Labels are compared by Cohen's kappa (two raters) and Krippendorff's alpha (any number, with gaps),
rewards against people's rankings by Kendall's tau-b, confidence against being right by a
calibration curve. Ratings are mappings of a turn's id to what a rater said of it; what only one
rater has seen is left out, and how much was compared is always said.

Kappa and alpha are the room `estimates`'; confusion matrices are scikit-learn's, tau is SciPy's:
the extra `agreement`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from ostraka.errors import MissingExtraError
from ostraka.estimates.agreement import Level, cohen_kappa, krippendorff_alpha
from ostraka.judge.ratings import Ranking, Ratings

try:
    from scipy.stats import kendalltau
    from sklearn.metrics import confusion_matrix
except ImportError as _error:
    raise MissingExtraError("agreement", "Agreement between judges") from _error

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two raters over the turns that both rated. None where a figure is not defined."""

    turns: int
    agreement: float | None
    kappa: float | None
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


def compare(first: Ratings, second: Ratings, labels: Sequence[str] = ()) -> Comparison:
    """Agreement, Cohen's kappa and the confusion matrix (rows: first, columns: second)."""
    shared = [key for key in first if key in second]
    ours = [first[key].label for key in shared]
    theirs = [second[key].label for key in shared]
    known = tuple(dict.fromkeys([*labels, *sorted({*ours, *theirs})]))
    if not shared:
        return Comparison(0, None, None, known, ())
    matrix = confusion_matrix(ours, theirs, labels=list(known))
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return Comparison(
        turns=len(shared),
        agreement=same / len(shared),
        kappa=cohen_kappa(ours, theirs),
        labels=known,
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def alpha_of(raters: Sequence[Ratings], level: Level = "nominal") -> float | None:
    """Krippendorff's alpha of raters: over their labels, or over their rewards as numbers."""
    units: defaultdict[str, list[object]] = defaultdict(list)
    for ratings in raters:
        for key, rating in ratings.items():
            units[key].append(rating.label if level == "nominal" else rating.reward)
    return krippendorff_alpha(units.values(), level)  # type: ignore[arg-type]  # of one kind each


@dataclass(frozen=True, slots=True)
class RankingAgreement:
    """Rewards against people's rankings; with one reward only there is no tau."""

    rankings: int
    compared: int
    mean_tau: float | None


def against_rankings(ratings: Ratings, rankings: Iterable[Ranking]) -> RankingAgreement:
    """The mean of Kendall's tau-b over rankings. An answer is worth the mean over its turns."""
    taus: list[float] = []
    total = 0
    for ranking in rankings:
        total += 1
        rated = [[ratings[key].reward for key in turns if key in ratings] for turns in ranking]
        means = [fmean(rewards) for rewards in rated if rewards]
        tau = kendall_tau([-place for place in range(len(means))], means)
        if tau is not None:
            taus.append(tau)
    return RankingAgreement(total, len(taus), fmean(taus) if taus else None)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b; None where either has fewer than two different values."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return _defined(kendalltau(first, second).statistic)


@dataclass(frozen=True, slots=True)
class Bin:
    """Turns of about the same confidence, and how many of them were judged as the people did."""

    turns: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Is a confidence of 0.8 right eight times in ten? `error` is the expected calibration error:
    the mean distance between the two over all turns.
    """

    turns: int
    error: float | None
    bins: tuple[Bin, ...]


def calibration(judge: Ratings, people: Ratings, bins: int = BINS) -> Calibration:
    """The calibration curve of a judge, people's labels being right."""
    filled: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for key, rating in judge.items():
        if key in people and rating.confidence is not None:
            index = min(int(rating.confidence * bins), bins - 1)
            filled[index].append((rating.confidence, rating.label == people[key].label))
    curve = tuple(_bin(filled[index]) for index in sorted(filled))
    turns = sum(each.turns for each in curve)
    gaps = sum(each.turns * abs(each.confidence - each.right) for each in curve)
    return Calibration(turns, gaps / turns if turns else None, curve)


def _bin(pairs: Sequence[tuple[float, bool]]) -> Bin:
    size = len(pairs)
    return Bin(size, sum(c for c, _ in pairs) / size, sum(right for _, right in pairs) / size)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
