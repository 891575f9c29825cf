"""Parquet as a source and as an output, in batches, through pyarrow (extra `data`).

A Parquet file cannot be cut back to a checkpoint, so the partial output is a folder with one small
Parquet file per checkpoint; they become one file at the end. Columns that came from Parquet keep
their types; columns of other formats get the type that all their values share, else text.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.bulk.rows import Batch
from ostraka.bulk.verdicts import VerdictColumns
from ostraka.errors import DataError, MissingExtraError

with suppress(ImportError):
    import pyarrow as pa
    import pyarrow.parquet as pq

_MERGED: Final = "merged"


def require_pyarrow() -> None:
    """Say which command installs pyarrow, where it is missing."""
    if "pq" not in globals():
        raise MissingExtraError("data", "Reading and writing Parquet")


class ArrowBatch:
    """Rows of a Parquet file, in Arrow's columns."""

    def __init__(self, table: Any, first: int) -> None:
        self.table = table
        self._first = first

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def first(self) -> int:
        """The number of the first row."""
        return self._first

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; None where it is null."""
        try:
            values: list[Any] = self.table.column(name).to_pylist()
        except UnicodeDecodeError as error:
            raise DataError(
                f"column '{name}' holds text that is not UTF-8, in row {self._first} or later"
            ) from error
        return values

    def numbers(self, name: str) -> NDArray[np.float32] | None:
        """A column of floats without nulls as one array; None where it is something else."""
        column = self.table.column(name)
        if column.null_count or not pa.types.is_floating(column.type):
            return None
        # Not `to_numpy`, which imports pandas.
        return np.from_dlpack(pa.concat_arrays(column.chunks)).astype(np.float32)

    def encoded(self, name: str) -> tuple[bytes, NDArray[np.int64]] | None:
        """The texts of a column without nulls, end to end, and their lengths in bytes; None where
        it holds something else.
        """
        column = self.table.column(name)
        if column.null_count or not pa.types.is_string(column.type):
            return None
        whole = pa.concat_arrays(column.chunks)
        _, offsets, content = whole.buffers()
        ends = np.frombuffer(offsets, np.int32)[whole.offset : whole.offset + len(whole) + 1]
        texts = content[int(ends[0]) : int(ends[-1])].to_pybytes() if content else b""
        if not texts.isascii():
            try:
                whole.validate(full=True)  # Parquet's texts come as they are, UTF-8 or not
            except pa.ArrowInvalid:
                return None
        return texts, np.diff(ends).astype(np.int64)

    def problem(self, index: int) -> str | None:
        """Parquet rows can always be read."""
        return None

    def values(self) -> list[dict[str, Any]]:
        """Every row with all its columns; times in nanoseconds as text, which Python lacks."""
        rows: list[dict[str, Any]] = pa.table(
            [_without_nanoseconds(column) for column in self.table.columns],
            names=self.table.column_names,
        ).to_pylist()
        return rows


def _without_nanoseconds(column: Any) -> Any:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.string())
    if pa.types.is_duration(kind) or kind == pa.time64("ns"):
        return column.cast(pa.int64())
    return column


class ParquetSource:
    """Rows of a Parquet file."""

    def __init__(self, path: Path) -> None:
        require_pyarrow()
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path} cannot be read as Parquet: {error}") from error
        self._path = path
        self._read = 0
        names = list(self._file.schema_arrow.names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{path} has two columns '{twice[0]}'")
        self.columns = tuple(names)

    def batches(self, rows: int, *, skip: int = 0) -> Iterator[Batch]:
        """Batches of at most `rows` rows; whole row groups before `skip` are not read."""
        before = 0
        groups: list[int] = []
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            if not groups and before + size <= skip:
                before += size
            else:
                groups.append(group)
        number = before
        try:
            for batch in self._file.iter_batches(rows, row_groups=groups):
                start = max(skip - number, 0)
                number += batch.num_rows
                self._read = number
                if start < batch.num_rows:
                    part = pa.Table.from_batches([batch.slice(start)])
                    yield ArrowBatch(part, number - part.num_rows + 1)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self._path} is damaged after row {number}: {error}") from error

    def position(self) -> tuple[int, int | None]:
        """Rows read and rows in all."""
        return self._read, int(self._file.metadata.num_rows)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class ParquetOutput:
    """Judged rows on their way into a Parquet file; see the module for how it resumes."""

    def __init__(self, folder: Path, columns: VerdictColumns, state: Mapping[str, Any]) -> None:
        require_pyarrow()
        self._folder = folder
        self._columns = columns
        self._parts = int(state.get("parts", 0))
        self._pending: list[Any] = []
        folder.mkdir(exist_ok=True)
        kept = {self._part(index) for index in range(self._parts)}
        if any(not part.exists() for part in kept):
            raise DataError(f"{folder} lacks a part that its checkpoint names")
        for stray in set(folder.iterdir()) - kept:
            stray.unlink()

    def write(self, batch: Batch, added: Sequence[Mapping[str, Any]], keep: Sequence[int]) -> None:
        """Add the rows at `keep` of the batch, with their verdict columns."""
        if not keep:
            return
        if isinstance(batch, ArrowBatch):
            table = batch.table.take(pa.array(keep, pa.int64()))
        else:
            values = batch.values()
            table = _table([values[index] for index in keep])
        for name, kind in _verdict_types(self._columns).items():
            column = pa.array([added[index].get(name) for index in keep], kind)
            table = table.append_column(name, column)
        self._pending.append(table)

    def checkpoint(self) -> dict[str, Any]:
        """Put what was written on the disk; the state that a later run goes on from."""
        if self._pending:
            part = self._part(self._parts)
            pq.write_table(_one_table(self._pending), part, compression="zstd")
            self._parts += 1
            self._pending = []
        return {"parts": self._parts}

    def finish(self, output: Path) -> None:
        """Make one file of the parts and give it its name."""
        self.checkpoint()
        parts = [self._part(index) for index in range(self._parts)]
        schema = _shared_schema([pq.read_schema(part) for part in parts])
        if not parts:
            schema = pa.schema(list(_verdict_types(self._columns).items()))
        merged = self._folder / _MERGED
        with pq.ParquetWriter(merged, schema, compression="zstd") as writer:
            for part in parts:
                writer.write_table(_fitted(pq.read_table(part), schema))
        with merged.open("rb") as file:
            os.fsync(file.fileno())
        merged.replace(output)
        shutil.rmtree(self._folder)

    def close(self) -> None:
        """Nothing is held open."""

    def _part(self, index: int) -> Path:
        return self._folder / f"{index:06}.parquet"


def _verdict_types(columns: VerdictColumns) -> dict[str, Any]:
    kinds = {"row": pa.int64(), "flagged": pa.bool_(), "categories": pa.list_(pa.string())}
    types = {columns.named(short): kinds.get(short, pa.string()) for short in columns.plain}
    return types | dict.fromkeys(columns.scores.values(), pa.float64())


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    names = list(dict.fromkeys(name for row in rows for name in row))
    arrays = [_array([row.get(name) for row in rows]) for name in names]
    # A table without columns would have no rows either.
    return (
        pa.table(arrays, names=names) if names else pa.table({"": pa.nulls(len(rows))}).select([])
    )


def _array(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([_as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode(errors="replace").decode()


def _one_table(tables: Sequence[Any]) -> Any:
    schema = _shared_schema([table.schema for table in tables])
    return pa.concat_tables([_fitted(table, schema) for table in tables])


def _shared_schema(schemas: Sequence[Any]) -> Any:
    """Every column of any schema; text where two types have nothing wider in common."""
    kinds: dict[str, Any] = {}
    for field in (field for schema in schemas for field in schema):
        known = kinds.get(field.name, pa.null())
        try:
            pair = [pa.schema([(field.name, known)]), pa.schema([(field.name, field.type)])]
            kinds[field.name] = pa.unify_schemas(pair, promote_options="permissive").types[0]
        except pa.ArrowException:
            kinds[field.name] = pa.string()
    return pa.schema(list(kinds.items()))


def _fitted(table: Any, schema: Any) -> Any:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if column.type == field.type:
            columns.append(column)
        elif field.type == pa.string() and not pa.types.is_null(column.type):
            columns.append(pa.array([_as_text(v) for v in column.to_pylist()], pa.string()))
        else:
            columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
