"""Rows that teach a classifier: the JSONL format of the classifier-factory API.

    {"text": "…", "labels": {"moderation": ["toxicity", "insult"]}}
    {"messages": [{"role": "user", "content": "…"}], "labels": {"intent": "play_music"}}

A string is a single label, a list any number of them; an empty list means that no label fits. A
target that a row does not name is not labelled by it. Beyond that API, `soft_labels` may give the
share of annotators behind each label of a list, `{"moderation": {"toxicity": 0.83}}`; trainers
learn from shares where they find them.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from ostraka.assess.conversation import join_turns
from ostraka.assess.targets import LossFunction, Target
from ostraka.errors import DataError, InvalidInputError

MAX_TEXT_CHARACTERS: Final = 100_000
MAX_LABEL_CHARACTERS: Final = 200
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Example:
    """One row. `labels` by target; `lists` are the targets whose labels came as a list."""

    text: str
    labels: Mapping[str, tuple[str, ...]]
    lists: frozenset[str] = frozenset()
    soft_labels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    is_conversation: bool = False

    def to_json(self) -> dict[str, Any]:
        """The row again; a conversation comes back as its text."""
        labels: dict[str, Any] = {
            target: list(values) if target in self.lists else values[0]
            for target, values in self.labels.items()
        }
        row: dict[str, Any] = {"text": self.text, "labels": labels}
        if self.soft_labels:
            row["soft_labels"] = {name: dict(share) for name, share in self.soft_labels.items()}
        return row


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row. `row` counts from 1, as editors do."""

    file: str
    row: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.reason}"


@dataclass(frozen=True, slots=True)
class GivenTarget:
    """What a job states of a target; what it leaves out is discovered from the rows."""

    name: str
    labels: tuple[str, ...] = ()
    loss_function: LossFunction | None = None
    weight: float = 1.0


def read_examples(lines: Iterable[bytes], file: str) -> Iterator[tuple[int, Example | RowProblem]]:
    """Every row of a JSONL file with its number; empty lines at the end count for nothing."""
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if not line.strip():
            continue
        try:
            yield number, parse_example(json.loads(line.decode("utf-8")))
        except UnicodeDecodeError:
            yield number, RowProblem(file, number, "is not UTF-8")
        except json.JSONDecodeError as error:
            yield number, RowProblem(file, number, f"is not JSON: {error.msg}")
        except RecursionError:
            yield number, RowProblem(file, number, "is nested too deeply")
        except InvalidInputError as error:
            where = f"'{error.field}': " if error.field else ""
            yield number, RowProblem(file, number, where + error.message)
        except ValueError:  # what else Python's reader of JSON refuses
            yield number, RowProblem(file, number, "is not JSON: a number has too many digits")


def parse_example(raw: Any) -> Example:
    """The example that a decoded row holds.

    Raises:
        InvalidInputError: it is none; names the field and what would be valid.
    """
    if not isinstance(raw, dict):
        raise InvalidInputError("a row is an object with `text` or `messages`, and `labels`")
    if ("text" in raw) == ("messages" in raw):
        raise InvalidInputError("a row has either `text` or `messages`")
    labels, lists = _labels(raw.get("labels"))
    return Example(
        _text(raw),
        labels,
        lists,
        _soft_labels(raw.get("soft_labels"), lists),
        is_conversation="messages" in raw,
    )


def discover_targets(
    examples: Iterable[Example], given: Sequence[GivenTarget] = ()
) -> tuple[Target, ...]:
    """The targets and labels that `examples` name, in order of first appearance.

    Of a target in `given`, labels, weight and kind are taken from there where they are stated.

    Raises:
        DataError: a target has fewer than two labels, a row has a label that is not given, or no
            row has a target that is.
    """
    found: dict[str, dict[str, None]] = {target.name: {} for target in given}
    listed: set[str] = set()
    named: dict[str, None] = {}
    for example in examples:
        named.update(dict.fromkeys(example.labels))
        listed |= example.lists
        for name, values in example.labels.items():
            found.setdefault(name, {}).update(dict.fromkeys(values))
    stated = {target.name: target for target in given}
    if unnamed := [name for name in stated if name not in named]:
        raise DataError(
            f"no row has the target '{unnamed[0]}', which was given; the rows have {quoted(named)}"
        )
    targets = [_target(name, labels, stated.get(name), listed) for name, labels in found.items()]
    for target in targets:
        if len(target.labels) < 2:
            what = f"only the label {quoted(target.labels)}" if target.labels else "no label"
            raise DataError(f"the rows give target '{target.name}' {what}; it needs at least 2")
    return tuple(targets)


