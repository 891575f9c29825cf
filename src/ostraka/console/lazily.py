"""An area of the console that is imported with its first request, and never shown to strangers.

Here, before any of an area's own code runs, a request that the server's gate refused becomes a
page that asks for a key, and what a handler raises becomes a page that says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.console.frame import person_of
from ostraka.console.pages import Pages
from ostraka.errors import (
    AuthenticationError,
    CallerError,
    MissingKeyError,
    MissingScopeError,
    OstrakaError,
    OverloadedError,
    RateLimitError,
    StorageError,
)

Handler = Callable[[Request], Awaitable[Response]]

REFUSED = "ostraka.refused"
"""Where in a request's scope the gate leaves the error for which it would have refused it."""


@dataclass(frozen=True, slots=True)
class Key:
    """For the page that asks for an API key: what it opens, the scope that the key must have, and
    the command that does the same without a browser.
    """

    area: str
    scope: str
    command: str


class Deferred:
    """The pages of `module`, made by its class `name`, below the address `here`.

    With a `key` an API key opens them too, where nobody signs in.
    """

    def __init__(
        self, pages: Pages, module: str, name: str, *, here: str, key: Key | None = None
    ) -> None:
        self._pages = pages
        self._module = module
        self._name = name
        self._here = here
        self._key = key
        self._area: Any = None

    def handler(self, name: str) -> Handler:
        """The handler that the area has under `name`."""

        async def handle(request: Request) -> Response:
            refused = request.scope.get(REFUSED)
            if refused is not None:
                return self._locked(request, refused)
            try:
                if self._area is None:
                    module = await asyncio.to_thread(import_module, self._module)
                    self._area = getattr(module, self._name)(self._pages)
                response: Response = await getattr(self._area, name)(request)
            except (CallerError, StorageError, OverloadedError) as error:
                return self._problem(request, error)
            return response

        return handle

    def _locked(self, request: Request, error: OstrakaError) -> Response:
        """Where people sign in, a browser is led there; else the page asks for a key."""
        if person_of(request) is not None or (
            isinstance(error, MissingScopeError) and "authorization" not in request.headers
        ):
            return self._problem(request, error, again=False)
        if request.scope.get("ostraka.people") and not _brings_something(request):
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", 303)
        if self._key is None:
            return self._problem(request, MissingPersonError(), again=False)
        status = error.status if isinstance(error, CallerError) else 401
        return self._pages.page(
            request,
            "locked.html",
            status=status,
            here=self._here,
            title=_asking(error),
            key=self._key,
        )

    def _problem(
        self, request: Request, error: OstrakaError, again: bool | None = None
    ) -> Response:
        headers = {}
        if isinstance(error, RateLimitError):
            headers["retry-after"] = str(round(error.retry_after))
        return self._pages.page(
            request,
            "problem.html",
            status=error.status if isinstance(error, CallerError) else 503,
            headers=headers,
            here=self._here,
            message=error.message,
            again=not isinstance(error, CallerError) if again is None else again,
        )


class MissingPersonError(AuthenticationError):
    """Nobody can sign in here yet. Add yourself: ostraka people add NAME --role admin."""

    code = "sign_in_required"


def _brings_something(request: Request) -> bool:
    """Whether a script asks, for a part of the page or with a key, and can follow nowhere."""
    return "authorization" in request.headers or "hx-request" in request.headers


def _asking(error: OstrakaError) -> str:
    if isinstance(error, MissingKeyError):
        return "This server asks for an API key."
    if isinstance(error, MissingScopeError):
        return error.message
    return "The server does not accept this API key."
