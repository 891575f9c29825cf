"""Turn trained models into an artefact: calibrate, choose thresholds and bands, write it.

Calibration, thresholds and bands are fitted on rows that no model was trained on.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ostraka.assess.artefact import FORMAT, MANIFEST
from ostraka.assess.breach import Breach
from ostraka.assess.calibration import Calibration, CategoryMap
from ostraka.assess.combination import Combination
from ostraka.taxonomy import Category

Floats = NDArray[np.float32]
NEVER: Final = 1.01
"""A bound of a band that no probability reaches."""

_TRIED_BOUNDS: Final = 4
"""How many bounds of each category are weighed against each other at a time."""


def fit_calibration(logits: Floats, labels: Floats) -> Calibration:
    """Logistic maps per category from logits and labels (n, categories), NaN where unknown."""
    maps = []
    for column, known in enumerate((~np.isnan(labels)).T):
        maps.append(logistic_map(logits[known, column], labels[known, column] > 0.5))
    return Calibration(maps)


def logistic_map(logits: Floats, positive: NDArray[np.bool_]) -> CategoryMap:
    """The logistic map of logits (n,) to probabilities (Platt, 1999), as knots.

    Two numbers per category: isotonic regression fits held-out rows a little better, but its
    steps make many unlike texts equal, which costs more elsewhere than it gains.
    """
    fit = LogisticRegression(C=100.0).fit(logits[:, None], positive)
    slope, shift = max(float(fit.coef_[0, 0]), 1e-3), float(fit.intercept_[0])
    targets = np.linspace(-12.0, 12.0, 97)
    return CategoryMap(
        ((targets - shift) / slope).astype(np.float32),
        (1.0 / (1.0 + np.exp(-targets))).astype(np.float32),
    )


def choose_thresholds(
    probabilities: Floats,
    labels: Floats,
    *,
    precision: float,
    benign: NDArray[np.bool_] | None = None,
    most_false: float = 0.0,
) -> Floats:
    """Per category (categories,) the lowest probability from 0.5 on that is safe to flag from.

    Safe means: of the held-out rows flagged at least `precision` are positive, and of the rows
    `benign` (n,) at most the share `most_false` are flagged. Labels (n, categories) are NaN
    where unknown. Where no probability is safe, the threshold is 0.95.
    """
    thresholds = np.empty(labels.shape[1], np.float32)
    for j, known in enumerate((~np.isnan(labels)).T):
        thresholds[j] = _precise(probabilities[known, j], labels[known, j] > 0.5, precision)
        if benign is not None and benign.any():
            floor = float(np.quantile(probabilities[benign, j], 1.0 - most_false))
            thresholds[j] = max(thresholds[j], min(floor + 1e-4, 0.95))
    return thresholds


def _precise(p: Floats, positive: NDArray[np.bool_], precision: float) -> float:
    order = np.argsort(-p)
    share = np.cumsum(positive[order]) / np.arange(1, len(p) + 1)
    safe = np.flatnonzero(share >= precision)
    return float(np.clip(p[order][safe[-1]], 0.5, 0.95)) if len(safe) else 0.95


def benign_rows(labels: Floats, least: int = 10) -> NDArray[np.bool_]:
    """Which rows (n,) are known to be harmless: `least` categories known or more, all 0."""
    known = ~np.isnan(labels)
    return (known.sum(axis=1) >= least) & ~(np.nan_to_num(labels) > 0.5).any(axis=1)


def choose_bands(
    first: Floats,
    last: Floats,
    thresholds: Floats,
    *,
    benign: NDArray[np.bool_],
    risk: float,
    ceiling: float | Floats,
) -> tuple[Floats, Floats]:
    """The first stage's bands of doubt, so that it seldom lets pass what the last stage flags.

    `first` and `last` are the probabilities (n, categories) of both stages on held-out rows, of
    which `benign` (n,) are harmless. Below `low` in every category the first stage says no by
    itself: of the held-out texts that the last stage flags in a category, at most the share `risk`
    are passed so, in each category by itself, so that a rare one is not outvoted. `low` starts at
    `ceiling`, one for all or (categories,), because scores of both stages are compared and the
    first one's are coarse, and is lowered where that keeps back most of the flagged for the fewest
    harmless texts that then need the last stage. There is no upper end: what the first stage would
    flag always gets a second opinion.
    """
    flags = last >= thresholds
    flagged = flags.sum(axis=0)
    low = np.minimum(thresholds, ceiling).astype(np.float32)
    while True:
        passed = flags & np.all(first < low, axis=1, keepdims=True)
        shares = passed.sum(axis=0) / np.maximum(flagged, 1)
        worst = int(shares.argmax())
        if shares[worst] <= risk:
            return low, np.full_like(thresholds, NEVER)
        column, bound = _cheapest_bound(first[passed[:, worst]], first[benign], low)
        low[column] = bound


def _cheapest_bound(flagged: Floats, harmless: Floats, low: Floats) -> tuple[int, float]:
    """The category and bound that keep back most flagged rows for each harmless one.

    `flagged` are probabilities (n, categories) that all lie below `low`; bounds that keep back
    more than a few of them are left to later calls.
    """
    passing = harmless[(harmless < low).all(axis=1)]
    best, choice = -1.0, (0, 0.0)
    for column in range(len(low)):
        for bound in np.unique(flagged[:, column])[::-1][:_TRIED_BOUNDS]:
            kept_back = int((flagged[:, column] >= bound).sum())
            cost = int((passing[:, column] >= bound).sum())
            if kept_back / (cost + 1) > best:
                best, choice = kept_back / (cost + 1), (column, float(bound))
    return choice


def _highest_doubt(p: Floats, flags: NDArray[np.bool_], threshold: float, risk: float) -> float:
    """The lowest probability from which at most `risk` of one category's flags are denied."""
    order = np.argsort(-p)
    denied = np.cumsum(~flags[order])
    shares = (denied + 1) / (np.arange(len(p)) + 2)
    safe = np.flatnonzero((shares <= risk) & (p[order] >= threshold))
    return float(p[order][safe[-1]]) if len(safe) else NEVER


