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

_FILES: Final = ("/v1/files", "/openai/v1/files", "/mistral/v1/files", "/signed/files/")


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
        complete = False

        async def receive_and_note() -> Message:
            nonlocal complete
            message = await receive()
            complete = not message.get("more_body", False)
            return message

        deadline = self._deadlines.within(self._seconds_for(scope["path"]))
        load.running += 1
        try:
            with deadline:
                await self._app(scope, receive_and_note, send)
        except TimeoutError as error:
            if not deadline.expired:
                raise
            raise _late(deadline.seconds, complete or not _has_body(scope)) from error
        except asyncio.CancelledError as error:
            if not load.stopping:
                raise
            raise _stopping() from error  # its time to finish is over
        finally:
            load.running -= 1

    def _seconds_for(self, path: str) -> float:
        """Whole files take as long as they take; a limit still ends what never ends."""
        if path.startswith(_FILES):
            return self._settings.transfer_seconds
        return self._settings.request_seconds


def _has_body(scope: Scope) -> bool:
    """Whether a body was announced. What has none is never asked for it."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _late(seconds: float, complete: bool) -> Problem:
    """Whose fault it is: ours, once the whole body was there."""
    if complete:
        return _unavailable(f"The request was not answered within {seconds:g} seconds.")
    return Problem(
        408,
        f"The request body did not arrive within {seconds:g} seconds.",
        code="request_timeout",
        headers={"connection": "close"},
    )


def _stopping() -> Problem:
    return _unavailable("The server is stopping; try again in a moment.", connection="close")


def _unavailable(message: str, **headers: str) -> Problem:
    headers |= {"retry-after": "1", "retry-after-ms": "1000"}
    return Problem(503, message, code="server_unavailable", headers=headers)
