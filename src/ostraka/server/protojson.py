"""What Google's JSON form of protocol buffers lets a client write.

A field has two spellings, `spanAnnotations` and `span_annotations`, and clients use both. The keys
of a map are names that the caller chose and stay as they are.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from ostraka.errors import InvalidInputError

_MAPS: Final = frozenset({"requestedAttributes", "attributeScores"})
_UNDERSCORE: Final = re.compile("_([a-z])")
_DEPTH: Final = 4
"""Messages inside messages that are looked at; no field that is read lies deeper."""

_WORDS: Final = {bool: "true or false", str: "a string", dict: "an object", list: "a list"}


def camel_case(
    message: dict[str, Any], *, depth: int = _DEPTH, is_map: bool = False
) -> dict[str, Any]:
    """`message` with every field in its camelCase spelling."""
    spelt = {}
    for key, value in message.items():
        name = key if is_map else _UNDERSCORE.sub(lambda match: match[1].upper(), key)
        if isinstance(value, dict) and depth:
            value = camel_case(value, depth=depth - 1, is_map=name in _MAPS)
        spelt[name] = value
    return spelt


def check_types(message: dict[str, Any], fields: Sequence[tuple[str, type]]) -> None:
    """Hold the given fields against their types; null and absent are the same.

    Raises:
        InvalidInputError: a field of another type; names it.
    """
    for name, kind in fields:
        value = message.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidInputError(f"Invalid value at '{name}': expected {_WORDS[kind]}")
