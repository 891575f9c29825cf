"""Runs side by side: the same episodes, agent against agent, with what chance may explain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from ostraka.errors import DataError, InvalidInputError

REPORT_FILE: Final = "report.json"
_SEED: Final = 0
_FEWEST: Final = 2


class TaskFigures(msgspec.Struct, frozen=True):
    """What a report says of a task, as far as it is compared. Other figures are left alone."""

    score: float
    scores: dict[int, float]
    exact: float | None = None
    recall: dict[str, float] = {}
    over_removal: float | None = None
    pair_accuracy: float | None = None
    invalid: float | None = None
    malformed: float | None = None


class Run(msgspec.Struct, frozen=True):
    """A report that was written: whose it is, over which episodes."""

    agent: str
    split: str
    tasks: dict[str, TaskFigures]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the interval that holds it in 95 of 100 samples."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One run on one task. `difference` is to the first run, over the same seeds; None for itself.

    `episodes` is how many seeds all runs have in common.
    """

    agent: str
    episodes: int
    score: Estimate
    difference: Estimate | None
    figures: dict[str, float | None]

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.difference is not None and not (
            self.difference.low <= 0.0 <= self.difference.high
        )


def read_run(path: Path) -> Run:
    """The run of a report's file or folder.

    Raises:
        DataError: it cannot be read, or is no report with scores by seed.
    """
    file = path / REPORT_FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Run)
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file} is no report of 'ostraka env run': {error}") from error


def compare(runs: Sequence[Run], draws: int = 2000) -> dict[str, list[Compared]]:
    """For each task that all runs played, the runs in order.

    Raises:
        InvalidInputError: fewer than two runs, several splits or generators, or no task with two
            seeds that all of them played.
    """
    if len(runs) < _FEWEST:
        raise InvalidInputError("at least two reports are compared", field="REPORT")
    if len({(run.split, run.version) for run in runs}) > 1:
        told = ", ".join(f"{run.agent}: {run.split} (generator {run.version})" for run in runs)
        raise InvalidInputError(f"these are not the same episodes: {told}", field="REPORT")
    found = {}
    for task in [name for name in runs[0].tasks if all(name in run.tasks for run in runs)]:
        seeds = sorted(set.intersection(*(set(run.tasks[task].scores) for run in runs)))
        if len(seeds) >= _FEWEST:
            found[task] = _compared(runs, task, seeds, draws)
    if not found:
        raise InvalidInputError("the reports share no task with two seeds", field="REPORT")
    return found


def _compared(runs: Sequence[Run], task: str, seeds: Sequence[int], draws: int) -> list[Compared]:
    scores = np.array([[run.tasks[task].scores[seed] for seed in seeds] for run in runs])
    # The same draws for all runs: that is what makes the differences paired.
    drawn = np.random.default_rng(_SEED).integers(len(seeds), size=(draws, len(seeds)))
    means = scores[:, drawn].mean(axis=2)
    return [
        Compared(
            agent=run.agent,
            episodes=len(seeds),
            score=_estimate(scores[number].mean(), means[number]),
            difference=_estimate(
                (scores[number] - scores[0]).mean(), means[number] - means[0]
            ) if number else None,
            figures=_figures(run.tasks[task]),
        )
        for number, run in enumerate(runs)
    ]  # fmt: skip


def _estimate(mean: Any, drawn: Any) -> Estimate:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(mean), float(low), float(high))


def _figures(task: TaskFigures) -> dict[str, float | None]:
    return {
        "exact": task.exact,
        "recall of severe": task.recall.get("severe"),
        "recall of others": task.recall.get("other"),
        "over removal": task.over_removal,
        "pair accuracy": task.pair_accuracy,
        "invalid": task.invalid,
        "malformed": task.malformed,
    }
