"""Judged rows into JSONL, CSV and TSV files that can be cut back to a checkpoint.

Rows are packed into one whole gzip member or zstandard frame per checkpoint, so that a partial file
can be cut between two of them and continued.
"""

import base64
import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ostraka.bulk.formats import Compression, Format, Layout, packed, require_zstandard
from ostraka.bulk.rows import Batch
from ostraka.errors import DataError


class Output(Protocol):
    """Where judged rows go."""

    def write(self, batch: Batch, added: Sequence[Mapping[str, Any]], keep: Sequence[int]) -> None:
        """Add the rows at `keep` of the batch, with their verdict columns."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Put what was written on the disk; the state that a later run goes on from."""
        ...

    def finish(self, output: Path) -> None:
        """Give the whole file its name, in one step."""
        ...

    def close(self) -> None:
        """Let the partial file go; it stays for a later run."""
        ...


class TextOutput:
    """Judged rows on their way into a text file. `columns` are CSV's header."""

    def __init__(
        self, partial: Path, layout: Layout, columns: Sequence[str], state: Mapping[str, Any]
    ) -> None:
        if layout.compression is Compression.ZSTD:
            require_zstandard()
        self._partial = partial
        self._layout = layout
        self._columns = columns
        self._pending = io.StringIO()
        kept = int(state.get("bytes", 0))
        self._file = partial.open("r+b" if state else "w+b")
        if self._file.seek(0, os.SEEK_END) < kept:
            raise DataError(f"{partial} is shorter than its checkpoint says")
        self._file.seek(kept)
        self._file.truncate()
        self._csv = csv.writer(
            self._pending,
            delimiter="\t" if layout.format is Format.TSV else ",",
            lineterminator="\n",
        )
        if not kept and layout.format is not Format.JSONL:
            self._csv.writerow(columns)

    def write(self, batch: Batch, added: Sequence[Mapping[str, Any]], keep: Sequence[int]) -> None:
        """Add the rows at `keep` of the batch, with their verdict columns."""
        values = batch.values()
        for index in keep:
            row = {**values[index], **added[index]}
            if self._layout.format is Format.JSONL:
                self._pending.write(json_line(row))
            else:
                self._write_fields(row, batch.first + index)

    def _write_fields(self, row: Mapping[str, Any], number: int) -> None:
        stray = row.keys() - self._columns
        if stray:
            raise DataError(
                f"row {number} has a column '{min(stray)}' that the first rows lack, and a table "
                "has one header for all; write JSONL or Parquet instead"
            )
        self._csv.writerow([field_of(row.get(column)) for column in self._columns])

    def checkpoint(self) -> dict[str, Any]:
        """Put what was written on the disk."""
        content = self._pending.getvalue()
        if content:
            raw = content.encode(errors="replace")
            self._file.write(packed(raw, self._layout.compression))
            self._pending.seek(0)
            self._pending.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"bytes": self._file.tell()}

    def finish(self, output: Path) -> None:
        """Give the whole file its name."""
        self.checkpoint()
        self._file.close()
        self._partial.replace(output)

    def close(self) -> None:
        """Let the partial file go."""
        self._file.close()


def json_line(row: Mapping[str, Any]) -> str:
    """One row as a line of JSON; what JSON cannot say (NaN) is null."""
    return _json(row) + "\n"


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        return json.dumps(_without_nan(value), default=_plain)
    except ValueError:
        return _json(_without_nan(value))
    return text


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return value


def field_of(value: Any) -> str | int | float:
    """A value in a field of CSV: lists of words with `;`, objects as JSON, nothing as empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(each, str) and ";" not in each for each in value):
        return ";".join(value)
    if isinstance(value, list | dict):
        return _json(value)
    return _plain(value)
