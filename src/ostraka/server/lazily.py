"""Request handlers that are imported with their first request.

SQLAlchemy and what stands on it take half a second to import, which a server that only moderates
must not pay at its start. This module itself imports nothing that is not there anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

Handler: TypeAlias = "Callable[[Request], Awaitable[Response]]"


def lazily(module: str, name: str) -> Handler:
    """The handler `name` of `module`, looked up when it is first called."""
    loaded: list[Handler] = []

    async def handle(request: "Request") -> "Response":
        if not loaded:
            loaded.append(getattr(await asyncio.to_thread(import_module, module), name))
        return await loaded[0](request)

    handle.__name__ = name
    return handle


class LazyApplication:
    """What `name` of `module` makes of `arguments`: an application, made with its first call."""

    def __init__(self, module: str, name: str, arguments: Mapping[str, Any]) -> None:
        self._module, self._name, self._arguments = module, name, arguments
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        application = self._made or await self.made()
        await application(scope, receive, send)

    async def made(self) -> ASGIApp:
        """The application, made in a thread if it was not yet."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made

    def make_now(self) -> None:
        """Make it here, and raise what making it raises."""
        self._made = self._make()

    def _make(self) -> ASGIApp:
        made: ASGIApp = getattr(import_module(self._module), self._name)(**self._arguments)
        return made
