"""Raw logits to probabilities: a piecewise-linear map per category, fitted on held-out rows.

Training gives the map's knots; between them it is linear, outside the outer ones constant. A map
is monotone: it never changes the order of two texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CategoryMap:
    """Knots of one category's map: increasing `logits`, non-decreasing `probabilities`."""

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of raw logits, elementwise."""
        return np.interp(logits, self.logits, self.probabilities).astype(np.float32)


class Calibration:
    """One map per category, applied to a whole matrix of logits.

    The maps are laid end to end on one axis, each moved by its `offset`, so that all categories
    are looked up in one pass.
    """

    def __init__(self, maps: Sequence[CategoryMap]) -> None:
        self.maps = tuple(maps)
        knots = [each.logits.astype(np.float64) for each in self.maps]
        self._lowest = np.array([each[0] for each in knots])
        self._highest = np.array([each[-1] for each in knots])
        widths = self._highest - self._lowest + 1.0
        self._offsets = np.cumsum(widths) - widths - self._lowest
        self._logits = np.concatenate(
            [each + offset for each, offset in zip(knots, self._offsets, strict=True)]
        )
        self._probabilities = np.concatenate([each.probabilities for each in self.maps])

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (n, categories) of logits (n, categories)."""
        inside = np.minimum(np.maximum(logits, self._lowest), self._highest)
        inside += self._offsets
        return np.asarray(np.interp(inside, self._logits, self._probabilities), np.float32)

    def to_json(self) -> list[dict[str, list[float]]]:
        """The knots, for the artefact's manifest."""
        return [
            {
                "logits": [round(float(x), 5) for x in each.logits],
                "probabilities": [round(float(x), 6) for x in each.probabilities],
            }
            for each in self.maps
        ]

    @classmethod
    def from_json(cls, raw: Sequence[dict[str, list[float]]]) -> "Calibration":
        """The calibration that `to_json` wrote."""
        return cls(
            [
                CategoryMap(
                    np.asarray(each["logits"], np.float32),
                    np.asarray(each["probabilities"], np.float32),
                )
                for each in raw
            ]
        )


def expected_calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.float32], bins: int = 15
) -> float:
    """Mean distance between stated and observed probability over equal-width bins.

    Both arrays have shape (n,); bins weigh by their share of rows (Naeini et al., 2015).
    """
    which = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    stated = np.bincount(which, weights=probabilities, minlength=bins)
    observed = np.bincount(which, weights=labels, minlength=bins)
    return float(np.abs(stated - observed).sum() / max(counts.sum(), 1))
