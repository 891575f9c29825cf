"""The first stage: hashed words and character n-grams through a small linear model, in numpy.

Every feature of a text is a 32-bit rolling hash of bytes of its normal form: single words, pairs
of neighbouring words, and runs of 3 to 5 characters that do not leave their word. A hash names a
row of a weight table; a text's logits are the sum of its rows, divided per kind of feature
(words, characters) by the length of its vector of inverse document frequencies, plus a bias. All
texts of a call are hashed together as one byte array, so the cost in Python is per call, not per
word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.normalize import normalize

SHORTEST_GRAM: Final = 3
LONGEST_GRAM: Final = 5
WINDOW: Final = 600
"""Characters of a window: of a longer text each window is scored by itself, and the highest score
of any counts, so that what is hidden in the middle of a long text is still read."""
OVERLAP: Final = 60

_CHUNK: Final = 256
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
    encoded = [b" " + text.encode("utf-8", "replace") + b" " for text in texts]
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


@dataclass(frozen=True, slots=True)
class LexicalWeights:
    """What is learnt, as it is stored.

    `weights` int8 (buckets, categories) times `scale` float32 (categories,); `bias` float32
    (categories,); `idf` float16 (buckets,), the inverse document frequency of each bucket, 0
    where it holds nothing. The number of buckets is a power of two.
    """

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    idf: NDArray[np.float16]

    @classmethod
    def quantised(
        cls, weights: NDArray[np.float32], bias: NDArray[np.float32], idf: NDArray[np.float32]
    ) -> "LexicalWeights":
        """Float weights (buckets, categories) rounded to 8 bits, each category by its own step.

        The step comes from all but the largest hundredth of a percent of the weights, which are
        cut: they are few, and the others keep their precision.
        """
        largest = np.quantile(np.abs(weights), 0.9999, axis=0)
        scale = (np.maximum(largest, 1e-6) / 127).astype(np.float32)
        rounded = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
        return cls(rounded, scale, bias.astype(np.float32), idf.astype(np.float16))

    @classmethod
    def load(cls, path: Path) -> "LexicalWeights":
        """The weights that `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(*(arrays[name] for name in cls.__slots__))

    def save(self, path: Path) -> None:
        """Write an `.npz`; the same weights give the same bytes."""
        arrays = {name: getattr(self, name) for name in self.__slots__}
        np.savez_compressed(path, **arrays)


class LexicalModel:
    """Raw logits of texts, with the weights of one training run."""

    def __init__(self, learnt: LexicalWeights) -> None:
        # One table, so that a feature costs one gather: the weights of each bucket, then its
        # squared frequency, of which a text's sum gives the length of its vector.
        self._table = np.empty((len(learnt.idf), len(learnt.bias) + 1), np.float32)
        self._table[:, :-1] = learnt.weights * learnt.scale
        self._table[:, -1] = learnt.idf.astype(np.float32) ** 2
        self._bias = learnt.bias
        self._mask = np.uint32(len(learnt.idf) - 1)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories): per category the highest of a text's windows."""
        parts = [windows(normalize(text)) for text in texts]
        flat = [window for windows_of_text in parts for window in windows_of_text]
        by_window = np.concatenate(
            [self._logits(flat[start : start + _CHUNK]) for start in range(0, len(flat), _CHUNK)]
            or [np.empty((0, len(self._bias)), np.float32)]
        )
        if len(flat) == len(texts):
            return by_window
        counts = np.fromiter(map(len, parts), np.int64, len(parts))
        return np.maximum.reduceat(by_window, np.cumsum(counts) - counts, axis=0)

    def _logits(self, windows_of_texts: Sequence[str]) -> NDArray[np.float32]:
        out = np.tile(self._bias, (len(windows_of_texts), 1))
        for features in extract(windows_of_texts):
            self._add(out, features)
        return out

    def _add(self, out: NDArray[np.float32], features: Features) -> None:
        present = np.flatnonzero(features.counts)
        if not len(present):
            return
        rows = self._table.take(features.hashes & self._mask, axis=0)
        counts = features.counts[present]
        sums = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0)
        lengths = np.sqrt(np.maximum(sums[:, -1:], 1e-6))
        out[present] += sums[:, :-1] / lengths


def windows(text: str) -> list[str]:
    """`text`, or overlapping stretches of `WINDOW` characters that cover all of it evenly."""
    if len(text) <= WINDOW:
        return [text]
    count = -(-(len(text) - OVERLAP) // (WINDOW - OVERLAP))
    step = (len(text) - WINDOW) / (count - 1)
    return [text[start : start + WINDOW] for start in (int(i * step) for i in range(count))]
