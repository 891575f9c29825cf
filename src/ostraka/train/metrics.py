"""The figures of a quality report, from scores and labels. Pure: arrays in, numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from ostraka.assess.calibration import expected_calibration_error

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """One category on one set. Figures that need both classes are None where one is missing."""

    rows: int
    positives: int
    average_precision: float | None
    roc_auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    calibration_error: float


def category_figures(scores: Floats, labels: Floats, threshold: float) -> CategoryFigures | None:
    """Figures of one category from scores and labels (n,), NaN where unknown; None if all are."""
    known = ~np.isnan(labels)
    if not known.any():
        return None
    p, y = scores[known], labels[known] > 0.5
    flagged = p >= threshold
    hits = int((flagged & y).sum())
    precision = hits / int(flagged.sum()) if flagged.any() else None
    recall = hits / int(y.sum()) if y.any() else None
    both = bool(y.any() and not y.all())
    f1 = (
        2 * precision * recall / (precision + recall)
        if precision and recall
        else (0.0 if y.any() else None)
    )
    return CategoryFigures(
        rows=len(y),
        positives=int(y.sum()),
        average_precision=float(average_precision_score(y, p)) if both else None,
        roc_auc=float(roc_auc_score(y, p)) if both else None,
        precision=precision,
        recall=recall,
        f1=f1,
        calibration_error=expected_calibration_error(p, y.astype(np.float32)),
    )


@dataclass(frozen=True, slots=True)
class BiasFigures:
    """AUCs of identity bias (Borkan et al., 2019), each a power mean (p = -5) over subgroups."""

    subgroup: float
    bpsn: float
    bnsp: float
    overall: float
    by_identity: Mapping[str, tuple[float, float, float]]

    @property
    def power_mean(self) -> float:
        """The mean of the three power means and the overall AUC."""
        return (self.subgroup + self.bpsn + self.bnsp + self.overall) / 4


def bias_figures(scores: Floats, labels: Flags, identities: Sequence[str]) -> BiasFigures:
    """Subgroup, background-positive-subgroup-negative and the reverse, per identity term."""
    names = np.asarray(identities)
    table: dict[str, tuple[float, float, float]] = {}
    for identity in sorted(set(identities)):
        inside = names == identity
        pairs = (
            inside,
            (inside & ~labels) | (~inside & labels),
            (inside & labels) | (~inside & ~labels),
        )
        if len(set(labels[inside].tolist())) == 2:
            first, second, third = (float(roc_auc_score(labels[s], scores[s])) for s in pairs)
            table[identity] = (first, second, third)
    columns = np.array(list(table.values()))
    means = (columns**-5.0).mean(axis=0) ** (-1 / 5.0)
    return BiasFigures(
        float(means[0]),
        float(means[1]),
        float(means[2]),
        float(roc_auc_score(labels, scores)),
        table,
    )


def flag_rate_at_recall(unsafe: Floats, safe: Floats, recall: float) -> tuple[float, float]:
    """Share of `safe` flagged at the highest threshold that catches `recall` of `unsafe`.

    Returns (share of safe texts flagged, threshold).
    """
    needed = max(1, int(np.ceil(recall * len(unsafe))))
    threshold = float(np.sort(unsafe)[::-1][needed - 1])
    return float((safe >= threshold).mean()), threshold
