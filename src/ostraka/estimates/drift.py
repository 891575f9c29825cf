"""How far a distribution of scores has moved: the population stability index."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

BINS: Final = 10
FEW: Final = 200
"""With fewer scores on either side, chance alone moves the index."""
_LEAST: Final = 0.5
"""What an empty bin counts as, so that the index stays finite."""

Movement = Literal["stable", "moved", "shifted", "unknown"]


def stability_index(before: Sequence[float], after: Sequence[float]) -> float | None:
    """The population stability index of scores; None where there are none on either side.

    Bins are the tenths of the scores before, so that scores which crowd near 0 are told apart. The
    index is the sum over bins of the difference of shares times the logarithm of their ratio: 0
    where nothing moved.
    """
    if not len(before) or not len(after):
        return None
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    old, new = _shares(before, edges), _shares(after, edges)
    return float(((new - old) * np.log(new / old)).sum())


def movement(index: float | None, before: int, after: int) -> Movement:
    """The index in a word, by the customary marks 0.1 and 0.25."""
    if index is None or before < FEW or after < FEW:
        return "unknown"
    if index < 0.1:
        return "stable"
    return "moved" if index < 0.25 else "shifted"


def _shares(scores: Sequence[float], edges: np.ndarray) -> np.ndarray:
    places = np.searchsorted(edges, scores, side="left")
    counts = np.bincount(places, minlength=len(edges) + 1).astype(float)
    filled = np.maximum(counts, _LEAST)
    return np.asarray(filled / filled.sum())
