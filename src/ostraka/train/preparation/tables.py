"""Flat rows into CSV, TSV, Parquet, or a folder of the `datasets` library, a batch at a time.

The types of a Parquet file must be known before its first row: rows are read twice.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from ostraka.errors import DataError, MissingExtraError
from ostraka.train.preparation.convert import (
    LABELS,
    Row,
    cell_of,
    columns_of,
    count_untyped,
    encoded,
    ordered,
    to_flat,
)

with suppress(ImportError):
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS: Final = 2000
_WRONG_KIND: Final = "is a folder that `datasets` did not write"

Rows = Callable[[], Iterable[Row]]
"""The rows, from the first one, as often as it is called."""


def write_delimited(rows: Rows, file: TextIO, delimiter: str, lost: Counter[str]) -> int:
    """Write a CSV or TSV file; how many rows. `lost` counts what it could not hold."""
    columns = columns_of(rows())
    writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n", restval="")
    writer.writeheader()
    count = 0
    for row in rows():
        writer.writerow(to_flat(row, as_text=True))
        count_untyped(row, lost)
        count += 1
    return count


def write_parquet(rows: Rows, path: Path) -> int:
    """Write a Parquet file; how many rows."""
    if "pq" not in globals():
        raise MissingExtraError("data", "Writing Parquet")
    kinds = _kinds(rows())
    names = ordered(kinds)
    schema = pa.schema([(name, _arrow(kinds[name])) for name in names])
    as_text = {name for name in names if _arrow(kinds[name]) == pa.string()}
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(rows()):
            flat = [_fitted(to_flat(row, as_text=False), as_text) for row in batch]
            writer.write_table(pa.Table.from_pylist(flat, schema=schema))
            count += len(batch)
    return count


def _kinds(rows: Iterable[Row]) -> dict[str, set[type]]:
    found: dict[str, set[type]] = {}
    for row in rows:
        for name, value in to_flat(row, as_text=False).items():
            found.setdefault(name, set()).add(_kind(value))
    return found


def _kind(value: Any) -> type:
    """The type of a value; text for whole numbers that no column of Parquet holds."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str
    return type(value)


def _arrow(kinds: set[type]) -> Any:
    kinds = kinds - {type(None)}
    if kinds == {list}:
        return pa.list_(pa.string())
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.string()


def _fitted(flat: Row, as_text: set[str]) -> Row:
    """The row with text where a column's values have nothing else in common."""
    for name in as_text & flat.keys():
        value = flat[name]
        if name.startswith(LABELS):
            flat[name] = value if isinstance(value, str) else encoded(value)
        elif value is not None:
            flat[name] = cell_of(value)
    return flat


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, _BATCH_ROWS)):
        yield batch


def write_folder(rows: Rows, folder: Path) -> int:
    """Write a folder for `datasets.load_from_disk`; how many rows."""
    datasets = _datasets("Writing a folder of data sets")
    scratch = folder.with_name(f"{folder.name}.parquet")
    count = write_parquet(rows, scratch)
    cache = str(folder.with_name(f"{folder.name}.cache"))
    table = datasets.Dataset.from_parquet(str(scratch), cache_dir=cache)
    table.save_to_disk(str(folder))
    return count


def read_folder(folder: Path, part: str | None) -> Iterator[Mapping[str, Any]]:
    """The flat rows of a folder that `save_to_disk` wrote.

    Raises:
        DataError: it is no such folder, or has several parts and none is named.
    """
    datasets = _datasets("Reading a folder of data sets")
    try:
        found = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} {_WRONG_KIND}: {error}") from error
    if isinstance(found, datasets.DatasetDict):
        if part not in found:
            parts = ", ".join(found)
            raise DataError(f"{folder} has the parts {parts}: name one with --part")
        found = found[part]
    for batch in found.iter(_BATCH_ROWS):
        names = list(batch)
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(names, values, strict=True))


def _datasets(purpose: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", purpose) from error
    datasets.disable_progress_bars()
    return datasets
