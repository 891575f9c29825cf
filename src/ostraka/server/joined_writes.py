"""uvicorn's HTTP protocol, which sends the head of an answer together with the body.

uvicorn writes the head as soon as it is known, so that an answer is two packets: two calls into
the kernel here and two wake-ups of the client. Here a head waits until the body's first part is
there, at most until the event loop turns to other work, so that nothing that streams is held up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class JoinedWrites(HttpToolsProtocol):
    """A connection. Give it to uvicorn as `http`."""

    def _start_asgi_task(
        self, cycle: RequestResponseCycle, app: Callable[..., Awaitable[Any]]
    ) -> None:
        joined: Any = _Joined(cycle.transport, self.loop)
        cycle.transport = joined
        super()._start_asgi_task(cycle, app)


class _Joined:
    """What one answer needs of a transport."""

    __slots__ = ("_begun", "_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep what comes first, and send it with what comes second."""
        if not self._begun:
            self._begun, self._head = True, data
            self._loop.call_soon(self._send_head)
        elif self._head:
            head, self._head = self._head, b""
            # An empty part would never leave asyncio's buffer, from Python 3.12 on.
            self._transport.writelines((head, data) if data else (head,))
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is left, and close."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
