"""Two models side by side: their figures label by label, and what they make of one text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ostraka.console.training.measuring import Measure, Measured, offered_files
from ostraka.console.training.models import ModelLine, line_of
from ostraka.console.training.quality import SPLITS, TargetQuality, quality_of
from ostraka.errors import (
    CallerError,
    InvalidInputError,
    OperatorError,
    OstrakaError,
    TooLargeError,
    UnknownModelError,
)
from ostraka.factory.base import Factory
from ostraka.factory.models import find_model, list_models
from ostraka.factory.serving import Serving
from ostraka.factory.tables import FileRow

Pair = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of both models, and by how much the second is better."""

    label: str
    support: int | None
    f1: Pair
    interval: tuple[float, float] | None = None
    beyond_chance: bool | None = None

    @property
    def change(self) -> float | None:
        """F1 of the second less that of the first."""
        first, second = self.f1
        return None if first is None or second is None else second - first


@dataclass(frozen=True, slots=True)
class TargetDifferences:
    """One target that both models have. Only where a file was measured is there `disagreements`,
    and an answer to whether differences are more than chance.
    """

    target: str
    rows: tuple[int | None, int | None]
    overall: Difference
    lines: Sequence[Difference]
    disagreeing_rows: int = 0
    disagreements: Sequence[Mapping[str, Any]] = ()

    @property
    def same_rows(self) -> bool:
        """Whether both were measured on as many rows: if not, they were other rows."""
        return self.rows[0] == self.rows[1]


@dataclass(frozen=True, slots=True)
class Bar:
    """A score of one model: its threshold, and whether it reaches that."""

    score: float
    threshold: float | None
    flagged: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What both models say of one text about one target: a line per label, None where unknown."""

    target: str
    lines: Sequence[tuple[str, tuple[Bar | None, Bar | None]]]
    agree: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The page. `chosen` holds None for a model that is still to be chosen."""

    models: Sequence[ModelLine]
    chosen: tuple[ModelLine | None, ModelLine | None]
    files: Sequence[FileRow] = ()
    split: str = ""
    measured: Measured | None = None
    unmeasured: str = ""
    differences: Sequence[TargetDifferences] = ()
    answers: Sequence[Answers] = ()
    refusal: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is asked: two models, a file to measure them on, a text to try."""

    names: tuple[str, str]
    file_id: str
    text: str
    limit: int


def comparison(factory: Factory, serving: Serving, measure: Measure, asked: Asked) -> Comparison:
    """Two models; `asked.names` are empty where none is chosen yet.

    Raises:
        UnknownModelError: a name that is no model's.
    """
    with factory.database.reading() as session:
        rows = list_models(session)
        first, second = (find_model(session, name) if name else None for name in asked.names)
    chosen = (line_of(first) if first else None, line_of(second) if second else None)
    models = [line_of(row) for row in rows]
    if first is None or second is None:
        return Comparison(models, chosen)
    names = (first.id, second.id)
    answers, refusal, status = _try(serving, names, asked.text, asked.limit)
    found = Comparison(
        models, chosen, offered_files(factory), answers=answers, refusal=refusal, status=status
    )
    if not asked.file_id:
        split, differences = _differences(first.metrics, second.metrics)
        return replace(found, split=split, differences=differences)
    try:
        measured = measure(factory, serving, names, asked.file_id)
    except (CallerError, OperatorError) as error:
        return replace(found, unmeasured=error.message)
    return replace(
        found,
        measured=measured,
        differences=[_measured(target, figures) for target, figures in measured.targets],
    )


def _measured(target: str, figures: Mapping[str, Any]) -> TargetDifferences:
    def difference(label: str, raw: Mapping[str, Any]) -> Difference:
        return Difference(
            label,
            raw.get("support"),
            (raw["first"], raw["second"]),
            (raw["interval"][0], raw["interval"][1]),
            raw["beyond_chance"],
        )

    return TargetDifferences(
        target,
        (figures["rows"], figures["rows"]),
        difference("", figures["macro_f1"]),
        [difference(label, raw) for label, raw in figures["labels"].items()],
        figures["disagreeing_rows"],
        figures["disagreements"],
    )


def _differences(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> tuple[str, list[TargetDifferences]]:
    """On the most telling split that both were measured on."""
    for split in SPLITS:
        ours, theirs = (
            {each.target: each for each in quality_of(metrics) if each.split == split}
            for metrics in (first, second)
        )
        shared = [name for name in ours if name in theirs]
        if shared:
            return split, [_target(ours[name], theirs[name]) for name in shared]
    return "", []


def _target(first: TargetQuality, second: TargetQuality) -> TargetDifferences:
    ours = {each.label: each for each in first.labels}
    theirs = {each.label: each for each in second.labels}
    lines = []
    for label in [*ours, *(name for name in theirs if name not in ours)]:
        one, other = ours.get(label), theirs.get(label)
        lines.append(
            Difference(
                label,
                one.support if one else None,
                (one.f1 if one else None, other.f1 if other else None),
            )
        )
    figures = [dict(each.figures).get("Macro F1") for each in (first, second)]
    overall = Difference("", first.rows, (figures[0], figures[1]))
    return TargetDifferences(first.target, (first.rows, second.rows), overall, lines)


def _try(
    serving: Serving, names: tuple[str, str], text: str, limit: int
) -> tuple[Sequence[Answers], str, int]:
    """The answers to a text, or why there are none and the status that goes with it."""
    if not text.strip():
        return (), "", 200
    try:
        if len(text) > limit:
            raise TooLargeError(
                f"Your text has {len(text):,} characters, and this server takes at most {limit:,}."
            )
        if "\0" in text:
            raise InvalidInputError("Your text contains the character NUL.")
        [first], [second] = (msgspec.json.decode(serving.classify(name, [text])) for name in names)
    except (TooLargeError, InvalidInputError, UnknownModelError) as error:
        return (), error.message, error.status
    except OstrakaError as error:
        return (), error.message, 503
    shared = [target for target in first if target in second]
    return [_answers(target, first[target], second[target]) for target in shared], "", 200


def _answers(target: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Answers:
    labels = list(dict.fromkeys([*first["scores"], *second["scores"]]))
    highest = {
        label: max(first["scores"].get(label, 0.0), second["scores"].get(label, 0.0))
        for label in labels
    }
    return Answers(
        target,
        [
            (label, (_bar(first, label), _bar(second, label)))
            for label in sorted(labels, key=lambda label: -highest[label])
        ],
        set(first["predictions"]) == set(second["predictions"]),
    )


def _bar(answer: Mapping[str, Any], label: str) -> Bar | None:
    if label not in answer["scores"]:
        return None
    thresholds = answer.get("threshold")
    return Bar(
        answer["scores"][label],
        thresholds.get(label) if thresholds else None,
        label in answer["predictions"],
    )
