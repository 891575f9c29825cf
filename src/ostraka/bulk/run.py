"""One file in, one file out: batches, checkpoints, and going on where a run was interrupted.

OUTPUT.partial      rows written so far; becomes OUTPUT in one step at the end
OUTPUT.checkpoint   how far they are good; a later run cuts the partial file back to it
OUTPUT.lock         held by the one run that may write
"""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ostraka.bulk.checkpoint import Checkpoint, Counts, alone, identity
from ostraka.bulk.formats import Format, Layout
from ostraka.bulk.judging import Judged, RowJudge
from ostraka.bulk.parquet import ParquetOutput, ParquetSource
from ostraka.bulk.reading import TextSource, all_columns
from ostraka.bulk.rows import Source, text_column
from ostraka.bulk.verdicts import DEFAULT_PREFIX, VerdictColumns
from ostraka.bulk.writing import Output, TextOutput
from ostraka.errors import DataError, InvalidInputError

DEFAULT_BATCH_ROWS: Final = 256
_CHECKPOINT_SECONDS: Final = 1.0
_CHECKPOINT_ROWS: Final = 10_000

Report = Callable[[Counts, tuple[int, int | None]], None]


@dataclass(frozen=True, slots=True)
class Input:
    """Where rows come from: an open source, and its path unless it is a stream."""

    source: Source
    name: str
    path: Path | None = None
    layout: Layout | None = None

    @classmethod
    def of_file(cls, path: Path, layout: Layout) -> "Input":
        """The rows of a file."""
        if layout.format is Format.PARQUET:
            return cls(ParquetSource(path), str(path), path, layout)
        return cls(TextSource.of_file(path, layout), str(path), path, layout)

    @property
    def resumable(self) -> bool:
        """A stream cannot be read again, so what was judged of it is not kept."""
        return self.path is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is to do."""

    output: Path
    layout: Layout
    column: str | None = None
    prefix: str = DEFAULT_PREFIX
    only_flagged: bool = False
    strict: bool = False
    batch_rows: int = DEFAULT_BATCH_ROWS
    restart: bool = False

    def __post_init__(self) -> None:
        if self.layout.format is Format.LINES:
            raise InvalidInputError(
                f"{self.output}: plain lines have no room for verdicts; "
                "write JSONL, CSV, TSV or Parquet",
                field="--output",
            )

    def beside(self, suffix: str) -> Path:
        """A file of the run's own, next to the output."""
        return self.output.with_name(f"{self.output.name}.{suffix}")


def count(counts: Counts, judged: Iterable[Judged], *, strict: bool, name: str) -> None:
    """Add judged rows to `counts`.

    Raises:
        DataError: `strict`, and a row has no verdict.
    """
    for each in judged:
        counts.rows += 1
        if each.problem is not None:
            if strict:
                raise DataError(f"{name}: row {each.number:,} {each.problem}")
            counts.error(each.number, each.problem)
        elif each.flagged:
            counts.flag(each.categories)


