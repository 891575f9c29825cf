"""Fit a judge's calibration to labelled texts: ask it about all of them, hold its answers against
the labels, one line a category. Logistic regression is scikit-learn's: the extra `agreement`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.calibration import expected_calibration_error
from ostraka.errors import DataError, JudgeUnavailableError, MissingExtraError
from ostraka.judge.batch import BatchSummary
from ostraka.judge.calibration import Fit, JudgeCalibration, log_odds
from ostraka.judge.moderation import LlmJudge, Opinion
from ostraka.judge.rows import objects
from ostraka.taxonomy import Category

try:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
except ImportError as _error:
    raise MissingExtraError("agreement", "Calibration of a judge") from _error

LEAST_OF_EACH: Final = 20
"""Rows that have a category, and as many that have not, below which nothing is fitted."""

_FOLDS: Final = 5
_SEED: Final = 20261121
_UNPENALIZED: Final = 1e6

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, and what people said of it; categories that are left out are unknown."""

    text: str
    labels: Mapping[Category, bool]


@dataclass(slots=True)
class Outcome:
    """What came of it: the calibration, why categories have none, and texts without an opinion."""

    calibration: JudgeCalibration
    left_out: dict[Category, str] = field(default_factory=dict)
    rows: int = 0
    unsure: int = 0
    batch: BatchSummary = field(default_factory=BatchSummary)


def read_labelled(path: Path) -> Iterator[Labelled]:
    """Rows `{"text": …, "labels": {"hate": 1, "insult": 0}}` of a JSONL file.

    Raises:
        DataError: the file cannot be read, or a row is none; names it.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        for number, row in objects(file, name=str(path)):
            match row:
                case {"text": str(text), "labels": dict(labels)} if text.strip():
                    yield Labelled(text, dict(_known(labels, f"{path}: row {number:,}")))
                case DataError():
                    raise DataError(f"{path}: row {number:,} {row.message}")
                case _:
                    raise DataError(
                        f"{path}: row {number:,} is not "
                        '{"text": "…", "labels": {"hate": 1, "insult": 0}}'
                    )


def _known(labels: Mapping[str, Any], where: str) -> Iterator[tuple[Category, bool]]:
    for name, value in labels.items():
        if name not in set(Category):
            raise DataError(f"{where}: there is no category '{name}'")
        if value not in (0, 1):
            raise DataError(f"{where}: the label '{name}' is {json.dumps(value)}, not 0 or 1")
        yield Category(name), bool(value)


async def fit_judge(
    judge: LlmJudge,
    rows: Iterator[Labelled],
    on_opinion: Callable[[int, int], None] = lambda rows, unsure: None,
) -> Outcome:
    """Ask the judge about every row, and fit a line a category. Its answers are kept, so that an
    interrupted run asks for nothing twice.

    Raises:
        JudgeError: its server is away, or refuses.
    """
    labels: dict[int, Mapping[Category, bool]] = {}
    seen: dict[Category, dict[int, tuple[float, bool]]] = {each: {} for each in judge.categories}
    outcome = Outcome(JudgeCalibration(judge.questions.version, await judge.client.model(), {}))

    def texts() -> Iterator[tuple[int, str]]:
        for number, row in enumerate(rows, 1):
            labels[number] = row.labels
            yield number, row.text

    def receive(number: int, opinion: Opinion) -> None:
        outcome.rows += 1
        outcome.unsure += not opinion.sure
        for category, label in labels.pop(number).items():
            if category in opinion.scores:
                seen[category][number] = (opinion.scores[category], label)
        on_opinion(outcome.rows, outcome.unsure)

    outcome.batch = await judge.each(texts(), receive)
    if outcome.batch.stopped:
        raise JudgeUnavailableError(
            f"stopped after {outcome.rows:,} rows: {outcome.batch.reason}; what was answered is "
            "kept, and the same command asks for the rest"
        )
    for category, found in seen.items():
        # In the order of the rows, not of the answers: who answers first must not draw the folds.
        fitted = fit([found[number] for number in sorted(found)])
        if isinstance(fitted, Fit):
            outcome.calibration.fits[category] = fitted
        else:
            outcome.left_out[category] = fitted
    return outcome


def fit(found: list[tuple[float, bool]]) -> Fit | str:
    """The line through a category's (probability, label) pairs, or why there is none."""
    stated = np.array([probability for probability, _ in found], np.float64)
    labels = np.array([label for _, label in found], np.bool_)
    positives = int(labels.sum())
    if min(positives, len(found) - positives) < LEAST_OF_EACH:
        return (
            f"{positives:,} rows have it and {len(found) - positives:,} have not; "
            f"{LEAST_OF_EACH} of each are needed"
        )
    odds = np.array([log_odds(probability) for probability in stated.tolist()])
    slope, intercept = _line(odds, labels)
    if slope <= 0:
        return "the judge's probabilities do not rise with the label: it cannot tell"
    after = np.empty_like(stated)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for train, test in folds.split(odds, labels):
        a, b = _line(odds[train], labels[train])
        after[test] = 1 / (1 + np.exp(-(a * odds[test] + b)))
    return Fit(
        slope, intercept, len(found), positives, _error_of(stated, labels), _error_of(after, labels)
    )


def _line(odds: Numbers, labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's: labels are drawn a little to the middle, so that few rows make no certainty."""
    positives = int(labels.sum())
    high = (positives + 1) / (positives + 2)
    low = 1 / (len(labels) - positives + 2)
    share = np.where(labels, high, low)
    column = np.concatenate([odds, odds])[:, None]
    target = np.repeat([1, 0], len(odds))
    weights = np.concatenate([share, 1 - share])
    fitted = LogisticRegression(C=_UNPENALIZED).fit(column, target, sample_weight=weights)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _error_of(probabilities: Numbers, labels: NDArray[np.bool_]) -> float:
    error = expected_calibration_error(probabilities.astype(np.float32), labels.astype(np.float32))
    return round(error, 6)
