"""The environment's server before anybody plays: it answers at once, and loads the rest then.

The generator, the policy engine and the framework take most of a start. Whoever waits for `/health`
need not wait for them: they are loaded when it was answered for the first time, or by the first
other call.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ostraka.server.lazily import LazyApplication

_HEALTHY: Final = b'{"status":"healthy"}'
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_HEALTHY)).encode()),
]


class EarlyAnswers:
    """`/health` in front of the environment's application, which it loads."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._application = LazyApplication(
            "ostraka.server.environment.app", "load_environment_app", arguments
        )
        self._loading: asyncio.Task[ASGIApp] | None = None

    def load_now(self) -> None:
        """Load it here.

        Raises:
            StorageError: a file cannot be used.
            DataError: the real items cannot be read.
            InvalidInputError: they are none.
        """
        self._application.make_now()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the call on."""
        if scope["type"] != "http" or scope["path"] != "/health" or scope["method"] != "GET":
            await self._application(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _HEALTHY})
        if self._loading is None:
            self._loading = asyncio.create_task(self._application.made())
