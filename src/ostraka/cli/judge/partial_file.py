"""A JSONL file whose rows are written as they are ready, and that an interrupted run goes on with.

OUT.partial     whole lines, one a row, in the order in which they were ready
OUT.checkpoint  what was asked: going on with another judge would mix two answers
OUT.lock        held by the one run that may write

'-' is standard output, where nothing is kept and nothing gone on with.
"""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from ostraka.bulk.checkpoint import Checkpoint, Counts, alone
from ostraka.errors import DataError


class PartialFile(ABC):
    """One output; what its rows hold is its subclasses' to say."""

    def __init__(self, output: Path, checkpoint: Checkpoint) -> None:
        self._output, self._checkpoint = output, checkpoint
        self._done = Numbers()
        self._file: BinaryIO | None = None
        self.resumed = 0

    @abstractmethod
    def earlier(self, line: bytes) -> int | None:
        """The row's number in a line of an earlier run; None if it is to be made again."""

    @contextmanager
    def open(self, *, restart: bool) -> Iterator[Self]:
        """Hold the file while the block runs, and finish it if the block does.

        Raises:
            DataError: it exists already, cannot be written, or something changed since an earlier
                run was interrupted.
        """
        if str(self._output) == "-":
            self._file = sys.stdout.buffer
            yield self
            return
        try:
            with alone(self._beside("lock")):
                self._file = self._start(restart=restart)
                with self._file:
                    yield self
                    self._finish(self._file)
        except OSError as error:
            where = error.filename or self._output
            raise DataError(f"{where} cannot be written: {error.strerror or error}") from error

    def __contains__(self, number: int) -> bool:
        return number in self._done

    def write_line(self, number: int, line: bytes) -> None:
        """Add a row. It is out of this process before the next is taken."""
        assert self._file is not None
        self._file.write(line + b"\n")
        self._file.flush()
        self._done.add(number)

    def _start(self, *, restart: bool) -> BinaryIO:
        partial, path = self._beside("partial"), self._beside("checkpoint")
        resumable = partial.exists() and path.exists() and bool(self._checkpoint.input)
        if not restart and resumable:
            file = self._go_on(partial, path)
        else:
            if self._output.exists() and not restart:
                raise DataError(f"{self._output} exists already; --restart replaces it")
            path.unlink(missing_ok=True)
            file = partial.open("wb")
        self._checkpoint.save(path)
        return file

    def _go_on(self, partial: Path, path: Path) -> BinaryIO:
        earlier = Checkpoint.read(path)
        new = partial.with_name(f"{partial.name}.new")
        with partial.open("rb") as lines, new.open("wb") as kept:
            for line in lines:
                number = self.earlier(line) if line.endswith(b"\n") else None
                if number is not None:
                    kept.write(line)
                    self._done.add(number)
                    self.resumed += 1
        if earlier is not None and self.resumed:
            done = Counts(rows=self.resumed)
            Checkpoint(earlier.input, earlier.model, earlier.options, done, {}).check_same(
                self._checkpoint
            )
        new.replace(partial)
        return partial.open("ab")

    def _finish(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        self._beside("partial").replace(self._output)
        self._beside("checkpoint").unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self._output.with_name(f"{self._output.name}.{suffix}")


class Numbers:
    """Which rows are done. They are done nearly in order, so that few stand out."""

    def __init__(self) -> None:
        self._all_below = 1
        self._above: set[int] = set()

    def add(self, number: int) -> None:
        """Note that it is done."""
        self._above.add(number)
        while self._all_below in self._above:
            self._above.remove(self._all_below)
            self._all_below += 1

    def __contains__(self, number: int) -> bool:
        return number < self._all_below or number in self._above
