"""Which rows the cookbook's notebook takes: the same rows, in the same order, faults included.

Its comments promise other things than it does. Clean rows are a ninth of the flagged ones *before*
the cap discards most of those, so that a third of the outcome is clean; the cap counts against all
flagged rows, not against those kept, and once a frequent label has reached it every later row with
that label goes, rare labels and all; both numbers are cut off by `int`, which can lose a row. Its
last shuffle has no seed; ours has one.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ostraka.train.preparation.order import Order

CLEAN: Final = 0.1
MOST: Final = 0.2
RAREST: Final = 0.01
SAFE: Final = "safe"
TAKEN: Final = (1_000_000, 50_000, 50_000)
"""Rows it takes of train, validation and test."""


def labelled(shares: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Strictly more than the threshold: where half of the annotators agree, nothing is labelled."""
    return shares > np.float32(threshold)


def filtered(labels: NDArray[np.bool_], order: Order) -> list[int]:
    """The rows it keeps of those in `order`, flagged ones first; not yet shuffled."""
    is_flagged = labels[order].any(axis=1)
    flagged, clean = order[is_flagged].tolist(), order[~is_flagged].tolist()
    total = len(flagged) / (1 - CLEAN)
    wanted_clean, wanted = int(total * CLEAN), int(total * (1 - CLEAN))
    counts = [0] * labels.shape[1]
    kept = []
    numbers = range(labels.shape[1])
    for row, held in zip(flagged[:wanted], labels[flagged[:wanted]].tolist(), strict=True):
        carried = list(compress(numbers, held))
        if all((counts[label] + 1) / wanted <= MOST for label in carried):
            kept.append(row)
            for label in carried:
                counts[label] += 1
    return kept + clean[:wanted_clean]


def kept_labels(parts: Sequence[NDArray[np.bool_]]) -> list[int]:
    """The labels that one row in a hundred has, over all parts together, the test part too."""
    means = np.concatenate(parts).mean(axis=0)
    return np.flatnonzero(means >= RAREST).tolist()
