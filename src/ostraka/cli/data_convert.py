"""`ostraka data convert`."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ostraka.bulk.formats import Compression, Format, layout_of, require_zstandard
from ostraka.cli import data_convert_options as options
from ostraka.cli.console import notices
from ostraka.cli.data_convert_options import Shape
from ostraka.cli.data_files import Told, open_lines, open_source, progress
from ostraka.errors import DataError, InvalidInputError
from ostraka.train.preparation import convert as conversion
from ostraka.train.preparation import tables
from ostraka.train.preparation.convert import LabelColumn, Reading, Row
from ostraka.train.preparation.files import written_together


def convert(
    source: options.Source,
    output: options.Output,
    from_: options.From = None,
    to: options.To = None,
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = None,
    separator: options.Separator = None,
    figures: options.Figures = None,
    threshold: options.Threshold = 0.5,
    part: options.Part = None,
    target: options.Target = "moderation",
    single: options.Single = False,
    replace: options.Replace = False,
) -> None:
    """Turn tables, fastText files and data sets into JSONL for training, and back.

    Formats: jsonl, csv, tsv (each also .gz and .zst), parquet, fasttext (.fasttext, .ft, .txt), and
    folders of the `datasets` library. What the format of OUT cannot hold is said at the end.

    For example:

      ostraka data convert tickets.csv rows.jsonl --label-column topic
      ostraka data convert comments.parquet rows.jsonl --figure-columns moderation=toxicity,insult
      ostraka data convert training_file.jsonl training.parquet
    """
    reading = Reading(
        text_column,
        tuple(_label_column(each, target, separator) for each in label_column or []),
        dict(_figure_columns(each, target) for each in figures or []),
        threshold,
    )
    shape, goal = _shape(from_, source, "--from"), _shape(to, output, "--to")
    if source.resolve() == output.resolve():
        raise InvalidInputError(f"'{output}' is the input itself")
    lost: Counter[str] = Counter()
    with progress("Reading") as step:

        def rows() -> Iterator[Row]:
            report = step(source.name)
            if shape is Shape.FASTTEXT:
                found = _from_fasttext(source, target, single, report)
            else:
                found = _found(source, shape, reading, part, report)
            return conversion.checked(found, str(source))

        with written_together(output.parent, [output.name], replace=replace) as scratch:
            try:
                count = _write(rows, goal, scratch / output.name, target, lost)
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{source} has half a surrogate pair: no {goal} can hold it"
                ) from error
    notices().print(f"Wrote {count:,} rows to {output}", markup=False)
    for what, number in lost.items():
        if number:
            notices().print(f"Lost in {goal}: {number:,} {what}", markup=False)


def _shape(told: Shape | None, path: Path, option: str) -> Shape:
    if told is not None:
        return told
    if path.is_dir() or not path.suffix:
        return Shape.DATASETS
    if path.suffix.lower() in (".fasttext", ".ft", ".txt"):
        return Shape.FASTTEXT
    return Shape(layout_of(path, None, option=option).format)


def _label_column(given: str, target: str, separator: str | None) -> LabelColumn:
    name, equals, column = given.partition("=")
    return LabelColumn(name if equals else target, column if equals else given, separator)


def _figure_columns(given: str, target: str) -> tuple[str, tuple[str, ...]]:
    name, equals, columns = given.partition("=")
    found = tuple(
        each.strip() for each in (columns if equals else given).split(",") if each.strip()
    )
    if not found:
        raise InvalidInputError(f"'{given}' names no column", field="--figure-columns")
    return name if equals else target, found


_Found = Iterator[tuple[int, Row | str]]


def _found(path: Path, shape: Shape, reading: Reading, part: str | None, report: Told) -> _Found:
    if shape is Shape.JSONL:
        return _from_jsonl(path, report)
    return _from_table(path, shape, reading, part, report)


def _from_jsonl(path: Path, report: Told) -> _Found:
    with open_lines(path, report) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield number, f"is no JSON: {error}"


def _from_fasttext(path: Path, target: str, single: bool, report: Told) -> _Found:
    with open_lines(path, report) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, conversion.from_fasttext(line.decode(), target, single=single)
                except UnicodeDecodeError:
                    yield number, "is not UTF-8"
                except InvalidInputError as error:
                    yield number, error.message


def _from_table(
    path: Path, shape: Shape, reading: Reading, part: str | None, report: Told
) -> _Found:
    flat: Iterable[tuple[int, dict[str, Any] | str]]
    if shape is Shape.DATASETS:
        flat = ((number, dict(row)) for number, row in enumerate(tables.read_folder(path, part), 1))
    else:
        flat = _flat(path, Format(shape), reading, report)
    for number, row in flat:
        if isinstance(row, str):
            yield number, row
            continue
        try:
            yield number, conversion.from_flat(row, reading)
        except InvalidInputError as error:
            yield number, f"column '{error.field}' {error.message}"


def _flat(
    path: Path, form: Format, reading: Reading, report: Told
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    source = open_source(path, form)
    needed = [
        name for name in reading.columns if name != "text" or "messages" not in source.columns
    ]
    missing = [name for name in needed if name not in source.columns]
    if missing:
        found = ", ".join(source.columns) or "none"
        raise DataError(f"{path} has no column '{missing[0]}'; its columns: {found}")
    for batch in source.batches(2000):
        for index, row in enumerate(batch.values()):
            yield batch.first + index, batch.problem(index) or row
        report(*source.position())
    source.close()


def _write(
    rows: Callable[[], Iterator[Row]], goal: Shape, path: Path, target: str, lost: Counter[str]
) -> int:
    if goal is Shape.PARQUET:
        return tables.write_parquet(rows, path)
    if goal is Shape.DATASETS:
        return tables.write_folder(rows, path)
    with _text_file(path, goal) as file:
        if goal in (Shape.CSV, Shape.TSV):
            delimiter = "\t" if goal is Shape.TSV else ","
            return tables.write_delimited(rows, file, delimiter, lost)
        count = 0
        for row in rows():
            if goal is Shape.FASTTEXT:
                line = conversion.to_fasttext(row, target, lost)
            else:
                line = json.dumps(row, ensure_ascii=False, default=str)
            file.write(line + "\n")
            count += 1
        return count


@contextmanager
def _text_file(path: Path, goal: Shape) -> Iterator[TextIO]:
    form = Format.LINES if goal is Shape.FASTTEXT else Format(goal)
    compression = layout_of(path, form, option="--to").compression
    if compression is Compression.GZIP:
        raw: Any = gzip.GzipFile(path, "wb", mtime=0)
    elif compression is Compression.ZSTD:
        require_zstandard()
        import zstandard

        raw = zstandard.open(path, "wb")
    else:
        raw = path.open("wb")
    with raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as file:
        yield file