class FileRun:
    """A run into a file; `resumed` rows were judged by an earlier one."""

    def __init__(self, judge: RowJudge, rows: Input, plan: Plan) -> None:
        self._judge = judge
        self._rows = rows
        self._plan = plan
        self._column = text_column(rows.source.columns, plan.column, path=rows.name)
        self._verdicts = VerdictColumns(judge.categories, plan.prefix)
        self._verdicts.check(rows.source.columns)
        self._input = identity(rows.path) if rows.path else {}
        if rows.path and plan.output.exists() and plan.output.samefile(rows.path):
            raise InvalidInputError(f"{plan.output} is the input itself", field="--output")
        self.resumed = 0

    @property
    def can_resume(self) -> bool:
        """Whether a later run can go on where this one stops."""
        return self._rows.resumable

    def run(self, report: Report) -> Counts:
        """Judge every row that is left; `report` is called after each batch.

        Raises:
            DataError: the input is damaged, the output cannot be written, or something changed
                since an earlier run was interrupted.
        """
        try:
            with alone(self._plan.beside("lock")):
                return self._run(report)
        except OSError as error:
            where = error.filename or self._plan.output
            raise DataError(f"{where} cannot be written: {error.strerror or error}") from error
        finally:
            self._rows.source.close()

    def _run(self, report: Report) -> Counts:
        earlier = self._earlier()
        counts = earlier.counts if earlier else Counts()
        self.resumed = counts.rows
        output = self._open(earlier.output if earlier else {})
        try:
            self._save(output, counts)
            report(counts, self._rows.source.position())
            self._judge_rows(output, counts, report)
            self._save(output, counts)
            output.finish(self._plan.output)
        finally:
            output.close()
        self._plan.beside("checkpoint").unlink(missing_ok=True)
        return counts

    def _judge_rows(self, output: Output, counts: Counts, report: Report) -> None:
        saved_rows, saved_at = counts.rows, time.monotonic()
        for batch in self._rows.source.batches(self._plan.batch_rows, skip=counts.rows):
            judged = self._judge.batch(batch, self._column)
            count(counts, judged, strict=self._plan.strict, name=self._rows.name)
            added = [self._verdicts.of(each, self._judge.model) for each in judged]
            output.write(batch, added, [i for i, each in enumerate(judged) if self._keep(each)])
            now = time.monotonic()
            if now - saved_at > _CHECKPOINT_SECONDS or counts.rows - saved_rows > _CHECKPOINT_ROWS:
                self._save(output, counts)
                saved_rows, saved_at = counts.rows, now
            report(counts, self._rows.source.position())

    def _keep(self, judged: Judged) -> bool:
        """Rows without a verdict are not known to be safe: they are always kept."""
        return not self._plan.only_flagged or judged.flagged or judged.problem is not None

    def _earlier(self) -> Checkpoint | None:
        """What an interrupted run left, if this run may go on from it."""
        partial, path = self._plan.beside("partial"), self._plan.beside("checkpoint")
        if self._plan.restart or not self._rows.resumable or not partial.exists():
            self._forget(partial, path)
            if self._plan.output.exists() and not self._plan.restart:
                raise DataError(f"{self._plan.output} exists already; --restart replaces it")
            return None
        earlier = Checkpoint.read(path)
        if earlier is None or not earlier.counts.rows:
            return None  # nothing was judged yet: whatever changed, nothing is mixed
        earlier.check_same(self._checkpoint(earlier.counts, {}))
        return earlier

    @staticmethod
    def _forget(partial: Path, checkpoint: Path) -> None:
        checkpoint.unlink(missing_ok=True)
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)

    def _open(self, state: dict[str, Any]) -> Output:
        partial = self._plan.beside("partial")
        if self._plan.layout.format is Format.PARQUET:
            return ParquetOutput(partial, self._verdicts, state)
        columns = (*self._input_columns(), *self._verdicts.names)
        return TextOutput(partial, self._plan.layout, columns, state)

    def _input_columns(self) -> tuple[str, ...]:
        """All of the input's columns: JSONL has to be read through once to know them for CSV."""
        rows = self._rows
        from_jsonl = rows.layout is not None and rows.layout.format is Format.JSONL
        if (
            rows.path
            and rows.layout
            and from_jsonl
            and self._plan.layout.format is not Format.JSONL
        ):
            return all_columns(rows.path, rows.layout)
        return rows.source.columns

    def _save(self, output: Output, counts: Counts) -> None:
        state = output.checkpoint()
        if self._rows.resumable:
            self._checkpoint(counts, state).save(self._plan.beside("checkpoint"))

    def _checkpoint(self, counts: Counts, output: dict[str, Any]) -> Checkpoint:
        options = {
            "text_column": self._column,
            "format": f"{self._plan.layout.format}.{self._plan.layout.compression}",
            "prefix": self._plan.prefix,
            "only_flagged": self._plan.only_flagged,
            "thresholds": {str(c): each for c, each in self._judge.thresholds.items()},
        }
        return Checkpoint(self._input, self._judge.model, options, counts, output)
