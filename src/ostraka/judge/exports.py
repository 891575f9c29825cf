"""Judged turns as training data: TRL's two preference formats, and plain rewards.

Only turns that should update are exported; what the gate closed trains nothing.

    kto         {"prompt", "completion", "label"}      TRL's unpaired preferences (KTOTrainer)
    preference  {"prompt", "chosen", "rejected", "margin"}  TRL's preferences (RewardTrainer)
    rewards     {"prompt", "completion", "reward"}     for any other trainer

Prompts and completions are lists of messages (TRL's conversational form) or plain text.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from ostraka.errors import InvalidInputError

Row = Mapping[str, Any]
_NEEDED: Final[Mapping[str, type | tuple[type, ...]]] = {
    "question": str,
    "answer": str,
    "reward": (int, float),
    "should_update": bool,
}


class ExportFormat(StrEnum):
    """Which trainer's rows to write."""

    KTO = "kto"
    PREFERENCE = "preference"
    REWARDS = "rewards"


def export(
    rows: Iterable[Row],
    form: ExportFormat,
    *,
    conversational: bool = True,
    smallest_margin: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """The training rows of judged turns, as `ostraka judge rewards` writes them.

    Raises:
        InvalidInputError: a row without a turn or its reward; names the row and the field.
    """
    usable = (_checked(row, number) for number, row in enumerate(rows, 1))
    updates = (row for row in usable if row["should_update"])
    render = _messages if conversational else _plain
    match form:
        case ExportFormat.KTO:
            return _unpaired(updates, render)
        case ExportFormat.PREFERENCE:
            return _pairs(updates, render, smallest_margin)
        case ExportFormat.REWARDS:
            return _rewards(updates, render)


def _checked(row: Row, number: int) -> Row:
    for field, kind in _NEEDED.items():
        value = row.get(field)
        if not isinstance(value, kind) or (field == "reward" and isinstance(value, bool)):
            raise InvalidInputError(
                f"row {number:,} has no '{field}', or one of the wrong type; "
                "exports need rows that 'ostraka judge rewards' wrote",
                field=field,
            )
    return row


_Render = Callable[[Row], tuple[Any, Any]]


def _messages(row: Row) -> tuple[Any, Any]:
    history = [{"role": m["role"], "content": m["content"]} for m in row.get("history") or ()]
    question = {"role": "user", "content": row["question"]}
    return [*history, question], [{"role": "assistant", "content": row["answer"]}]


def _plain(row: Row) -> tuple[Any, Any]:
    return row["question"], row["answer"]


def _unpaired(rows: Iterable[Row], render: _Render) -> Iterator[dict[str, Any]]:
    """A reward of 0 is neither good nor bad: KTO has no label for it."""
    for row in rows:
        if row["reward"] != 0:
            prompt, completion = render(row)
            yield {"prompt": prompt, "completion": completion, "label": row["reward"] > 0}


def _rewards(rows: Iterable[Row], render: _Render) -> Iterator[dict[str, Any]]:
    for row in rows:
        prompt, completion = render(row)
        yield {"prompt": prompt, "completion": completion, "reward": float(row["reward"])}


def _pairs(
    rows: Iterable[Row], render: _Render, smallest_margin: float
) -> Iterator[dict[str, Any]]:
    """Each prompt's best answer over each that is worth less by more than the margin.

    Two answers to one prompt are rare in logs and common in trees. An answer's reward is the mean
    over its follow-ups. Pairing all with all would let prompts with many answers drown the rest.
    """
    answers: dict[bytes, dict[str, list[float]]] = {}
    prompts: dict[bytes, Any] = {}
    completions: dict[str, Any] = {}
    for row in rows:
        prompt, completion = render(row)
        key = hashlib.sha256(json.dumps(prompt).encode()).digest()
        prompts.setdefault(key, prompt)
        completions.setdefault(row["answer"], completion)
        answers.setdefault(key, {}).setdefault(row["answer"], []).append(float(row["reward"]))
    for key, given in answers.items():
        worth = {answer: sum(values) / len(values) for answer, values in given.items()}
        best = max(worth, key=lambda answer: worth[answer])
        for answer, value in worth.items():
            if (margin := round(worth[best] - value, 6)) > smallest_margin:
                yield {
                    "prompt": prompts[key],
                    "chosen": completions[best],
                    "rejected": completions[answer],
                    "margin": margin,
                }
