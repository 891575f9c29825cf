"""What agents answer, read as kindly as can be without guessing what they meant.

Strict about the shape: an object with `action_type`. Lenient about values, since a model may write
anything: a value that is no action or no violation type is marked as such, the item is decided all
the same, and nothing is earned for it. It is never read as approval.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ostraka.errors import InvalidInputError
from ostraka.taxonomy import Action, ViolationType

LOOK_UPS: Final = ("look_up_author", "look_up_thread")
DEFER: Final = "defer"
MALFORMED: Final = "malformed"
"""What is noted for an answer of a model that held no action. It is no action and earns nothing."""
_ACTIONS: Final = {name: name for name in (*map(str, Action), *LOOK_UPS, DEFER)}
_TYPES: Final = {each.value: each.value for each in ViolationType}
_LONGEST_ECHO: Final = 64


class Answer(NamedTuple):
    """An agent's answer. `action` and `violation` are empty where they are none.

    `given` and `given_violation` are what was written, shortened, for the record.
    """

    action: str
    violation: str
    given: str
    given_violation: str
    confidence: float | None


_PLAIN: Final = {
    (action, violation): Answer(action, violation, action, violation, None)
    for action in _ACTIONS
    for violation in _TYPES
}
"""The answers that are written as they should be: most of them are."""


def parse_action(data: Any) -> Answer:
    """The answer that `data` holds.

    Raises:
        InvalidInputError: no object, or one without `action_type`.
    """
    if not isinstance(data, Mapping):
        raise InvalidInputError("an action is an object with 'action_type'", field="action")
    if "action_type" not in data:
        raise InvalidInputError(
            f"'action_type' is missing; it is one of {', '.join(Action)}", field="action_type"
        )
    return answer_of(data["action_type"], data.get("violation_type"), data.get("confidence"))


def answer_of(given: Any, given_violation: Any = None, confidence: Any = None) -> Answer:
    """The answer with these values, whatever they are."""
    if confidence is None and isinstance(given, str) and isinstance(given_violation, str):
        plain = _PLAIN.get((given, given_violation))
        if plain is not None:
            return plain
    action = _named(given, _ACTIONS)
    violation = _named(given_violation, _TYPES)
    return Answer(
        action,
        violation,
        action or _echo(given),
        violation or _echo(given_violation),
        None if confidence is None else _confidence(confidence),
    )


def _named(value: Any, names: Mapping[str, str]) -> str:
    if not isinstance(value, str):
        return ""
    return names.get(value) or names.get(
        value.strip().lower().replace(" ", "_").replace("-", "_"), ""
    )


def _echo(value: Any) -> str:
    return str(value)[:_LONGEST_ECHO]


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0.0 <= value <= 1.0 else None
