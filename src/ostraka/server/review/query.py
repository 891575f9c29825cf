"""Parameters of the query, and pages that a cursor goes through."""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from starlette.requests import Request

from ostraka.errors import InvalidInputError

LIMIT: Final = 50
MOST: Final = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """How many entries are wanted, and what the last page ended with; None for the first page."""

    limit: int
    after: tuple[str, ...] | None


def only(request: Request, *names: str) -> None:
    """Refuse parameters that the path does not take: a misspelt filter would let all through.

    Raises:
        InvalidInputError: names the parameter and those that there are.
    """
    for name in request.query_params:
        if name not in names:
            raise InvalidInputError(
                f"There is no parameter '{name}' here.",
                field=name,
                code="unknown_parameter",
                valid=sorted(names),
            )


def text(request: Request, name: str) -> str | None:
    """A parameter, None where it is missing or empty."""
    value = request.query_params.get(name)
    if value is not None and "\0" in value:
        raise InvalidInputError(f"'{name}' cannot contain the character NUL.", field=name)
    return value or None


def bounded_text(request: Request, name: str, most: int) -> str | None:
    """A parameter of at most so many characters."""
    value = text(request, name)
    if value is not None and len(value) > most:
        raise InvalidInputError(
            f"'{name}' is too long.", field=name, valid=f"up to {most} characters"
        )
    return value


def choice(request: Request, name: str, values: Collection[str]) -> str | None:
    """A parameter that is one of `values`."""
    value = text(request, name)
    if value is not None and value not in values:
        raise InvalidInputError(f"'{name}' cannot be '{value}'.", field=name, valid=list(values))
    return value


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number within its limits."""
    value = text(request, name)
    if value is None:
        return default
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 19 and least <= int(value) <= most:
        return int(value)
    raise InvalidInputError(
        f"'{name}' cannot be '{value}'.", field=name, valid=f"a whole number, {least} to {most}"
    )


def boolean(request: Request, name: str) -> bool | None:
    """A truth value."""
    value = choice(request, name, ("true", "false"))
    return None if value is None else value == "true"


def moment(request: Request, name: str) -> datetime | None:
    """A moment in ISO 8601; without a time zone, in UTC."""
    value = text(request, name)
    return None if value is None else parse_moment(value, name)


def parse_moment(value: str, name: str) -> datetime:
    """A moment in ISO 8601, as it stands in the query.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        # A plus sign that was not escaped arrives as a space.
        found = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"'{name}' cannot be '{value}'.",
            field=name,
            valid="a moment such as 2026-01-31T12:00:00Z",
        ) from None


def page_of(request: Request, keys: int = 1) -> Page:
    """The page that `limit` and `cursor` ask for; a cursor holds `keys` sort keys."""
    limit = whole(request, "limit", LIMIT, 1, MOST)
    cursor = text(request, "cursor")
    return Page(limit, None if cursor is None else _open(cursor, keys))


def page_answer(
    found: Sequence[T],
    page: Page,
    keys_of: Callable[[T], tuple[str, ...]],
    show: Callable[[T], Any],
) -> dict[str, Any]:
    """The answer for `found`, which is one entry longer than the page where there is another."""
    entries = found[: page.limit]
    more = len(found) > page.limit
    return {
        "data": [show(each) for each in entries],
        "next_cursor": cursor_of(keys_of(entries[-1])) if more else None,
    }


def cursor_of(keys: tuple[str, ...]) -> str:
    """Where a page ended, for its caller to hand back unread."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def _open(cursor: str, keys: int) -> tuple[str, ...]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != keys
        or not all(isinstance(each, str) and "\0" not in each for each in found)
    ):
        raise InvalidInputError(
            "'cursor' is none of this list's; leave it out to begin.",
            field="cursor",
            valid="the next_cursor of an answer",
        )
    return tuple(found)
