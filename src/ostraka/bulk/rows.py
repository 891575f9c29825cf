"""What the readers give and the writers take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ostraka.errors import InvalidInputError

LIKELY_TEXT_COLUMNS = ("text", "comment_text", "content", "body", "message", "input")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file. `number` counts from 1; `problem` says why it could not be read."""

    number: int
    values: dict[str, Any]
    problem: str | None = None


class Batch(Protocol):
    """Some rows in a row."""

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

    def values(self) -> list[dict[str, Any]]:
        """Every row with all its columns."""
        ...


class Source(Protocol):
    """A file of rows, read once from front to back."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns; for JSONL those of the first rows."""
        ...

    def batches(self, rows: int, *, skip: int = 0) -> Iterator[Batch]:
        """Batches of at most `rows` rows, without the first `skip` rows of the file."""
        ...

    def position(self) -> tuple[int, int | None]:
        """How much of how much has been read, for progress; unknown total is None."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


def text_column(columns: Sequence[str], wanted: str | None, *, path: str) -> str:
    """The column to judge: the one asked for, a likely name, or the only one there is.

    Raises:
        InvalidInputError: no such column, or none that is likely; names those there are.
    """
    found = ", ".join(columns) or "none"
    if wanted is not None:
        if wanted in columns:
            return wanted
        raise InvalidInputError(
            f"{path} has no column '{wanted}'; its columns: {found}", field="--text-column"
        )
    lower = {column.lower(): column for column in reversed(columns)}
    for likely in LIKELY_TEXT_COLUMNS:
        if likely in lower:
            return lower[likely]
    if len(columns) == 1:
        return columns[0]
    raise InvalidInputError(
        f"which column of {path} holds the text? Name it with --text-column; its columns: {found}",
        field="--text-column",
    )
