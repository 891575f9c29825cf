"""From the logits of a text's windows to those of the text.

Most categories take the highest of any window: what is hidden in the middle of a long text is
still read. Others are a property of the whole, such as which of two labels fits better, or whether
a mail is spam, whose every passage may look harmless or salesy alone: there windows vote.

The highest of many is high by chance, so a long text's is discounted. The discount has a limit:
else padding would hide anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHORT: Final = 300
"""Characters up to which nothing is discounted."""
_MOST: Final = 8.0
"""Texts so many times as long get the largest discount."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the columns of a model go from windows to texts.

    Those in `averaged` take the mean of a text's windows, all others the highest. Those in
    `discounted` lose, in long texts, `rate` times the logarithm of how many times `SHORT` it is.
    """

    averaged: tuple[int, ...] = ()
    discounted: tuple[int, ...] = ()
    rate: float = 0.0

    def __call__(self, logits: Floats, counts: NDArray[np.int64], texts: Sequence[str]) -> Floats:
        """Logits of texts (texts, columns) from those of their windows, `counts` of each text.

        `texts` are in normal form.
        """
        return self.discount(self.pool(logits, counts), texts)

    def pool(self, logits: Floats, counts: NDArray[np.int64]) -> Floats:
        """The same, no length discounted."""
        if len(logits) == len(counts):
            return logits
        starts = np.cumsum(counts) - counts
        whole: Floats = np.maximum.reduceat(logits, starts, axis=0)
        if self.averaged:
            place = list(self.averaged)
            sums = np.add.reduceat(np.ascontiguousarray(logits[:, place]), starts, axis=0)
            whole[:, place] = sums / counts[:, None].astype(np.float32)
        return whole

    def discount(self, logits: Floats, texts: Sequence[str]) -> Floats:
        """Logits of texts, less what length alone adds to the highest of many."""
        if not self.discounted or max(map(len, texts), default=0) <= SHORT:
            return logits
        times = [min(max(len(text) / SHORT, 1.0), _MOST) for text in texts]
        less = logits.copy()
        place = list(self.discounted)
        less[:, place] -= np.array([[self.rate * math.log(each)] for each in times], np.float32)
        return less
