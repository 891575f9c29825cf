"""The busiest routes, answered before FastAPI's router.

FastAPI's own middleware and routing cost more than judging a short text does. The paths named
here go straight to their handler; every other path and method, and the description of these in
the OpenAPI document, stay where they are.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ostraka.errors import OstrakaError
from ostraka.server.envelopes import Problem

Handler = Callable[[Request], Awaitable[Response]]
FailureHandler = Callable[[Request, Exception], Awaitable[Response]]


class Shortcut:
    """Sends `POST` on the paths of `routes` to their handlers; must be the innermost middleware."""

    def __init__(
        self, app: ASGIApp, *, routes: Mapping[str, Handler], failure: FailureHandler
    ) -> None:
        self._app = app
        self._routes = routes
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        handler = self._routes.get(scope["path"]) if posted else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await handler(request)
        except (OstrakaError, Problem) as error:
            response = await self._failure(request, error)
        await response(scope, receive, send)
