"""A job's losses as a curve, and the answer to the question that stands over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostraka.console.charts import LineChart, Point, Series, line_chart, loss
from ostraka.factory.tables import JobCheckpointRow

_MOST_ROWS: Final = 40
_SMOOTHNESS: Final = 15
_WORSE: Final = 1.02
"""Validation loss above its lowest by this factor is no longer an accident."""


@dataclass(frozen=True, slots=True)
class Learning:
    """The panel "Is it still learning?". Training loss is drawn as means of `window` steps."""

    answer: str
    chart: LineChart | None
    window: int
    rows: Sequence[JobCheckpointRow]
    rows_in_all: int


def learning(
    checkpoints: Sequence[JobCheckpointRow], steps: int | None, *, is_over: bool
) -> Learning:
    """The panel of a job's checkpoints, oldest first; `steps` is how many there will be."""
    if not checkpoints:
        coming = (
            "It ended before its first step." if is_over else "Losses appear here, step by step."
        )
        return Learning(coming, None, 1, (), 0)
    evaluated = [each for each in checkpoints if each.valid_loss > 0.0]
    answer = _answer(checkpoints, evaluated, is_over)
    losses = [(float(each.step), each.train_loss) for each in checkpoints]
    window = max(1, len(losses) // _SMOOTHNESS)
    series = [
        Series("" if window > 1 else "training", "is-faint", losses),
        *([Series("training", "is-first", _smooth(losses, window))] if window > 1 else []),
        Series(
            "validation",
            "is-second",
            [(each.step, each.valid_loss) for each in evaluated],
            marks=len(evaluated) <= _MOST_ROWS,
        ),
    ]
    chart = line_chart(series, across_name="step", summary=answer, across_end=float(steps or 0))
    return Learning(answer, chart, window, _telling(checkpoints, evaluated), len(checkpoints))


def _smooth(points: Sequence[Point], window: int) -> list[Point]:
    """Means over the last `window` points: a step sees few rows, and its loss jumps."""
    smoothed = []
    total = 0.0
    for at, (x, y) in enumerate(points):
        total += y - (points[at - window][1] if at >= window else 0.0)
        smoothed.append((x, total / min(at + 1, window)))
    return smoothed


def _answer(
    checkpoints: Sequence[JobCheckpointRow], evaluated: Sequence[JobCheckpointRow], is_over: bool
) -> str:
    first, last = checkpoints[0], checkpoints[-1]
    fell = f"Training loss went from {loss(first.train_loss)} to {loss(last.train_loss)}"
    if not evaluated:
        until = "It ended before it was measured" if is_over else "It is soon measured"
        return f"{fell}. {until} on validation rows, which it does not learn from."
    best = min(evaluated, key=lambda each: each.valid_loss)
    latest = evaluated[-1]
    if len(evaluated) == 1:
        return f"{fell}; validation loss is {loss(latest.valid_loss)} at its first evaluation."
    if latest.valid_loss > best.valid_loss * _WORSE:
        return (
            f"Not any more: validation loss was lowest at step {best.step:,}, "
            f"{loss(best.valid_loss)}, and is {loss(latest.valid_loss)} at step "
            f"{latest.step:,}."
        )
    before = evaluated[-2].valid_loss
    if best is latest and latest.valid_loss < before / _WORSE:
        return (
            f"Yes: validation loss is at its lowest, {loss(latest.valid_loss)} at step "
            f"{latest.step:,}, down from {loss(before)}."
        )
    return (
        f"Hardly: validation loss has levelled off at {loss(latest.valid_loss)} "
        f"(lowest {loss(best.valid_loss)} at step {best.step:,})."
    )


def _telling(
    checkpoints: Sequence[JobCheckpointRow], evaluated: Sequence[JobCheckpointRow]
) -> list[JobCheckpointRow]:
    """The rows of the table behind the curve, newest first: evaluated steps, or every so many."""
    rows = list(evaluated) if len(evaluated) > 1 else list(checkpoints)
    stride = -(-len(rows) // _MOST_ROWS)
    chosen = rows[::-1][::stride]
    return [checkpoints[-1], *chosen] if chosen[0] is not checkpoints[-1] else chosen
