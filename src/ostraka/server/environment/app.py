"""The environment as an application: by itself at `/`, or mounted below a prefix of another one."""

import gc
import hmac
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ostraka.environment.real import RealItems
from ostraka.errors import (
    AuthenticationError,
    CallerError,
    ConflictError,
    InvalidInputError,
    StorageError,
)
from ostraka.server.basic import password_of
from ostraka.server.environment import description
from ostraka.server.environment.protocol import speak
from ostraka.server.environment.routes import json_response, reset, state, step
from ostraka.server.environment.sessions import Sessions
from ostraka.server.environment.socket import Conversations
from ostraka.server.environment.store import SessionStore

_OPEN: Final = ("/health",)
_PAGES: Final = ("/", "/web", "/docs")
"""Where people look for a page: the address itself, a Space that OpenEnv's tools made, habit."""


def create_environment_app(
    secret: str = "",
    key: str = "",
    sessions: Sessions | None = None,
    file: Path | None = None,
    real: RealItems | None = None,
) -> ASGIApp:
    """The application. With a `key` every call but `/health` must bring it.

    `secret` sets the episodes apart from those that anybody can generate. Sessions outlive the
    process if there is a `file` for them. `real` items are mixed in.

    Raises:
        StorageError: the file cannot be used.
    """
    if sessions is None:
        store = SessionStore(file, secret, real.digest if real else "") if file else None
        sessions = Sessions(time.time, secret, store=store, real=real)
    application = Starlette(
        routes=[
            *(Route(path, _said(_first_page)) for path in _PAGES),
            Route("/health", _said(lambda: json_response({"status": "healthy"}))),
            Route("/metadata", _told(description.metadata)),
            Route("/schema", _told(description.schemas)),
            Route("/openapi.json", _told(description.openapi)),
            Route("/tasks", _told(description.tasks)),
            Route("/reset", reset, methods=["POST"]),
            Route("/step", step, methods=["POST"]),
            Route("/state", state),
            Route("/mcp", speak, methods=["POST"]),
            WebSocketRoute("/ws", Conversations(sessions)),
        ],
        exception_handlers={CallerError: _refused, StorageError: _unavailable},
    )
    application.state.sessions = sessions
    return _Guard(application, key) if key else application


def load_environment_app(
    secret: str, key: str, file: Path | None, items: Path | None, items_share: float
) -> ASGIApp:
    """The application of a process that serves nothing else, with `items` if there is a file.

    Raises:
        StorageError: a file cannot be used.
        DataError: the real items cannot be read.
        InvalidInputError: they are none, or the share is none.
    """
    real = RealItems.read(items, items_share) if items else None
    application = create_environment_app(secret, key, file=file, real=real)
    gc.freeze()  # what stays for good need not be looked through for garbage
    return application


class _Guard:
    """Lets in who brings the key: as a bearer token, or as the password in the address."""

    def __init__(self, application: ASGIApp, key: str) -> None:
        self._application, self._key = application, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] == "lifespan" or path in _OPEN or self._knows(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "key needed"})
        else:
            await _error_response(AuthenticationError(), 401)(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        password = password_of(scope)
        credential = Headers(scope=scope).get("authorization", "").partition(" ")[2]
        if password is not None:
            credential = password
        return hmac.compare_digest(credential.encode(), self._key.encode())


def _said(make: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        return make()

    return handler


def _first_page() -> Response:
    return HTMLResponse(description.first_page())


def _told(make: Callable[[], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    return _said(lambda: json_response(make()))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CallerError)
    status = error.status
    if isinstance(error, InvalidInputError):
        status = 422
    elif isinstance(error, ConflictError):
        status = 409
    return _error_response(error, status)


async def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, StorageError)
    told = {"code": "storage_unavailable", "message": error.message, "field": None}
    return json_response({"error": told, "detail": error.message}, 503)


def _error_response(error: CallerError, status: int) -> Response:
    told = {"code": error.code, "message": error.message, "field": error.field}
    return json_response({"error": told, "detail": error.message}, status)
