"""An LLM judge's probabilities, set right by labelled texts.

A model's own probabilities order texts well and are far too sure of themselves. For each category
a line through the log-odds (Platt scaling) maps them to how often people said so. It holds for the
prompt, policy and model it was fitted for, and is refused for any other.
"""

import math
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from ostraka.errors import DataError
from ostraka.taxonomy import Category

_FORMAT: Final = 1
_LEAST: Final = 1e-6


class Fit(msgspec.Struct, frozen=True):
    """One category's line, and what it was fitted on.

    `error_before` and `error_after` are calibration errors (0 is right), the latter of rows that
    each fit had not seen.
    """

    slope: float
    intercept: float
    rows: int
    positives: int
    error_before: float
    error_after: float

    def __call__(self, probability: float) -> float:
        """How probable it is, where the judge says `probability`. Never changes an order."""
        moved = self.slope * log_odds(probability) + self.intercept
        return 1 / (1 + math.exp(-moved)) if moved > -700 else 0.0


class JudgeCalibration(msgspec.Struct, frozen=True):
    """The fits of one judge: a version of its questions (prompt and policy), and a model."""

    questions: str
    model: str
    fits: dict[Category, Fit]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything that decides the probabilities."""
        lines = {name: (fit.slope, fit.intercept) for name, fit in self.fits.items()}
        content = msgspec.json.encode((self.questions, self.model, lines), order="sorted")
        return sha256(content).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    calibrations: list[JudgeCalibration]


def log_odds(probability: float) -> float:
    """Of a probability; what a judge is certain of is very probable."""
    inside = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))


def load_calibrations(path: Path) -> list[JudgeCalibration]:
    """Every calibration in a file that `save_calibration` wrote.

    Raises:
        DataError: it cannot be read.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is no calibration of a judge: {error}") from error
    if found.format != _FORMAT:
        raise DataError(f"{path} is of another version of Ostraka: calibrate again")
    return found.calibrations


def save_calibration(path: Path, calibration: JudgeCalibration) -> None:
    """Add it to the file, in the place of an earlier one of the same judge.

    Raises:
        DataError: what is there is no such file, or it cannot be written.
    """
    others = load_calibrations(path) if path.exists() else []
    kept = [each for each in others if not _same(each, calibration)]
    new = path.with_name(f"{path.name}.new")
    content = msgspec.json.format(msgspec.json.encode(_File(_FORMAT, [*kept, calibration])))
    try:
        with new.open("wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def chosen(
    calibrations: Sequence[JudgeCalibration], questions: str, model: str
) -> JudgeCalibration | None:
    """The one that was fitted for these questions to this model."""
    for each in calibrations:
        if (each.questions, each.model) == (questions, model):
            return each
    return None


def calibrated(
    scores: Mapping[Category, float], calibration: JudgeCalibration | None
) -> dict[Category, float]:
    """The scores, set right where a category has a fit."""
    fits = calibration.fits if calibration else {}
    return {name: fits[name](score) if name in fits else score for name, score in scores.items()}


def _same(one: JudgeCalibration, other: JudgeCalibration) -> bool:
    return (one.questions, one.model) == (other.questions, other.model)
