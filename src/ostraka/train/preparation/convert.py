"""Rows of the JSONL format as flat rows of a table, and as lines of fastText; and back.

A table has a column `text` (`messages` for conversations), one column `labels.TARGET` a target, and
`soft_labels.TARGET` where there are shares. Other fields of a row keep their names. In text formats
a list of labels is JSON (`["insult"]`, `[]` for none), and an empty cell says nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ostraka.errors import DataError, InvalidInputError
from ostraka.train.examples import Example, parse_example

LABELS: Final = "labels."
SOFT_LABELS: Final = "soft_labels."
OWN: Final = frozenset({"text", "messages", "labels", "soft_labels"})
_FASTTEXT: Final = "__label__"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column of somebody else's table that holds labels.

    With a `separator`, a cell is a list of labels. A column of figures is one label, `name`, on
    rows where the figure reaches `threshold`.
    """

    target: str
    column: str
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a foreign table is to be read: its columns of text, of labels and of figures."""

    text: str = "text"
    labels: tuple[LabelColumn, ...] = ()
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    threshold: float = 0.5

    @property
    def columns(self) -> list[str]:
        """Every column that it takes for something."""
        figures = [column for columns in self.figures.values() for column in columns]
        return [self.text, *(each.column for each in self.labels), *figures]


def from_flat(flat: Mapping[str, Any], reading: Reading) -> Row:
    """The row that a row of a table stands for.

    Raises:
        InvalidInputError: it is none; names the column.
    """
    row: Row = {}
    labels: Row = {}
    soft: Row = {}
    taken = set(reading.columns)
    for name, value in flat.items():
        if name.startswith(LABELS):
            if value is not None and value != "":
                labels[name.removeprefix(LABELS)] = _decoded(value)
        elif name.startswith(SOFT_LABELS):
            if value is not None and value != "":
                soft[name.removeprefix(SOFT_LABELS)] = _shares(value, name)
        elif name == "messages":
            if value is not None and value != "":
                row[name] = _json(value, name) if isinstance(value, str) else value
        elif name not in taken and value is not None and value != "":
            row[name] = value
    if "messages" not in row:
        row = {"text": flat.get(reading.text)} | row
    for each in reading.labels:
        value = flat.get(each.column)
        if value is not None and (value != "" or each.separator is not None):
            labels[each.target] = _cell(value, each.separator)
    for target, columns in reading.figures.items():
        shares = {column: _figure(flat.get(column), column) for column in columns}
        labels[target] = [name for name, share in shares.items() if share >= reading.threshold]
        if any(0 < share < 1 for share in shares.values()):
            soft[target] = shares
    row["labels"] = labels
    return row | {"soft_labels": soft} if soft else row


def to_flat(row: Row, *, as_text: bool) -> Row:
    """A row of a table; `as_text` for formats whose cells are text."""
    flat: Row = {}
    for name in ("text", "messages"):
        if name in row:
            flat[name] = cell_of(row[name]) if as_text or name == "messages" else row[name]
    for target, value in row["labels"].items():
        flat[LABELS + target] = encoded(value) if as_text or isinstance(value, str) else value
    for target, shares in (row.get("soft_labels") or {}).items():
        flat[SOFT_LABELS + target] = _dumps(shares)
    for name, value in row.items():
        if name not in OWN:
            flat[name] = cell_of(value) if as_text or isinstance(value, dict | list) else value
    return flat


def count_untyped(row: Row, lost: Counter[str]) -> None:
    """Count what comes back otherwise from cells of text; labels and shares come back whole."""
    for name, value in row.items():
        if name not in OWN:
            lost["values of other fields that are empty"] += value == ""
            lost["values of other fields that are no text, written as text"] += not isinstance(
                value, str
            )


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Every column that the rows need."""
    return ordered({name: None for row in rows for name in to_flat(row, as_text=True)})


def ordered(names: Iterable[str]) -> list[str]:
    """Text first, then labels, then shares, then the others."""

    def place(name: str) -> int:
        kinds = (name in OWN, name.startswith(LABELS), name.startswith(SOFT_LABELS))
        return kinds.index(True) if True in kinds else len(kinds)

    return sorted(names, key=place)


def encoded(value: str | Sequence[str]) -> str:
    """Labels as text: one as it is, unless it could be taken for JSON."""
    if isinstance(value, str) and value[:1] not in ("[", '"'):
        return value
    return _dumps(value)


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", '"'):
        return _json(value, "labels")
    return value


def _cell(value: Any, separator: str | None) -> Any:
    if separator is None:
        return value if isinstance(value, list) else str(value)
    return [part.strip() for part in str(value).split(separator) if part.strip()]


def cell_of(value: Any) -> str:
    """A value as text: JSON, unless it is text."""
    return value if isinstance(value, str) else _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _json(value: str, name: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"is no JSON: {error}", field=name) from error


def _shares(value: Any, name: str) -> Any:
    return _json(value, name) if isinstance(value, str) else value


def _figure(value: Any, column: str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InvalidInputError(f"'{value}' is no figure from 0 to 1", field=column)
    return share


# fastText


def to_fasttext(row: Row, target: str, lost: Counter[str]) -> str:
    """A line of fastText; `lost` counts what it could not hold."""
    example = parse_example(row)
    labels = example.labels.get(target, ())
    for label in labels:
        if any(map(str.isspace, label)):
            lost["labels whose spaces became '_'"] += 1
    names = [_FASTTEXT + "_".join(label.split()) for label in labels]
    _count_losses(row, example, target, lost)
    return " ".join([*names, *example.text.split()])


def _count_losses(row: Row, example: Example, target: str, lost: Counter[str]) -> None:
    text = example.text
    lost["texts whose line breaks or runs of spaces became one space"] += text != " ".join(
        text.split()
    )
    lost["texts that begin like a label"] += text.lstrip().startswith(_FASTTEXT)
    lost["conversations, written as one text"] += example.is_conversation
    lost["rows with other targets"] += len(example.labels.keys() - {target}) > 0
    lost["rows that do not name the target, written as having no label"] += (
        target not in example.labels
    )
    lost["rows with shares of annotators"] += bool(example.soft_labels)
    lost["rows with other fields"] += bool(row.keys() - OWN)


def from_fasttext(line: str, target: str, *, single: bool) -> Row:
    """The row of a line.

    Raises:
        InvalidInputError: `single`, and it has another number of labels than one.
    """
    words = line.split()
    count = next(
        (place for place, word in enumerate(words) if not word.startswith(_FASTTEXT)), len(words)
    )
    labels = [word.removeprefix(_FASTTEXT) for word in words[:count]]
    if single and len(labels) != 1:
        raise InvalidInputError(f"has {len(labels)} labels, one is needed")
    return {
        "text": " ".join(words[count:]),
        "labels": {target: labels[0] if single else labels},
    }


def checked(rows: Iterable[tuple[int, Row | str]], name: str) -> Iterator[Row]:
    """The rows, each one that a training job would take; a string says why a row is none.

    Raises:
        DataError: one is not; names file and row.
    """
    for number, row in rows:
        if isinstance(row, str):
            raise DataError(f"{name}, row {number}: {row}")
        try:
            parse_example(row)
        except InvalidInputError as error:
            where = f"'{error.field}': " if error.field else ""
            raise DataError(f"{name}, row {number}: {where}{error.message}") from error
        yield row
