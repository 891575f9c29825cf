"""The rows of a job: read, checked, and refused with file, row and reason.

Pure but for the files that it reads. What a trainer gets are the good rows; how many faulty ones
a job tolerates is its `invalid_sample_skip_percentage`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ostraka.assess.targets import LossFunction, Target
from ostraka.errors import DataError
from ostraka.factory.tasks import DataFile, Task
from ostraka.train.examples import (
    Example,
    GivenTarget,
    RowProblem,
    discover_targets,
    quoted,
    read_examples,
)

NAMED_PROBLEMS: Final = 20
"""How many faulty rows are named one by one."""


class RejectedDataError(DataError):
    """The rows of a job cannot be learnt from."""

    def __init__(self, message: str, problems: Sequence[RowProblem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the data that does not stop the job."""

    name: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class JobData:
    """The good rows of a job, with the weight of each training row's file."""

    targets: tuple[Target, ...] = ()
    training: list[Example] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    validation: list[Example] = field(default_factory=list)
    test: list[Example] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each kind; test rows only if there are some."""
        counts = {"training": len(self.training), "validation": len(self.validation)}
        return counts | {"test": len(self.test)} if self.test else counts


class _Tally:
    """Rows and the faulty ones among them; the first are kept to be named."""

    def __init__(self) -> None:
        self.rows = 0
        self.faulty = 0
        self.named: list[RowProblem] = []

    def good(self, row: Example | RowProblem) -> bool:
        self.rows += 1
        if isinstance(row, Example):
            return True
        self.faulty += 1
        if len(self.named) < NAMED_PROBLEMS:
            self.named.append(row)
        return False


def read_job_data(task: Task) -> JobData:
    """The rows that a task may learn from.

    Raises:
        RejectedDataError: too many faulty rows, or targets that cannot be; names them.
    """
    data = JobData()
    given = {target.name: target for target in task.targets}
    tally = _Tally()
    for file in task.training:
        for _, row in _rows(file, given):
            if tally.good(row) and isinstance(row, Example):
                data.training.append(row)
                data.weights.append(file.weight)
    _tolerate(tally, task.skip_share, "training", data)
    if not data.training:
        raise RejectedDataError("The training files have no usable rows.")
    try:
        data.targets = discover_targets(data.training, task.targets)
    except DataError as error:
        raise RejectedDataError(f"{error}") from error
    data.validation = _held_against(task.validation, "validation", task, data)
    data.test = _held_against(task.test, "test", task, data)
    return data


def _held_against(
    files: Sequence[DataFile], which: str, task: Task, data: JobData
) -> list[Example]:
    """The good rows of `files`, which may name only what the training rows teach."""
    if not files:
        return []
    known = {
        target.name: GivenTarget(target.name, target.labels, target.loss_function, target.weight)
        for target in data.targets
    }
    tally = _Tally()
    rows: list[Example] = []
    texts = {hash(example.text) for example in data.training}
    doubles: list[dict[str, Any]] = []
    count = 0
    for file in files:
        for number, row in _rows(file, known, closed=True):
            if not (tally.good(row) and isinstance(row, Example)):
                continue
            rows.append(row)
            if hash(row.text) in texts:
                count += 1
                if len(doubles) < NAMED_PROBLEMS:
                    doubles.append({"file": file.name, "row": number})
    _tolerate(tally, task.skip_share, which, data)
    if not rows:
        raise RejectedDataError(f"The {which} files have no usable rows.")
    if count:
        reason = (
            f"{count} of {len(rows)} {which} rows have the text of a training row; "
            "what is measured on them says little."
        )
        data.notices.append(
            Notice("duplicate-rows", {"message": reason, "count": count, "rows": doubles})
        )
    return rows


def _tolerate(tally: _Tally, share: float, which: str, data: JobData) -> None:
    if not tally.faulty:
        return
    said = f"{tally.faulty} of {tally.rows} {which} rows are faulty"
    if tally.faulty > share * tally.rows:
        raise RejectedDataError(f"{said}; at most {share:.0%} are tolerated.", tally.named)
    rows = [{"file": p.file, "row": p.row, "reason": p.reason} for p in tally.named]
    data.notices.append(Notice("rows-skipped", {"message": f"{said} and left out.", "rows": rows}))


def _rows(
    file: DataFile, given: Mapping[str, GivenTarget], *, closed: bool = False
) -> Iterator[tuple[int, Example | RowProblem]]:
    """The rows of a file, each held against what is given; one file has one kind of rows."""
    conversations: bool | None = None
    with Path(file.path).open("rb") as lines:
        for number, row in read_examples(lines, file.name):
            if isinstance(row, RowProblem):
                yield number, row
                continue
            conversations = row.is_conversation if conversations is None else conversations
            reason = next(_faults(row, given, conversations, closed), None)
            yield number, RowProblem(file.name, number, reason) if reason else row


def _faults(
    row: Example, given: Mapping[str, GivenTarget], conversations: bool, closed: bool
) -> Iterator[str]:
    if row.is_conversation != conversations:
        found, first = ("messages", "text") if row.is_conversation else ("text", "messages")
        yield f"has `{found}`, but the file's first row has `{first}`; a file has one kind of rows"
    for name, labels in row.labels.items():
        target = given.get(name)
        if target is None:
            if closed:
                yield f"has the target '{name}', which no training row has"
            continue
        yield from _label_faults(target, labels, closed)


def _label_faults(target: GivenTarget, labels: Sequence[str], closed: bool) -> Iterator[str]:
    unknown = [label for label in labels if target.labels and label not in target.labels]
    if unknown:
        where = "the training rows have" if closed else "were given"
        yield (
            f"has the label '{unknown[0]}' of target '{target.name}', which is none of those "
            f"that {where}: {quoted(target.labels)}"
        )
    if len(labels) != 1 and target.loss_function is LossFunction.SINGLE_CLASS:
        yield (
            f"has {len(labels) or 'no'} labels for target '{target.name}', which is single_class: "
            "give one, as a string or a list of one"
        )
