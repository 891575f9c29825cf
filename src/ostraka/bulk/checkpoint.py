"""What an interrupted run needs to go on: beside the output, replaced in one step."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from ostraka.errors import DataError

with suppress(ImportError):  # Windows has no fcntl: two runs on one output are not noticed there
    import fcntl

_FORMAT: Final = 1
_HEAD: Final = 2**20
_KEPT_ERRORS: Final = 10


@dataclass(slots=True)
class Counts:
    """What a run has seen so far. `first_errors` keeps the first ten, as (row, problem)."""

    rows: int = 0
    flagged: int = 0
    errors: int = 0
    by_category: dict[str, int] = field(default_factory=dict)
    first_errors: list[tuple[int, str]] = field(default_factory=list)

    def flag(self, categories: tuple[str, ...]) -> None:
        """Count a flagged row."""
        self.flagged += 1
        for category in categories:
            self.by_category[str(category)] = self.by_category.get(str(category), 0) + 1

    def error(self, number: int, problem: str) -> None:
        """Count a row without a verdict."""
        self.errors += 1
        if len(self.first_errors) < _KEPT_ERRORS:
            self.first_errors.append((number, problem))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run came, what it read, and with which model and options.

    `input` tells one version of the file from another; `output` is what the output needs to cut
    its partial file back to this point.
    """

    input: dict[str, Any]
    model: str
    options: dict[str, Any]
    counts: Counts
    output: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The checkpoint at `path`, or None where there is none.

        Raises:
            DataError: it is there and cannot be read.
        """
        try:
            stored = json.loads(path.read_text("utf-8"))
            if stored.pop("format") != _FORMAT:
                raise ValueError("another version of Ostraka wrote it")
            return cls(**{**stored, "counts": Counts(**stored["counts"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} cannot be read ({error}); --restart begins again from the first row"
            ) from error

    def save(self, path: Path) -> None:
        """Replace the checkpoint at `path`, so that a crash leaves the old or the new one."""
        new = path.with_name(path.name + ".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, **asdict(self)}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def check_same(self, other: "Checkpoint") -> None:
        """Refuse to mix rows of two inputs, models or sets of options in one output.

        Raises:
            DataError: something changed; says what.
        """
        for what, before, now in (
            ("the input file", self.input, other.input),
            ("the model", self.model, other.model),
            ("the options", self.options, other.options),
        ):
            if before != now:
                raise DataError(
                    f"{what} changed since this run was interrupted after row "
                    f"{self.counts.rows:,} ({_difference(before, now)}); "
                    "--restart begins again from the first row"
                )


def _difference(before: Any, now: Any) -> str:
    if not isinstance(before, dict):
        return f"was {before}, is {now}"
    changed = [key for key in now if before.get(key) != now[key]] or ["fewer options"]
    names = ", ".join(key.replace("_", " ") for key in changed)
    return (
        names
        if len(changed) > 1
        else f"{names}: was {before.get(changed[0])}, is {now.get(changed[0])}"
    )


def identity(path: Path) -> dict[str, Any]:
    """What tells this version of a file from another: size, time, and its first mebibyte."""
    status = path.stat()
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(_HEAD)).hexdigest()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "modified": status.st_mtime_ns,
        "digest_of_first_mebibyte": head,
    }


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold `lock` while the block runs; the system lets go of it however the process ends.

    Raises:
        DataError: another run holds it.
    """
    with lock.open("w") as file:
        if "fcntl" in globals():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(
                    f"another run is writing {lock.with_suffix('')}; wait for it or end it"
                ) from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
