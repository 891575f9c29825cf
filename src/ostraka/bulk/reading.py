"""JSONL, CSV, TSV and plain lines as batches of rows.

Lines are decoded one by one, so that one damaged row is reported by its number and the others are
judged. Nothing here holds more than one batch in memory.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from ostraka.bulk.formats import UNPACKING_ERRORS, Format, Layout, unpacked
from ostraka.bulk.rows import Batch, Row
from ostraka.errors import DataError

LONGEST_LINE: Final = 16 * 2**20
LARGEST_BATCH: Final = 8 * 2**20
"""Characters (roughly) after which a batch is full, whatever its number of rows."""
_PEEKED_ROWS: Final = 100
_NOT_UTF8: Final = "is not valid UTF-8"
LINE_COLUMN: Final = "text"


class RowBatch:
    """Rows read from a text format."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def first(self) -> int:
        """The number of the first row."""
        return self._rows[0].number

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; None where the row has none."""
        return [row.values.get(name) for row in self._rows]

    def problem(self, index: int) -> str | None:
        """Why the row could not be read, if so."""
        return self._rows[index].problem

    def values(self) -> list[dict[str, Any]]:
        """Every row with all its columns."""
        return [row.values for row in self._rows]


class TextSource:
    """Rows of a JSONL, CSV, TSV or plain file, or of standard input."""

    def __init__(self, raw: BinaryIO, layout: Layout, *, name: str, size: int | None) -> None:
        self._raw = raw
        self._size = size
        self._name = name
        self._lines = _Lines(unpacked(raw, layout.compression), name)
        self.columns, self._rows = self._open(layout.format)

    @classmethod
    def of_file(cls, path: Path, layout: Layout) -> "TextSource":
        """The rows of the file at `path`."""
        try:
            return cls(path.open("rb"), layout, name=str(path), size=path.stat().st_size)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error

    def _open(self, form: Format) -> tuple[tuple[str, ...], Iterator[Row]]:
        if form is Format.LINES:
            return (LINE_COLUMN,), _plain(self._lines)
        if form is Format.JSONL:
            rows = _jsonl(self._lines)
            peeked = list(islice(rows, _PEEKED_ROWS))
            columns = tuple(dict.fromkeys(key for row in peeked for key in row.values))
            return columns, chain(peeked, rows)
        return _delimited(self._lines, "\t" if form is Format.TSV else ",", self._name)

    def batches(self, rows: int, *, skip: int = 0) -> Iterator[Batch]:
        """Batches of at most `rows` rows, and of bounded size, after the first `skip` rows."""
        pending: list[Row] = []
        start = self._lines.characters
        for row in islice(self._rows, skip, None):
            pending.append(row)
            if len(pending) >= rows or self._lines.characters - start > LARGEST_BATCH:
                yield RowBatch(pending)
                pending, start = [], self._lines.characters
        if pending:
            yield RowBatch(pending)

    def position(self) -> tuple[int, int | None]:
        """Bytes of the (packed) file read so far, and its size."""
        return (self._raw.tell() if self._size is not None else 0), self._size

    def close(self) -> None:
        """Let the file go."""
        self._raw.close()


def all_columns(path: Path, layout: Layout) -> tuple[str, ...]:
    """Every column that any row of a file has: one pass over the whole file."""
    source = TextSource.of_file(path, layout)
    try:
        batches = source.batches(_PEEKED_ROWS)
        found = dict.fromkeys(key for batch in batches for row in batch.values() for key in row)
        return tuple(found)
    finally:
        source.close()


class _Lines:
    """Decoded lines; `damaged` is set by a line that was not UTF-8, until it is asked for."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._damaged = False
        self._number = 0
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._stream.readline(LONGEST_LINE + 1)
        except UNPACKING_ERRORS as error:
            raise DataError(
                f"{self._name} is damaged after line {self._number}: {error}"
            ) from error
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{self._name}: line {self._number} is longer than 16 MiB")
        if self._number == 1:
            line = self._without_mark(line)
        self.characters += len(line)
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._damaged = True
            return line.decode(errors="replace")

    def _without_mark(self, line: bytes) -> bytes:
        if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{self._name} is UTF-16; save it as UTF-8")
        return line.removeprefix(b"\xef\xbb\xbf")

    def problem(self) -> str | None:
        """What was wrong with the lines since the last question."""
        damaged, self._damaged = self._damaged, False
        return _NOT_UTF8 if damaged else None


def _plain(lines: _Lines) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        yield Row(number, {LINE_COLUMN: line.rstrip("\r\n")}, lines.problem())


def _jsonl(lines: _Lines) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        problem = lines.problem()
        values: dict[str, Any] = {}
        if problem is None:
            try:
                value = json.loads(line)
                if isinstance(value, dict):
                    values = value
                else:
                    problem = f"is JSON, but a {type(value).__name__} and no object"
            except (ValueError, RecursionError) as error:
                problem = "is empty" if not line.strip() else f"is no JSON: {error}"
        yield Row(number, values, problem)


def _delimited(lines: _Lines, delimiter: str, name: str) -> tuple[tuple[str, ...], Iterator[Row]]:
    csv.field_size_limit(LONGEST_LINE)
    records = csv.reader(lines, delimiter=delimiter)
    header = tuple(next(records, []))
    if lines.problem():
        raise DataError(f"{name}: the header {_NOT_UTF8}")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise DataError(f"{name}: the header names '{twice[0]}' twice")
    return header, _records(records, header, lines, name)


def _records(
    records: Iterator[list[str]], header: Sequence[str], lines: _Lines, name: str
) -> Iterator[Row]:
    number = 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{name}: row {number + 1} cannot be read ({error}); is a quotation mark left open?"
            ) from error
        problem = lines.problem()
        if not record and len(header) > 1:
            continue  # a blank line between records
        number += 1
        if not record:
            problem = "is empty"
        elif len(record) != len(header):
            problem = f"has {len(record)} fields where the header has {len(header)}"
        yield Row(number, dict(zip(header, record, strict=False)), problem)
