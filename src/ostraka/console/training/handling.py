"""What the handlers of all training pages share."""

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostraka.console.pages import SECURITY_HEADERS, Pages
from ostraka.console.services import Services, needs_key, services_of
from ostraka.errors import InvalidInputError
from ostraka.factory.base import Factory

Found = TypeVar("Found")

_AREAS: Final = {
    "jobs": "Jobs",
    "job": "Jobs",
    "labels": "Jobs",
    "models": "Models",
    "model": "Models",
    "compare": "Models",
    "files": "Files",
    "file": "Files",
}
_LISTS: Final = ("jobs", "models", "files")


class Handlers:
    """Handlers that render a template of `training/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(self, request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
        """The page `name` with what all of them need."""
        return self._pages.page(
            request,
            f"training/{name}.html",
            status=status,
            here="/training",
            area=_AREAS[name],
            is_list=name in _LISTS,
            address=str(request.base_url).rstrip("/"),
            needs_key=needs_key(request),
            query=lambda **changes: _query(request.query_params, changes),
            filtered=any(context.get("asked", {}).values()),
            **context,
        )


async def look_up(request: Request, find: Callable[[Factory], Found]) -> Found:
    """What `find` makes of the factory, in a thread: all of it waits for disk or database."""
    services: Services = services_of(request)
    return await asyncio.to_thread(lambda: find(services.kept.factory(services.settings)))


def asked_of(request: Request, *names: str) -> dict[str, str]:
    """The filters of an address; what is not asked is empty.

    Raises:
        InvalidInputError: a value that no database takes.
    """
    found = {name: request.query_params.get(name, "").strip() for name in names}
    if any("\0" in value for value in found.values()):
        raise InvalidInputError("A filter should not contain the character NUL.")
    return found


def page_number(request: Request) -> int:
    """The page of a list, counted from 1.

    Raises:
        InvalidInputError: no such number.
    """
    value = request.query_params.get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,4}", value):
        raise InvalidInputError(f"There is no page '{value[:20]}'.", field="page")
    return int(value)


def path_value(request: Request, name: str) -> str:
    """A part of the address."""
    return str(request.path_params[name]).replace("\0", "")


def has_seen(request: Request, version: str) -> bool:
    """Whether the script that asks again would get what it has."""
    return request.query_params.get("seen") == version


def _query(current: Mapping[str, str], changes: Mapping[str, Any]) -> str:
    """The query of this page with other values; None takes a parameter away."""
    kept = {name: value for name, value in current.items() if name != "seen"}
    merged = {**kept, **changes}
    return urlencode({name: value for name, value in merged.items() if value not in (None, "")})


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A table as a file to be saved."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    headers = SECURITY_HEADERS | {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")
