"""What the handlers of sign-in, people and settings share."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.browser import SESSION
from ostraka.access.links import PATH
from ostraka.access.person import Person
from ostraka.access.sessions import begin_session
from ostraka.console.access import read_form
from ostraka.console.frame import PLACES, person_of, set_cookie
from ostraka.console.services import services_of
from ostraka.errors import MissingScopeError

Found = TypeVar("Found")

_FORM_BYTES: Final = 64 * 1024


def now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


async def reading(request: Request, find: Callable[[Session], Found]) -> Found:
    """What `find` makes of a session that changes nothing, in a thread."""
    kept = services_of(request).kept

    def run() -> Found:
        with kept.database().reading() as session:
            return find(session)

    return await asyncio.to_thread(run)


async def writing(request: Request, change: Callable[[Session], Found]) -> Found:
    """What `change` makes of a session that commits at its end, in a thread."""
    kept = services_of(request).kept

    def run() -> Found:
        with kept.database().writing() as session:
            return change(session)

    return await asyncio.to_thread(run)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of the form, held against its token."""
    return await read_form(request, _FORM_BYTES)


def somebody(request: Request) -> Person:
    """Whoever is signed in, or sits at the machine that the console is open to.

    Raises:
        MissingScopeError: only an API key was shown; these pages are about people.
    """
    person = person_of(request)
    if person is None:
        raise MissingScopeError("This page is for somebody who signed in, not for an API key.")
    return person


def session_id_of(request: Request) -> str | None:
    """The id of the session that asks."""
    found: str | None = request.scope.get("ostraka.session")
    return found


def idle_of(request: Request) -> timedelta:
    """After how long without a request a session ends."""
    return timedelta(hours=services_of(request).settings.session_idle_hours)


def address_of(request: Request) -> str:
    """Where people reach this server, without a slash at the end."""
    settings = services_of(request).settings
    return (settings.public_url or str(request.base_url)).rstrip("/")


def link_address(request: Request, token: str) -> str:
    """A sign-in link."""
    return f"{address_of(request)}{PATH}{token}"


async def welcome(request: Request, person: Person, target: str = "") -> Response:
    """Begin a session for somebody who showed who they are, and lead them on."""
    lifetime = timedelta(days=services_of(request).settings.session_days)
    browser = request.headers.get("user-agent", "")
    token = await writing(
        request, lambda session: begin_session(session, person.id, browser, now(), lifetime)
    )
    response = RedirectResponse(safe_target(target) or first_place(person), 303)
    set_cookie(request, response, SESSION, token, int(lifetime.total_seconds()))
    return response


def first_place(person: Person) -> str:
    """Where somebody begins: the first page of the rail that is for them."""
    return next(place.address for place in PLACES if place.right is None or person.may(place.right))


def safe_target(target: str) -> str:
    """An address of this very server to go on to; empty for anything else."""
    ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if ours and target.isprintable() and "\\" not in target else ""
