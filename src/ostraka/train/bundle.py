"""Turn trained stages into an artefact: calibrate, choose thresholds and bands, write it.

Calibration, thresholds and bands are fitted on rows that no stage was trained on.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from ostraka.assess.artefact import FORMAT, MANIFEST
from ostraka.assess.calibration import Calibration, CategoryMap
from ostraka.taxonomy import Category

Floats = NDArray[np.float32]


def fit_calibration(logits: Floats, labels: Floats, weights: Floats) -> Calibration:
    """Isotonic maps per category from logits and labels (n, categories), NaN where unknown."""
    return Calibration(
        [_fit_map(logits[:, j], labels[:, j], weights) for j in range(logits.shape[1])]
    )


def _fit_map(logits: Floats, labels: Floats, weights: Floats, knots: int = 40) -> CategoryMap:
    known = ~np.isnan(labels)
    fit = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4, out_of_bounds="clip")
    fit.fit(logits[known], labels[known], sample_weight=weights[known])
    at = np.unique(np.quantile(logits[known], np.linspace(0, 1, 400)))
    tail = np.sort(logits[known & (labels > 0.5)])
    at = np.unique(np.concatenate([at, tail]))
    values = np.asarray(fit.predict(at), np.float64)
    slope = np.linspace(0, 1e-4, len(at))
    values = np.maximum.accumulate(np.clip(values * (1 - 1e-4) + slope, 0, 1))
    if len(at) > knots:
        spread = np.interp(
            np.linspace(0, 1, knots),
            np.linspace(0, 1, len(at)) * 0.5 + 0.5 * (values - values[0]) / np.ptp(values),
            at,
        )
        chosen = np.unique(spread)
        return CategoryMap(
            chosen.astype(np.float32), np.interp(chosen, at, values).astype(np.float32)
        )
    return CategoryMap(at.astype(np.float32), values.astype(np.float32))


def choose_threshold(
    probabilities: Floats, labels: Floats, weights: Floats, precision: float, lowest: float = 0.5
) -> float:
    """The lowest probability, not under `lowest`, from which flags reach `precision`.

    Arrays are (n,) and fully known. Where the precision is never reached, 0.9 or the highest
    precision's threshold, whichever is higher.
    """
    order = np.argsort(-probabilities)
    hits = np.cumsum(labels[order] * weights[order])
    flagged = np.cumsum(weights[order])
    reached = np.flatnonzero(hits / flagged >= precision)
    if not len(reached):
        return 0.9
    return float(np.clip(probabilities[order][reached[-1]], lowest, 0.95))


def choose_bands(
    probabilities: Floats, labels: Floats, thresholds: Floats, risk: float
) -> tuple[Floats, Floats]:
    """Per category the narrowest band around the threshold that keeps errors outside rare.

    Below `low` at most `risk` of the positives are missed; above `high` at most `risk` × 10 of
    what is flagged is wrong.
    """
    low, high = thresholds.copy(), thresholds.copy()
    for j, threshold in enumerate(thresholds):
        known = ~np.isnan(labels[:, j])
        p, y = probabilities[known, j], labels[known, j]
        positives = np.sort(p[y > 0.5])
        if len(positives):
            low[j] = min(threshold, positives[int(risk * len(positives))])
        above = p[y < 0.5]
        above = above[above >= threshold]
        flagged = int((p >= threshold).sum())
        allowed = int(risk * 10 * flagged)
        if len(above) > allowed:
            high[j] = max(threshold, float(np.sort(above)[::-1][allowed]))
    return low, high


@dataclass(frozen=True, slots=True)
class StagePart:
    """What the manifest says of one stage."""

    name: str
    files: Sequence[str]
    calibration: Calibration
    low: Floats
    high: Floats
    options: Mapping[str, Any]


def write_lexical(folder: Path, weights: Floats, bias: Floats) -> None:
    """`lexical.npz`: weights as float16, bias as float32; the same arrays give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "lexical.npz", weights=weights.astype(np.float16), bias=bias.astype(np.float32)
    )


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
        "stages": [
            {
                "name": stage.name,
                "files": {
                    file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
                    for file in stage.files
                },
                "options": dict(stage.options),
                "calibration": stage.calibration.to_json(),
                "bands": {
                    "low": [round(float(x), 5) for x in stage.low],
                    "high": [round(float(x), 5) for x in stage.high],
                },
            }
            for stage in stages
        ],
        "provenance": dict(provenance),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
