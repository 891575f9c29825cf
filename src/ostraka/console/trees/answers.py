"""What a contributor's form says: labels and places, as the trees take them. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from ostraka.errors import InvalidInputError
from ostraka.trees.labels import ALL

SCALE: Final = 5
"""Steps of a scale, from 0 to 1."""

BY_NAME: Final = {label.name: label for label in ALL}


def labels_of(
    form: Mapping[str, str], asked: Sequence[str], mandatory: Sequence[str]
) -> dict[str, float]:
    """The labels that somebody gave: a flag that is not set says no, an open question nothing.

    Raises:
        InvalidInputError: an answer is missing that must be given, or is none of those offered.
    """
    found: dict[str, float] = {}
    for name in asked:
        given = form.get(f"label.{name}", "")
        label = BY_NAME[name]
        if label.widget == "flag":
            found[name] = float(given == "yes")
        elif given:
            found[name] = _value(name, given)
        elif name in mandatory:
            raise InvalidInputError(
                f"Say first: {label.display_text[0].lower()}{label.display_text[1:]}?",
                field=f"label.{name}",
                code="label_missing",
            )
    return found


def _value(name: str, given: str) -> float:
    answers = {"yes": 1.0, "no": 0.0}
    if BY_NAME[name].widget == "likert":
        answers = {str(step): step / (SCALE - 1) for step in range(SCALE)}
    if given not in answers:
        raise InvalidInputError(
            f"“{given[:20]}” is no answer to this.", field=f"label.{name}", valid=list(answers)
        )
    return answers[given]


def tiers_of(form: Mapping[str, str], shown: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The order that somebody gave, best first; replies of one place are equals.

    Raises:
        InvalidInputError: a reply has no place.
    """
    by_place: defaultdict[int, list[str]] = defaultdict(list)
    for name in shown:
        given = form.get(f"place.{name}", "")
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:4]) <= len(shown)):
            raise InvalidInputError(
                "Give each reply a place; the same place twice means equally good.",
                field=f"place.{name}",
                valid=f"a number from 1 to {len(shown)}",
            )
        by_place[int(given)].append(name)
    return tuple(tuple(by_place[place]) for place in sorted(by_place))
