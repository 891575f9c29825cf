"""Bodies as structs, with errors that name the field and say what it may be."""

import re
from functools import cache
from typing import Any, Final

import msgspec

from ostraka.errors import InvalidInputError
from ostraka.server.review.choices import choices

_PLACE: Final = re.compile(r"(?P<what>.*) - at `(?P<key>key` in `)?(?P<place>\$[^`]*)`", re.DOTALL)
_FIELD: Final = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")
_NUL: Final = rb"\u0000"


def decode(raw: bytes, kind: Any) -> Any:
    """The body as `kind`.

    Raises:
        InvalidInputError: no JSON, or a field is not what it may be; names it.
    """
    if kind is type(None):
        if raw.strip() not in (b"", b"null", b"{}"):
            raise InvalidInputError("This request takes no body.", code="unexpected_body")
        return None
    try:
        # No body says as much as an empty one: whatever is needed is missing in both.
        body = _decoder(kind).decode(raw.strip() or b"{}")
    except msgspec.ValidationError as error:
        raise _invalid(str(error), kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(
            f"The body of the request is no JSON: {error}", code="invalid_json"
        ) from error
    if _NUL in raw:
        _refuse_nul(msgspec.to_builtins(body), "")
    return body


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _invalid(message: str, kind: Any) -> InvalidInputError:
    """Msgspec's words with its place as a field: `$[3].text` is `[3].text`, `$.text` is `text`."""
    match = _PLACE.fullmatch(message)
    what, place = (match["what"], match["place"][1:]) if match else (message, "")
    named = _FIELD.search(what)
    if named:
        place = f"{place}.{named[1]}"
    field = place.removeprefix(".")
    expected = re.match(r"Expected `?(.+?)`?(?:, got .*)?$", what, re.DOTALL)
    where = f"'{field}': " if field else ""
    return InvalidInputError(
        f"{where}{what}.",
        field=field or None,
        code=_code(what),
        valid=expected[1].replace("`", "")
        if expected
        else choices(kind, place, of_key=bool(match and match["key"])),
    )


def _code(what: str) -> str:
    if "missing required field" in what:
        return "missing"
    if "unknown field" in what:
        return "unknown_field"
    return "invalid_value"


def _refuse_nul(value: Any, field: str) -> None:
    """PostgreSQL keeps no NUL in a text, and what may be kept must not depend on the database."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidInputError(
            f"'{field}': a text cannot contain the character NUL.", field=field or None
        )
    if isinstance(value, dict):
        for name, each in value.items():
            _refuse_nul(name, field)
            _refuse_nul(each, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _refuse_nul(each, f"{field}[{index}]")
