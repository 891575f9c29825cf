"""How many requests run at once, for how long, and none once the server stops.

Without a limit a busy moment becomes a queue without end, in which every caller waits longer than
it is willing to; without a deadline one client that sends its body byte by byte keeps a place for
ever. What is refused is refused at once, with `retry-after`.
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostraka.server.deadlines import Deadlines
from ostraka.server.envelopes import Problem
from ostraka.settings import Settings

ALWAYS_ANSWERED: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""Paths that say how the server is; they must answer most of all when it is full or stopping."""


class Load:
    """What the server carries at the moment."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.stopping = False

    def stop(self) -> None:
        """Take no new request from now on."""
        self.stopping = True


class Admission:
    """ASGI middleware; raises a `Problem` for what it refuses."""

    def __init__(self, app: ASGIApp, load: Load, settings: Settings) -> None:
        self._app = app
        self._load = load
        self._settings = settings
        self._deadlines = Deadlines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if there is a place for it, and end it when its time is up.

        Raises:
            Problem: 503 with `retry-after`, or 408 where the body did not come in time.
        """
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        load = self._load
        if load.stopping:
            raise _stopping()
        if load.running >= load.most:
            raise _unavailable(f"The server already works on {load.most} requests.")
        load.running += 1
        try:
            await self._in_time(scope, receive, send)
        except asyncio.CancelledError as error:
            if not load.stopping:
                raise
            raise _stopping() from error  # its time to finish is over
        finally:
            load.running -= 1

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        complete = False
        seconds = self._seconds_for(scope["path"])

        async def receive_and_note() -> Message:
            nonlocal complete
            message = await receive()
            complete = not message.get("more_body", False)
            return message

        try:
            with self._deadlines.within(seconds) as deadline:
                await self._app(scope, receive_and_note, send)
        except TimeoutError as error:
            if not deadline.expired:
                raise
            if complete:
                late = f"The request was not answered within {seconds:g} seconds."
                raise _unavailable(late) from error
            raise Problem(
                408,
                f"The request body did not arrive within {seconds:g} seconds.",
                code="request_timeout",
                headers={"connection": "close"},
            ) from error

    def _seconds_for(self, path: str) -> float:
        """Whole files take as long as they take; a limit still ends what never ends."""
        path = path.removeprefix("/openai").removeprefix("/mistral")
        if path.startswith(("/v1/files", "/signed/files/")):
            return self._settings.transfer_seconds
        return self._settings.request_seconds


def _stopping() -> Problem:
    return _unavailable("The server is stopping; try again in a moment.", connection="close")


def _unavailable(message: str, **headers: str) -> Problem:
    headers |= {"retry-after": "1", "retry-after-ms": "1000"}
    return Problem(503, message, code="server_unavailable", headers=headers)
