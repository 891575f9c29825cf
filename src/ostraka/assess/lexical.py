"""The first stage: hashed words and character n-grams through a small linear model, in numpy.

Every feature of a text is a 32-bit rolling hash of bytes of its normal form: single words, pairs
of neighbouring words, and runs of 3 to 5 characters that do not leave their word. A hash names a
row of a weight table, a text's logits are the mean of its rows per kind of feature, scaled,
plus a bias. All texts of a call are hashed together as one byte array, so the cost in Python is
per call, not per word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.base import Scores
from ostraka.assess.calibration import Calibration
from ostraka.assess.normalize import normalize
from ostraka.taxonomy import Category

SHORTEST_GRAM: Final = 3
LONGEST_GRAM: Final = 5
MAXIMUM_BYTES: Final = 4096
"""A window of the lexical stage: of a longer text, each window is scored by itself."""

_MULTIPLIER: Final = 0x01000193
_SPACE: Final = 32
_PAIR: Final = np.uint32(0x9E3779B1)


def _word_byte_table() -> NDArray[np.bool_]:
    """Which bytes belong to words: ASCII letters and digits, apostrophe, all of UTF-8's tail."""
    table = np.zeros(256, np.bool_)
    for low, high in ((48, 58), (97, 123), (128, 256)):
        table[low:high] = True
    table[39] = True
    return table


_IS_WORD: Final = _word_byte_table()


@dataclass(frozen=True, slots=True)
class Features:
    """Hashed features of n texts: uint32 `hashes` in text order, `counts` (n,) of each text."""

    hashes: NDArray[np.uint32]
    counts: NDArray[np.int64]


class _Powers:
    """Powers of the multiplier and of its inverse modulo 2**32, grown on demand."""

    def __init__(self) -> None:
        self._grow(1 << 16)

    def _grow(self, size: int) -> None:
        multiplier = np.full(size, _MULTIPLIER, np.uint32)
        multiplier[0] = 1
        inverse = np.full(size, pow(_MULTIPLIER, -1, 1 << 32), np.uint32)
        inverse[0] = 1
        self.up = np.multiply.accumulate(multiplier, dtype=np.uint32)
        self.down = np.multiply.accumulate(inverse, dtype=np.uint32)

    def upto(self, size: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Both tables, at least `size` long."""
        if size > len(self.up):
            self._grow(size)
        return self.up[:size], self.down


_POWERS: Final = _Powers()


def extract(texts: Sequence[str]) -> tuple[Features, Features]:
    """The word features and the character features of texts that are in normal form."""
    encoded = [b" " + text.encode("utf-8", "replace")[:MAXIMUM_BYTES] + b" " for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    raw = np.frombuffer(b"".join(encoded), np.uint8)
    inside = _IS_WORD[raw]
    codes = np.where(inside, raw, np.uint8(_SPACE)).astype(np.uint32)
    up, down = _POWERS.upto(len(codes))
    prefix = np.zeros(len(codes) + 1, np.uint32)
    np.cumsum(codes * up, out=prefix[1:], dtype=np.uint32)
    firsts = np.cumsum(lengths) - lengths
    return _words(prefix, down, inside, firsts), _grams(prefix, down, inside, firsts)


def _words(
    prefix: NDArray[np.uint32],
    down: NDArray[np.uint32],
    inside: NDArray[np.bool_],
    firsts: NDArray[np.int64],
) -> Features:
    """Single words and pairs of neighbours."""
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    if not len(starts):
        return Features(np.empty(0, np.uint32), np.zeros(len(firsts), np.int64))
    words = _scatter((prefix[ends] - prefix[starts]) * down[starts])
    owners = np.searchsorted(firsts, starts, side="right") - 1
    together = owners[1:] == owners[:-1]
    pairs = _scatter(words[:-1] * _PAIR + words[1:])[together]
    hashes = np.concatenate([words, pairs])
    all_owners = np.concatenate([owners, owners[1:][together]])
    order = np.argsort(all_owners, kind="stable")
    return Features(
        hashes[order], np.bincount(owners, minlength=len(firsts)) * 2 - _any(owners, len(firsts))
    )


def _any(owners: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return (np.bincount(owners, minlength=size) > 0).astype(np.int64)


def _grams(
    prefix: NDArray[np.uint32],
    down: NDArray[np.uint32],
    inside: NDArray[np.bool_],
    firsts: NDArray[np.int64],
) -> Features:
    """Runs of 3 to 5 bytes, with a space at most at either end."""
    outside = np.zeros(len(inside) + 1, np.int32)
    np.cumsum(~inside, out=outside[1:])
    counts = np.zeros(len(firsts), np.int64)
    starts_of_all, hashes_of_all = [], []
    for size in range(SHORTEST_GRAM, LONGEST_GRAM + 1):
        count = len(inside) - size + 1
        if count <= 0:
            continue
        starts = np.flatnonzero(outside[size - 1 : size - 1 + count] == outside[1 : 1 + count])
        hashes_of_all.append(
            _scatter((prefix[starts + size] - prefix[starts]) * down[starts] + np.uint32(size))
        )
        starts_of_all.append(starts)
    if not starts_of_all:
        return Features(np.empty(0, np.uint32), counts)
    owners = np.searchsorted(firsts, np.concatenate(starts_of_all), side="right") - 1
    order = np.argsort(owners, kind="stable")
    return Features(
        np.concatenate(hashes_of_all)[order], np.bincount(owners, minlength=len(firsts))
    )


def _scatter(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread the bits of hashes evenly (the finaliser of MurmurHash3, public domain)."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


class LexicalModel:
    """The weights: float32 (buckets, categories), a power of two of buckets; bias (categories,)."""

    def __init__(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self._weights = np.ascontiguousarray(weights, np.float32)
        self._bias = bias.astype(np.float32)
        self._mask = np.uint32(len(weights) - 1)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories) of texts as they came."""
        out = np.tile(self._bias, (len(texts), 1))
        for start in range(0, len(texts), _CHUNK):
            part = [normalize(text) for text in texts[start : start + _CHUNK]]
            for features in extract(part):
                self._add(out[start : start + _CHUNK], features)
        return out

    def _add(self, out: NDArray[np.float32], features: Features) -> None:
        present = np.flatnonzero(features.counts)
        if not len(present):
            return
        rows = self._weights.take(features.hashes & self._mask, axis=0)
        counts = features.counts[present]
        sums = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0)
        out[present] += sums / np.sqrt(counts, dtype=np.float32)[:, None]


_CHUNK: Final = 256


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
