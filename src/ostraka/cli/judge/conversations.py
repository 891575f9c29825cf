"""Conversations from a file or standard input, turn by turn; what was wrong is counted."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from ostraka.bulk.checkpoint import identity
from ostraka.bulk.formats import UNPACKING_ERRORS, Compression, unpacked
from ostraka.errors import DataError
from ostraka.judge.turns import BadRow, ConversationFormat, Turn, read_turns

_KEPT: Final = 10
_PACKED: Final = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}


@dataclass(slots=True)
class Problems:
    """Rows that held no conversation: how many, and the first ten."""

    rows: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: BadRow) -> None:
        """Count one."""
        self.rows += 1
        if len(self.first) < _KEPT:
            self.first.append((row.number, row.problem))


class ConversationFile:
    """An open file of conversations."""

    def __init__(self, path: Path, form: ConversationFormat | None, *, strict: bool) -> None:
        self.is_stream = str(path) == "-"
        self.name = "standard input" if self.is_stream else str(path)
        self.problems = Problems()
        self._path, self._form, self._strict = path, form, strict
        self._raw, self._size = self._open()

    def _open(self) -> tuple[BinaryIO, int | None]:
        if self.is_stream:
            return sys.stdin.buffer, None
        try:
            return self._path.open("rb"), self._path.stat().st_size
        except OSError as error:
            raise DataError(f"{self.name} cannot be read: {error.strerror or error}") from error

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this version of the file from another; nothing for a stream."""
        return {} if self.is_stream else identity(self._path)

    def position(self) -> tuple[int, int | None]:
        """Bytes of the (packed) file read so far, and its size."""
        return (self._raw.tell() if self._size is not None else 0), self._size

    def turns(self) -> Iterator[Turn]:
        """Every turn; rows without a conversation are counted.

        Raises:
            DataError: the file is damaged, or a row holds no conversation and that is not allowed.
        """
        compression = _PACKED.get(self._path.suffix.lower(), Compression.NONE)
        try:
            lines = unpacked(self._raw, compression)
            for each in read_turns(lines, self._form, name=self.name):
                if isinstance(each, Turn):
                    yield each
                elif self._strict:
                    raise DataError(f"{self.name}: row {each.number:,}: {each.problem}")
                else:
                    self.problems.add(each)
        except UNPACKING_ERRORS as error:
            raise DataError(f"{self.name} cannot be read to its end: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.is_stream:
            self._raw.close()
