"""Rows that a query gives, one at a time, into a file: CSV, JSON, JSON Lines or Parquet.

A file gets its name when it is whole. `None` as the path writes to standard output, as text only.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

from ostraka.bulk.parquet import require_pyarrow
from ostraka.bulk.writing import field_of, json_line
from ostraka.errors import InvalidInputError

with suppress(ImportError):
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS: Final = 5000
"""In a row group of Parquet."""


class TableFormat(StrEnum):
    """What a table can be written as."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


def write_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    kinds: Mapping[str, type],
    path: Path | None,
    format: TableFormat,
) -> int:
    """Write rows; `kinds` are the columns that hold no text. Returns how many rows.

    Raises:
        InvalidInputError: Parquet to standard output.
        MissingExtraError: Parquet without pyarrow.
    """
    if format is TableFormat.PARQUET:
        if path is None:
            raise InvalidInputError("Parquet needs a file: name one with --output", field="output")
        with whole_file(path) as partial:
            return _write_parquet(rows, columns, kinds, partial)
    with _text(path) as stream:
        if format is TableFormat.CSV:
            return _write_csv(rows, columns, stream)
        return _write_json(rows, stream, lines=format is TableFormat.JSONL)


def _write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], stream: TextIO) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([field_of(row.get(name)) for name in columns])
        count += 1
    return count


def _write_json(rows: Iterable[Mapping[str, Any]], stream: TextIO, *, lines: bool) -> int:
    count = 0
    for row in rows:
        if not lines:
            stream.write(",\n" if count else "[\n")
        stream.write(json_line(row) if lines else json_line(row).rstrip("\n"))
        count += 1
    if not lines:
        stream.write("\n]\n" if count else "[]\n")
    return count


def _write_parquet(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    kinds: Mapping[str, type],
    path: Path,
) -> int:
    require_pyarrow()
    arrow = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, arrow.get(kinds.get(name, str), pa.string())) for name in columns])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for some in batches(rows, _ROWS):
            flat = [{name: _flat(row.get(name)) for name in columns} for row in some]
            writer.write_table(pa.Table.from_pylist(flat, schema=schema))
            count += len(flat)
    return count


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


@contextmanager
def _text(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with (
        whole_file(path) as partial,
        partial.open("w", encoding="utf-8", errors="replace", newline="") as stream,
    ):
        yield stream


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A partial file that gets the name `path` when all went well, and else goes away."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The rows in lists of at most `size`."""
    some: list[Any] = []
    for row in rows:
        some.append(row)
        if len(some) >= size:
            yield some
            some = []
    if some:
        yield some
