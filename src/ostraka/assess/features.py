"""Hashed words and character n-grams of texts, the features of the lexical stage, in numpy.

Every feature of a text is a 32-bit rolling hash of bytes of its normal form: single words, pairs
of neighbouring words, and runs of 3 to 5 bytes that do not leave their word. All texts of a call
are hashed together as one byte array, so the cost in Python is per call, not per word.

A weight table is trained on these very hashes: whoever changes one must train again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHORTEST_GRAM: Final = 3
LONGEST_GRAM: Final = 5

_MULTIPLIER: Final = 0x01000193
_SPACE: Final = 32
# Arrays without dimensions: numpy meets them with less ado than its own scalars.
_PAIR: Final = np.array(0x9E3779B1, np.uint32)
_SHIFTS: Final = (np.array(16, np.uint32), np.array(13, np.uint32))
_FACTORS: Final = (np.array(0x85EBCA6B, np.uint32), np.array(0xC2B2AE35, np.uint32))


def _word_byte_table() -> NDArray[np.bool_]:
    """Which bytes belong to words: ASCII letters and digits, apostrophe, all of UTF-8's tail."""
    table = np.zeros(256, np.bool_)
    for low, high in ((48, 58), (97, 123), (128, 256)):
        table[low:high] = True
    table[39] = True
    return table


_IS_WORD: Final = _word_byte_table()
_ONLY_WORDS: Final = bytes(byte if word else _SPACE for byte, word in enumerate(_IS_WORD))


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
    return extract_bytes([encode(text) for text in texts])


def encode(text: str) -> bytes:
    """The bytes of `text` that are hashed."""
    return text.encode("utf-8", "replace")


def split_words(encoded: bytes) -> list[bytes]:
    """The words of an encoded text, the same that `extract` sees."""
    return encoded.translate(_ONLY_WORDS).split()


def pair_hashes(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The hashes of neighbours: n - 1 of them, for n hashes of single words in text order."""
    return _scatter(words[:-1] * _PAIR + words[1:])


def extract_bytes(texts: Sequence[bytes]) -> tuple[Features, Features]:
    """`extract` of texts that are encoded already."""
    encoded = [b" " + text + b" " for text in texts]
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
    pairs = pair_hashes(words)[together]
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
    wide, narrow = _SHIFTS
    values = (values ^ (values >> wide)) * _FACTORS[0]
    values = (values ^ (values >> narrow)) * _FACTORS[1]
    return values ^ (values >> wide)
