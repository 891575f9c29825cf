"""What the handlers of all reviewers' pages share."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ostraka.access.ring import now
from ostraka.console.access import read_form
from ostraka.console.pages import SECURITY_HEADERS, Pages
from ostraka.console.review.room import Room, Viewer, room_of, viewer_of
from ostraka.console.services import services_of
from ostraka.errors import InvalidInputError
from ostraka.taxonomy import Action, ViolationType

Found = TypeVar("Found")

ACTION_NAMES: Final = {
    Action.APPROVE: "Approve",
    Action.WARN: "Warn",
    Action.REMOVE: "Remove",
    Action.BAN_TEMPORARY: "Ban for a time",
    Action.BAN_PERMANENT: "Ban for good",
    Action.ESCALATE: "Escalate",
}
DONE_NAMES: Final = {
    "approve": "Approved",
    "warn": "Warned",
    "remove": "Removed",
    "ban_temporary": "Banned for a time",
    "ban_permanent": "Banned for good",
    "escalate": "Escalated",
}
"""What a decision did, for the line that tells of it."""

VIOLATION_NAMES: Final = {
    ViolationType.SPAM: "Spam",
    ViolationType.HATE_SPEECH: "Hate speech",
    ViolationType.HARASSMENT: "Harassment",
    ViolationType.MISINFORMATION: "Misinformation",
    ViolationType.CSAM: "Child sexual abuse material",
    ViolationType.ILLEGAL_SERVICES: "Illegal services",
    ViolationType.DOXXING: "Doxxing",
    ViolationType.SELF_HARM_RISK: "Self-harm risk",
    ViolationType.NONE: "None",
}


class Handlers:
    """Handlers that render a template of `review/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(
        self, request: Request, name: str, *, here: str, status: int = 200, **context: Any
    ) -> Response:
        """The page `name` with what all of them need."""
        return self._pages.page(
            request,
            f"review/{name}.html",
            status=status,
            here=here,
            action_names=ACTION_NAMES,
            done_names=DONE_NAMES,
            violation_names=VIOLATION_NAMES,
            now=now(),
            address=str(request.base_url).rstrip("/"),
            query=lambda **changes: query_with(request.query_params, changes),
            is_part=is_part(request),
            **context,
        )


def is_part(request: Request) -> bool:
    """Whether the page's own script asks, for a part of the page."""
    return request.headers.get("hx-request") == "true"


def with_events(response: Response, **events: Any) -> Response:
    """An answer that also raises events on the page, such as a toast."""
    response.headers["hx-trigger"] = json.dumps(events)
    return response


def notice(pages: Pages, title: str, text: str, status: int, *, into: str) -> Response:
    """An answer to a part of a page that is shown in a place of its own and touches nothing else.

    What was typed stays where it is.
    """
    html = pages.text("review/notice.html", title=title, text=text)
    headers = {"hx-retarget": into, "hx-reswap": "innerHTML", "hx-push-url": "false"}
    return HTMLResponse(html, status, SECURITY_HEADERS | headers)


async def look(request: Request, find: Callable[[Room, Session, Viewer], Found]) -> Found:
    """What `find` makes of the database, in a thread."""
    viewer = viewer_of(request)

    def read() -> Found:
        room = room_of(request)
        with room.database.reading() as session:
            return find(room, session, viewer)

    return await asyncio.to_thread(read)


async def change(
    request: Request, act: Callable[[Room, Session, Viewer, datetime], Found]
) -> Found:
    """What `act` does to the database, in one transaction, in a thread."""
    viewer = viewer_of(request)

    def write() -> Found:
        room = room_of(request)
        with room.database.writing() as session:
            return act(room, session, viewer, now())

    return await asyncio.to_thread(write)


async def do(request: Request, act: Callable[[Room, Viewer], Found]) -> Found:
    """What `act` does by itself, in a thread."""
    viewer = viewer_of(request)
    return await asyncio.to_thread(lambda: act(room_of(request), viewer))


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form of ours."""
    return await read_form(request, services_of(request).settings.max_body_bytes)


def asked_of(request: Request, *names: str) -> dict[str, str]:
    """The filters of an address; what is not asked is empty.

    Raises:
        InvalidInputError: a value that no database takes.
    """
    found = {name: request.query_params.get(name, "").strip() for name in names}
    if any("\0" in value for value in found.values()):
        raise InvalidInputError("A filter should not contain the character NUL.")
    return found


def choice(values: Mapping[str, str], name: str, valid: Sequence[str]) -> str | None:
    """A filter that is one of `valid`, None where it is not asked.

    Raises:
        InvalidInputError: another one.
    """
    value = values.get(name) or None
    if value is not None and value not in valid:
        raise InvalidInputError(
            f"There is no {name.replace('_', ' ')} “{value[:40]}”.", field=name, valid=list(valid)
        )
    return value


def path_value(request: Request, name: str) -> str:
    """A part of the address."""
    return str(request.path_params[name]).replace("\0", "")


def query_with(current: QueryParams, changes: Mapping[str, Any]) -> str:
    """The query of this page with other values; None takes a parameter away."""
    merged = {**dict(current), **changes}
    return urlencode({name: value for name, value in merged.items() if value not in (None, "")})