def quoted(names: Iterable[str], most: int = 10) -> str:
    """The first names of what may be many."""
    shown = [f"'{name}'" for name in islice(names, most + 1)]
    return ", ".join([*shown[:most], "…"] if len(shown) > most else shown)


def _target(
    name: str, seen: Mapping[str, None], given: GivenTarget | None, listed: set[str]
) -> Target:
    kind = LossFunction.MULTI_CLASS if name in listed else LossFunction.SINGLE_CLASS
    if given is None:
        return Target(name, tuple(seen), kind)
    unknown = [label for label in seen if given.labels and label not in given.labels]
    if unknown:
        raise DataError(
            f"target '{name}' has rows with the label '{unknown[0]}', which is none of those given"
        )
    return Target(name, given.labels or tuple(seen), given.loss_function or kind, given.weight)


def _text(raw: Mapping[str, Any]) -> str:
    if "messages" in raw:
        messages = raw["messages"]
        if not isinstance(messages, list):
            raise InvalidInputError("a list of messages is needed", field="messages")
        text = join_turns(messages)
    else:
        text = raw["text"]
    name = "messages" if "messages" in raw else "text"
    if not isinstance(text, str):
        raise InvalidInputError("a string is needed", field=name)
    if not text.strip():
        raise InvalidInputError("is empty", field=name)
    if "\0" in text:
        raise InvalidInputError("contains the character NUL", field=name)
    _check_whole(text, name)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidInputError(
            f"has {len(text):,} characters, at most {MAX_TEXT_CHARACTERS:,} are taken", field=name
        )
    return text


def _check_whole(text: str, field: str) -> None:
    """Refuse what a cut emoji leaves: no tokenizer takes it, and UTF-8 cannot hold it."""
    if not text.isascii() and _SURROGATE.search(text):
        raise InvalidInputError("contains half a character (a lone surrogate)", field=field)


def _labels(raw: Any) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    if not isinstance(raw, dict) or not raw:
        raise InvalidInputError(
            "an object is needed, from target name to a label or a list of labels", field="labels"
        )
    labels: dict[str, tuple[str, ...]] = {}
    for target, value in raw.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(label, str) and label.strip() for label in values):
            raise InvalidInputError(
                "a label is a non-empty string, or a list of them", field=f"labels.{target}"
            )
        if any(len(label) > MAX_LABEL_CHARACTERS for label in (target, *values)):
            raise InvalidInputError(
                f"a name has at most {MAX_LABEL_CHARACTERS} characters", field=f"labels.{target}"
            )
        for name in (target, *values):
            _check_whole(name, "labels" if name is target else f"labels.{target}")
        labels[target] = tuple(dict.fromkeys(values))
    return labels, frozenset(name for name, value in raw.items() if isinstance(value, list))


def _soft_labels(raw: Any, lists: frozenset[str]) -> dict[str, dict[str, float]]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise InvalidInputError("an object is needed, by target", field="soft_labels")
    soft: dict[str, dict[str, float]] = {}
    for target, shares in raw.items():
        field_name = f"soft_labels.{target}"
        if target not in lists:
            raise InvalidInputError("needs a list of labels beside it", field=field_name)
        if not isinstance(shares, dict) or not all(_is_share(share) for share in shares.values()):
            raise InvalidInputError("shares are numbers from 0 to 1, by label", field=field_name)
        soft[target] = {label: float(share) for label, share in shares.items()}
    return soft


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0
