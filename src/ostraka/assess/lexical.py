"""The first stage: hashed words and character n-grams through a small linear model, in numpy.

A hash names a row of a weight table; a text's logits are the sum of its rows per kind of feature,
divided by the root of their number, plus a bias. The n-grams of a text are those of its words, and
few words make up most of what people write: sums over a word's n-grams are kept, so that a text
costs a look-up per word.
"""

import threading
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.base import Scores
from ostraka.assess.calibration import Calibration
from ostraka.assess.features import MAXIMUM_BYTES, encode, extract_bytes, pair_hashes, split_words
from ostraka.assess.normalize import normalize
from ostraka.taxonomy import Category

_KEPT_WORDS: Final = 1 << 16
_KEPT_BYTES: Final = 1 << 20
_CHUNK_TEXTS: Final = 256
_CHUNK_BYTES: Final = 1 << 16
"""Few enough that the words of one chunk always fit into a new vocabulary."""
_NO_WORD: Final = b""
"""Stands in a text that has no words; all its sums are zero."""


def _inverse_roots(size: int) -> NDArray[np.float32]:
    """One over the root of 0 to `size` - 1; zero for zero."""
    roots = np.sqrt(np.arange(size), dtype=np.float32)
    return np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0)


_INVERSE_ROOTS: Final = _inverse_roots(4 * MAXIMUM_BYTES)
"""A text has at most three n-grams a byte, and fewer words and pairs than bytes."""


class _Vocabulary:
    """What the weights say of single words. It only grows, so readers need no lock.

    Row `i` of `sums` is, of word number `i`, the sum over its n-grams and the row of the word
    itself, side by side; `hashes` and `grams` are its hash and its number of n-grams.
    """

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        self._mask = np.uint32(len(weights) - 2)  # the last row is the model's row of zeros
        self._lock = threading.Lock()
        self._bytes = 0
        self.numbers: dict[bytes, int] = {_NO_WORD: 0}
        self.sums = np.zeros((_KEPT_WORDS, 2 * weights.shape[1]), np.float32)
        self.hashes = np.zeros(_KEPT_WORDS, np.uint32)
        self.grams = np.zeros(_KEPT_WORDS, np.int64)

    def learn(self, words: Sequence[bytes]) -> bool:
        """Add those of `words` that are new; false, and nothing added, if there is no room."""
        with self._lock:
            new = [word for word in dict.fromkeys(words) if word not in self.numbers]
            size = sum(map(len, new))
            first, end = len(self.numbers), len(self.numbers) + len(new)
            if end > _KEPT_WORDS or self._bytes + size > _KEPT_BYTES:
                return False
            if not new:  # another thread was faster
                return True
            singles, grams = extract_bytes(new)
            width = self._weights.shape[1]
            rows = self._weights.take(grams.hashes & self._mask, axis=0)
            starts = np.cumsum(grams.counts) - grams.counts
            self.sums[first:end, :width] = _sum_runs(rows, starts)
            self.sums[first:end, width:] = self._weights.take(singles.hashes & self._mask, axis=0)
            self.hashes[first:end] = singles.hashes
            self.grams[first:end] = grams.counts
            self._bytes += size
            # Last: whoever finds a word's number finds its row filled.
            self.numbers.update(zip(new, range(first, end), strict=True))
            return True


class LexicalModel:
    """The weights: float32 (buckets, categories), a power of two of buckets; bias (categories,).

    Safe to call from several threads.
    """

    def __init__(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        buckets, width = weights.shape
        # One row of zeros more, for the pair that the last word of a text does not have.
        self._weights = np.zeros((buckets + 1, width), np.float32)
        self._weights[:buckets] = weights
        self._nothing = buckets
        self._mask = np.uint32(buckets - 1)
        self._bias = bias.astype(np.float32)
        self._vocabulary = _Vocabulary(self._weights)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories) of texts as they came."""
        parts = [self._chunk(chunk) for chunk in _chunks(texts)]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, len(self._bias)), np.float32)

    def _chunk(self, texts: Sequence[list[bytes]]) -> NDArray[np.float32]:
        """Logits of texts that are split into words, each at least one."""
        vocabulary, numbers = self._look_up(list(chain.from_iterable(texts)))
        counts = np.array([len(words) for words in texts])
        ends = counts.cumsum()
        starts = ends - counts
        pairs = np.empty(len(numbers), np.intp)
        pairs[:-1] = pair_hashes(vocabulary.hashes.take(numbers)) & self._mask
        pairs[ends - 1] = self._nothing
        singles = _sum_runs(vocabulary.sums.take(numbers, axis=0), starts)
        words = _sum_runs(self._weights.take(pairs, axis=0), starts)
        grams = _sum_runs(vocabulary.grams.take(numbers), starts)
        width = len(self._bias)
        words += singles[:, width:]
        words *= _INVERSE_ROOTS.take(2 * counts - 1)[:, None]
        words += singles[:, :width] * _INVERSE_ROOTS.take(grams)[:, None]
        words += self._bias
        return words

    def _look_up(self, words: Sequence[bytes]) -> tuple[_Vocabulary, NDArray[np.intp]]:
        """The numbers of words, and the vocabulary that they are rows of."""
        vocabulary = self._vocabulary
        try:
            found = list(map(vocabulary.numbers.__getitem__, words))
        except KeyError:
            if not vocabulary.learn(words):
                # Full: start afresh. Threads that still read the old one keep it alive.
                vocabulary = _Vocabulary(self._weights)
                vocabulary.learn(words)
                self._vocabulary = vocabulary
            found = list(map(vocabulary.numbers.__getitem__, words))
        return vocabulary, np.array(found, np.intp)


def _chunks(texts: Sequence[str]) -> Iterator[list[list[bytes]]]:
    """The words of texts, some texts at a time: bounds memory and keeps caches warm."""
    chunk: list[list[bytes]] = []
    size = 0
    for text in texts:
        encoded = encode(normalize(text))
        if chunk and (len(chunk) == _CHUNK_TEXTS or size + len(encoded) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(split_words(encoded) or [_NO_WORD])
        size += len(encoded)
    if chunk:
        yield chunk


def _sum_runs(values: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
    """The sums over rows from each start to the next, added in order: no sum knows its batch."""
    sums: NDArray[Any] = np.add.reduceat(values, starts, axis=0)
    return sums


class LexicalAssessor:
    """The lexical stage: model and calibration behind the `Assessor` protocol."""

    name = "lexical"

    def __init__(
        self,
        model: LexicalModel,
        calibration: Calibration,
        categories: tuple[Category, ...],
        digest: str,
    ) -> None:
        self._model = model
        self._calibration = calibration
        self.categories = categories
        self.digest = digest

    def assess(self, texts: Sequence[str]) -> Scores:
        """Calibrated probabilities (len(texts), categories)."""
        return self._calibration(self._model.logits(texts))
