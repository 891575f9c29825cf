"""From the logits of a text's windows to those of the text.

Most categories take the highest of any window: what is hidden in the middle of a long text is
still read. Others are a property of the whole, such as which of two labels fits better, or whether
a mail is spam, whose every passage may look harmless or salesy alone: there windows vote.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def pool(logits: Floats, counts: NDArray[np.int64], averaged: Sequence[int] = ()) -> Floats:
    """Logits of texts (texts, columns) from those of their windows, `counts` of each text.

    Columns in `averaged` take the mean of a text's windows, all others the highest.
    """
    if len(logits) == len(counts):
        return logits
    starts = np.cumsum(counts) - counts
    whole: Floats = np.maximum.reduceat(logits, starts, axis=0)
    if len(averaged):
        place = list(averaged)
        sums = np.add.reduceat(np.ascontiguousarray(logits[:, place]), starts, axis=0)
        whole[:, place] = sums / counts[:, None].astype(np.float32)
    return whole
