"""The rows of one source, read once: shares in memory, texts in a temporary file.

A row costs four bytes a label and eight for the place of its text, so that a million rows take some
40 MB. Recipes choose rows by looking at the shares of all of them, and then read the few texts.
"""

import hashlib
import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ostraka.errors import DataError

_KEPT_PROBLEMS: Final = 10

Shares = NDArray[np.float32]
Texts = tuple[bytes, NDArray[np.int64]]
"""Texts end to end in UTF-8, and their lengths."""


class Batch(Protocol):
    """Some rows in a row, as the readers of files give them."""

    def __len__(self) -> int:
        """How many rows."""
        ...

    @property
    def first(self) -> int:
        """The number of the first row, counted from 1."""
        ...

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; None where the row has none."""
        ...

    def problem(self, index: int) -> str | None:
        """Why the row at `index` could not be read, if so."""
        ...


@runtime_checkable
class ArrayBatch(Batch, Protocol):
    """A batch whose columns are arrays already; none of its rows has a problem."""

    def numbers(self, name: str) -> Shares | None:
        """One number a row; None where a row has something else."""
        ...

    def encoded(self, name: str) -> "Texts | None":
        """The texts of all rows; None where a row has something else."""
        ...


class Pool:
    """Texts with the share of annotators behind each label."""

    def __init__(self, labels: Sequence[str], folder: Path | None = None) -> None:
        self.labels = tuple(labels)
        self.problems: list[str] = []
        self.left_out = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._rows = 0
        self._lengths: list[NDArray[np.int64]] = []
        self._shares: list[Shares] = []
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._rows

    def close(self) -> None:
        """Give the disk space back."""
        if isinstance(content := self.__dict__.pop("_content", None), mmap.mmap):
            content.close()
        self._file.close()

    def read(
        self,
        batches: Iterable[Batch],
        name: str,
        *,
        text_column: str = "text",
        skip_bad_rows: bool = False,
        report: Callable[[int], None] = lambda rows: None,
    ) -> None:
        """Add the rows of a source; `report` hears how many the pool has.

        Raises:
            DataError: a row is not as it should be, and `skip_bad_rows` is not set.
        """
        for batch in batches:
            texts, shares, problems = _rows(batch, text_column, self.labels)
            for number, reason in problems:
                problem = f"{name}, row {number}: {reason}"
                if not skip_bad_rows:
                    raise DataError(f"{problem} (--skip-bad-rows leaves such rows out)")
                self.left_out += 1
                if len(self.problems) < _KEPT_PROBLEMS:
                    self.problems.append(problem)
            self._add(texts, shares)
            report(len(self))
        self._file.flush()

    def _add(self, texts: Texts, shares: Shares) -> None:
        content, lengths = texts
        self._file.write(content)
        for part in (content, lengths.tobytes(), shares.tobytes()):
            self._hash.update(part)
        self._lengths.append(lengths)
        self._shares.append(shares)
        self._rows += len(lengths)

    @property
    def digest(self) -> str:
        """SHA-256 of all rows of one reading, whatever format they came in."""
        return self._hash.hexdigest()

    @cached_property
    def shares(self) -> Shares:
        """(rows, labels), once all is read."""
        none = np.empty((0, len(self.labels)), np.float32)
        whole = np.concatenate([none, *self._shares])
        self._shares.clear()
        return whole

    @cached_property
    def _ends(self) -> memoryview:
        """Where texts end, behind a zero. Not an array: single numbers of a view cost a fifth."""
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *self._lengths]))
        return ends.data

    @cached_property
    def _content(self) -> mmap.mmap | bytes:
        """All texts. Mapped: rows are looked up in any order, a million times."""
        if not self._ends[-1]:
            return b""
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def text(self, index: int) -> str:
        """The text of a row, once all is read."""
        return self.encoded(index).decode("utf-8")

    def encoded(self, index: int) -> bytes:
        """The text of a row in UTF-8, once all is read."""
        return self._content[self._ends[index] : self._ends[index + 1]]


def _rows(
    batch: Batch, text_column: str, labels: Sequence[str]
) -> tuple[Texts, Shares, list[tuple[int, str]]]:
    if isinstance(batch, ArrayBatch) and (found := _arrays(batch, text_column, labels)):
        return *found, []
    columns = [batch.column(label) for label in labels]
    with suppress(ValueError, TypeError, AttributeError, UnicodeEncodeError):
        shares = np.ascontiguousarray(np.array(columns, np.float32).T)
        if _fit(shares) and not any(batch.problem(index) for index in range(len(batch))):
            texts = [text.encode() for text in batch.column(text_column)]
            return _joined(texts), shares, []
    return _rows_one_by_one(batch, text_column, labels, columns)


def _arrays(
    batch: ArrayBatch, text_column: str, labels: Sequence[str]
) -> tuple[Texts, Shares] | None:
    """The rows, if they are arrays and all is well; nothing is done for a single row."""
    columns = [numbers for label in labels if (numbers := batch.numbers(label)) is not None]
    if len(columns) < len(labels):
        return None
    shares = np.stack(columns, axis=1)
    texts = batch.encoded(text_column) if _fit(shares) else None
    return None if texts is None else (texts, shares)


def _fit(shares: Shares) -> bool:
    return bool(((shares >= 0) & (shares <= 1)).all())  # NaN, that is nothing, fits nothing


def _joined(texts: Sequence[bytes]) -> Texts:
    return b"".join(texts), np.fromiter(map(len, texts), np.int64, len(texts))


def _rows_one_by_one(
    batch: Batch, text_column: str, labels: Sequence[str], columns: Sequence[Sequence[Any]]
) -> tuple[Texts, Shares, list[tuple[int, str]]]:
    """The slow way, which finds the rows that are wrong and says why."""
    texts: list[bytes] = []
    good: list[list[float]] = []
    problems: list[tuple[int, str]] = []
    for index, text in enumerate(batch.column(text_column)):
        try:
            if problem := batch.problem(index):
                raise ValueError(problem)
            pairs = zip(labels, columns, strict=True)
            row = [_share(column[index], label) for label, column in pairs]
            texts.append(_encoded(text, text_column))
            good.append(row)
        except ValueError as error:
            problems.append((batch.first + index, str(error)))
    return _joined(texts), np.array(good, np.float32).reshape(-1, len(labels)), problems


def _share(value: Any, label: str) -> float:
    with suppress(TypeError, ValueError):
        share = float(value)
        if 0.0 <= share <= 1.0:
            return share
    held = "nothing" if value is None else f"'{value}'"[:40]
    raise ValueError(f"column '{label}' holds {held}, a share from 0 to 1 is needed")


def _encoded(text: Any, column: str) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"column '{column}' holds no text")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"column '{column}' holds half a surrogate pair, no text") from None


class ColumnBatch:
    """A batch from columns in memory."""

    def __init__(self, columns: dict[str, Sequence[Any]], first: int) -> None:
        self._columns = columns
        self._first = first

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    @property
    def first(self) -> int:
        """The number of the first row."""
        return self._first

    def column(self, name: str) -> Sequence[Any]:
        """One value a row."""
        try:
            return self._columns[name]
        except KeyError:
            found = ", ".join(self._columns)
            raise DataError(f"there is no column '{name}'; the columns: {found}") from None

    def problem(self, index: int) -> str | None:
        """Columns can always be read."""
        return None


def in_batches(columns: Iterable[dict[str, Sequence[Any]]]) -> Iterator[ColumnBatch]:
    """Batches, numbered, of chunks of columns."""
    first = 1
    for chunk in columns:
        batch = ColumnBatch(chunk, first)
        yield batch
        first += len(batch)
