"""What callers send: parameters from query and body, read strictly by shape."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from ostraka.errors import InvalidInputError, TooLargeError

LONGEST_BODY: Final = 1024 * 1024
_TEXTS: Final = ("task_id", "split", "feedback", "reward_scale", "episode_id")


async def object_of(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one.

    Raises:
        InvalidInputError: no JSON, or no object.
        TooLargeError: more than a mebibyte.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise TooLargeError(f"a body may have {LONGEST_BODY} bytes")
    if not body:
        return {}
    return object_in(bytes(body))


def object_in(text: bytes | str) -> dict[str, Any]:
    """The JSON object that `text` writes."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"no JSON: {error}", code="invalid_json") from error
    if not isinstance(found, dict):
        raise InvalidInputError("the body must be a JSON object", code="invalid_json")
    return found


def reset_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `Environment.reset` takes. A split's `index` is another word for the seed.

    Raises:
        InvalidInputError: a value that cannot be; unknown names are left alone.
    """
    arguments: dict[str, Any] = {}
    for name in _TEXTS:
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > 200:
            raise InvalidInputError(f"'{name}' must be a short string", field=name)
        arguments[name] = value
    for name in ("index", "seed"):
        if given.get(name) is not None:
            arguments["seed"] = _whole_number(name, given[name])
    return arguments


def _whole_number(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidInputError(f"'{name}' must be a whole number from 0", field=name)
