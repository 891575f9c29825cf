"""The features of many texts as one sparse matrix, a chunk of texts at a time.

What comes out is what `ostraka.assess.lexical` computes of a text, before its weights. Two passes
over chunks keep the peak near the size of the matrix itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ostraka.assess.lexical import lexical_form, windows
from ostraka.train.feature_counts import count_features, scale

_CHUNK: Final = 2000
MINIMUM_TEXTS: Final = 2
"""A feature that fewer texts have is not learnt: it says nothing about others."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Texts in lexical form, cut into windows: `parts` in text order, `counts` of each text."""

    parts: list[str]
    counts: NDArray[np.int64]

    @property
    def owners(self) -> NDArray[np.int64]:
        """The text that each window is of."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def read_windows(texts: Sequence[str], most: int, words: int | None) -> Windows:
    """The windows of texts, of each at most `most`, evenly spread, of its first `words` words."""
    parts: list[str] = []
    counts: list[int] = []
    for text in texts:
        found = windows(lexical_form(text if words is None else _first_words(text, words)))
        if len(found) > most:
            found = [found[int(place)] for place in np.linspace(0, len(found) - 1, most)]
        parts += found
        counts.append(len(found))
    return Windows(parts, np.array(counts, np.int64))


def _first_words(text: str, words: int) -> str:
    split = text.split(maxsplit=words)
    return text if len(split) <= words else " ".join(split[:words])


def training_features(
    parts: Sequence[str], buckets: int
) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
    """The features of windows (windows, buckets), and the inverse document frequencies found."""
    chunks: list[tuple[sparse.csr_matrix, ...]] = []
    frequency = np.zeros(buckets, np.int64)
    for start in range(0, len(parts), _CHUNK):
        counted = count_features(parts[start : start + _CHUNK], buckets)
        for kind in counted:
            frequency += np.bincount(kind.indices, minlength=buckets)
        chunks.append(counted)
    idf = np.log((1 + len(parts)) / (1 + np.minimum(frequency, len(parts)))) + 1
    idf = np.where(frequency >= min(MINIMUM_TEXTS, len(parts)), idf, 0.0).astype(np.float32)
    for number, counted in enumerate(chunks):
        chunks[number] = (scale(counted, idf),)
    return sparse.vstack([chunk[0] for chunk in chunks], format="csr"), idf


def known_features(parts: Sequence[str], idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """The features of other windows, by the frequencies of those that were trained on."""
    return sparse.vstack(
        [
            scale(count_features(parts[start : start + _CHUNK], len(idf)), idf)
            for start in range(0, len(parts), _CHUNK)
        ],
        format="csr",
    )
