"""The first stage: hashed words and character n-grams through a small linear model, in numpy.

A hash names a row of a weight table. A text's logits are the sum of its rows, divided per kind of
feature (words, characters) by the length of its vector of inverse document frequencies, plus a
bias. The n-grams of a text are those of its words, and few words make up most of what people
write: sums over a word's n-grams are kept, so that a text costs a look-up per word.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.features import encode, extract_bytes, pair_hashes, split_words
from ostraka.assess.normalize import normalize
from ostraka.assess.pooling import Pooling

WINDOW: Final = 600
"""Characters of a window: of a longer text each window is scored by itself (`pooling`)."""
OVERLAP: Final = 60

_KEPT_WORDS: Final = 1 << 16
_KEPT_BYTES: Final = 1 << 20
_CHUNK_TEXTS: Final = 256
_CHUNK_BYTES: Final = 1 << 16
"""Few enough that the words of one chunk always fit into a new vocabulary."""
_LONG_NUMBER: Final = re.compile(r"([0-9][0-9][0-9]+)\w*")  # begun by a set: found faster
_MOST_DIGITS: Final = 12
_LENGTH_SIGN: Final = "№"
"""Part of words and in no normal form, so no text can hold what `lexical_form` adds."""
_NO_WORD: Final = b""
"""Stands in a text that has no words; all its sums are zero."""
_SHORTEST: Final = 1e-3
"""Stands for the length of a vector that is zero."""


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


def lexical_form(text: str) -> str:
    """The normal form of `text` with a word behind every long number that says how long it is.

    No two telephone numbers or bank accounts share a word; their lengths are much the same.
    """
    return _LONG_NUMBER.sub(_with_length, normalize(text))


def _with_length(match: re.Match[str]) -> str:
    digits = min(len(match.group(1)), _MOST_DIGITS)
    return f"{match.group()} {_LENGTH_SIGN}{digits}"


class _Vocabulary:
    """What the weights say of single words. It only grows, so readers need no lock.

    Row `i` of `sums` is, of word number `i`, the sum over its n-grams and the row of the word
    itself, side by side; `hashes` holds its hash.
    """

    def __init__(self, table: NDArray[np.float32]) -> None:
        self._table = table
        self._mask = np.uint32(len(table) - 2)  # the last row is the model's row of zeros
        self._lock = threading.Lock()
        self._bytes = 0
        self.numbers: dict[bytes, int] = {_NO_WORD: 0}
        self.sums = np.zeros((_KEPT_WORDS, 2 * table.shape[1]), np.float32)
        self.hashes = np.zeros(_KEPT_WORDS, np.uint32)

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
            width = self._table.shape[1]
            rows = self._table.take(grams.hashes & self._mask, axis=0)
            starts = np.cumsum(grams.counts) - grams.counts
            self.sums[first:end, :width] = _sum_runs(rows, starts)
            self.sums[first:end, width:] = self._table.take(singles.hashes & self._mask, axis=0)
            self.hashes[first:end] = singles.hashes
            self._bytes += size
            # Last: whoever finds a word's number finds its row filled.
            self.numbers.update(zip(new, range(first, end), strict=True))
            return True


class LexicalModel:
    """Raw logits of texts, with the weights of one training run. Safe to share between threads."""

    def __init__(self, learnt: LexicalWeights, pooling: Pooling | None = None) -> None:
        """`pooling` makes one text of its windows; by default the highest of each column counts."""
        buckets, width = learnt.weights.shape
        # One table, so that a feature costs one gather: the weights of each bucket, then its
        # squared frequency, of which a text's sum gives the length of its vector. One row of
        # zeros more, for the pair that the last word of a text does not have.
        self._table = np.zeros((buckets + 1, width + 1), np.float32)
        np.multiply(learnt.weights, learnt.scale, out=self._table[:buckets, :width])
        np.square(learnt.idf, out=self._table[:buckets, width], dtype=np.float32)
        self._nothing = buckets
        self._mask = np.uint32(buckets - 1)
        self._bias = learnt.bias
        self._pooling = pooling or Pooling()
        self._vocabulary = _Vocabulary(self._table)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories), those of a text's windows pooled."""
        forms = [lexical_form(text) for text in texts]
        return self._pooling(*self._window_logits(forms), forms)

    def window_logits(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Raw logits (windows, categories) in text order, and each text's number of windows."""
        return self._window_logits([lexical_form(text) for text in texts])

    def _window_logits(self, forms: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        parts = [windows(form) for form in forms]
        by_window = [self._chunk(chunk) for chunk in _chunks(list(chain.from_iterable(parts)))]
        counts = np.fromiter(map(len, parts), np.int64, len(parts))
        if not by_window:
            return np.empty((0, len(self._bias)), np.float32), counts
        return by_window[0] if len(by_window) == 1 else np.concatenate(by_window), counts

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
        width = len(self._bias) + 1
        words = _sum_runs(self._table.take(pairs, axis=0), starts)
        words += singles[:, width:]
        return _scaled(words) + _scaled(singles[:, :width]) + self._bias

    def _look_up(self, words: Sequence[bytes]) -> tuple[_Vocabulary, NDArray[np.intp]]:
        """The numbers of words, and the vocabulary that they are rows of."""
        vocabulary = self._vocabulary
        try:
            found = list(map(vocabulary.numbers.__getitem__, words))
        except KeyError:
            if not vocabulary.learn(words):
                # Full: start afresh. Threads that still read the old one keep it alive.
                vocabulary = _Vocabulary(self._table)
                vocabulary.learn(words)
                self._vocabulary = vocabulary
            found = list(map(vocabulary.numbers.__getitem__, words))
        return vocabulary, np.array(found, np.intp)


def _chunks(texts: Sequence[str]) -> Iterator[list[list[bytes]]]:
    """The words of normal texts, some texts at a time: bounds memory and keeps caches warm."""
    chunk: list[list[bytes]] = []
    size = 0
    for text in texts:
        encoded = encode(text)
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


def _scaled(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of rows of the table (texts, categories + 1), divided by the lengths of the vectors."""
    lengths: NDArray[np.float32] = np.maximum(np.sqrt(sums[:, -1:]), _SHORTEST)
    return np.asarray(sums[:, :-1] / lengths, np.float32)


def windows(text: str) -> list[str]:
    """`text`, or overlapping stretches of `WINDOW` characters that cover all of it evenly."""
    if len(text) <= WINDOW:
        return [text]
    count = -(-(len(text) - OVERLAP) // (WINDOW - OVERLAP))
    step = (len(text) - WINDOW) / (count - 1)
    return [text[start : start + WINDOW] for start in (int(i * step) for i in range(count))]
