"""What the handlers of these pages share."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.console.pages import SECURITY_HEADERS, Pages
from ostraka.console.review.handling import ACTION_NAMES, VIOLATION_NAMES, query_with


class Handlers:
    """Handlers that render a template of `oversight/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(
        self, request: Request, name: str, *, here: str, status: int = 200, **context: Any
    ) -> Response:
        """The page `name` with what all of them need."""
        return self._pages.page(
            request,
            f"oversight/{name}.html",
            status=status,
            here=here,
            action_names=ACTION_NAMES,
            violation_names=VIOLATION_NAMES,
            now=now(),
            query=lambda **changes: query_with(request.query_params, changes),
            **context,
        )


def download(content: str | bytes, name: str, media_type: str) -> Response:
    """A file to keep."""
    headers = SECURITY_HEADERS | {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, 200, headers, media_type)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV. A cell that a spreadsheet would run as a formula is kept from it."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    is_number = isinstance(value, int | float)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number:
        text = f"'{text}"
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if set(text) & set(',"\r\n') else text