def choose_doubt(
    probabilities: Floats, labels: Floats, thresholds: Floats, doubt: float
) -> tuple[Floats, Floats]:
    """The last stage's bands of doubt, in which a person should look.

    Below `low` lie at most the share `doubt` of a category's positives, or its probability is
    under `doubt` anyway; above `high` at most that share of what is flagged is wrong.
    """
    low, high = thresholds.copy(), thresholds.copy()
    for j, threshold in enumerate(thresholds):
        known = ~np.isnan(labels[:, j])
        p, positive = probabilities[known, j], labels[known, j] > 0.5
        if positive.any():
            low[j] = np.clip(np.quantile(p[positive], doubt), min(doubt, threshold), threshold)
        high[j] = _highest_doubt(p, positive, float(threshold), doubt)
    return low, high


@dataclass(frozen=True, slots=True)
class StagePart:
    """What the manifest says of one stage; `low` and `high` are its bands (categories,)."""

    name: str
    models: Sequence[str]
    files: Sequence[str]
    combination: Combination | None
    calibration: Calibration
    low: Floats
    high: Floats
    options: Mapping[str, Any]
    breaches: Sequence[Breach] = ()


def write_manifest(
    folder: Path,
    *,
    name: str,
    created: int,
    categories: Sequence[Category],
    not_modelled: Sequence[Category],
    thresholds: Mapping[Category, float],
    stages: Sequence[StagePart],
    provenance: Mapping[str, Any],
) -> None:
    """`manifest.json`, with the digest of every file that the stages name."""
    manifest = {
        "format": FORMAT,
        "name": name,
        "created": created,
        "categories": list(categories),
        "not_modelled": list(not_modelled),
        "thresholds": {str(c): round(float(t), 4) for c, t in thresholds.items()},
        "stages": [_stage(folder, stage, categories) for stage in stages],
        "provenance": dict(provenance),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _stage(folder: Path, stage: StagePart, categories: Sequence[Category]) -> dict[str, Any]:
    breaches = [breach.to_json(categories) for breach in stage.breaches]
    return {
        "name": stage.name,
        "models": list(stage.models),
        "files": {
            file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in stage.files
        },
        "options": dict(stage.options),
        "combination": stage.combination.to_json() if stage.combination else None,
        "calibration": stage.calibration.to_json(),
        "bands": {
            "low": [round(float(x), 5) for x in stage.low],
            "high": [round(float(x), 5) for x in stage.high],
        },
    } | ({"breaches": breaches} if breaches else {})
