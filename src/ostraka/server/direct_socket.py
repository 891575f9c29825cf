"""uvicorn's WebSocket protocol, with a direct way from a frame to its answer.

An application that answers every message at once, with one message, can say so: it calls

    scope["extensions"]["ostraka.direct"]["answer_with"](answer)

after it has accepted the connection. From then on `answer` is called where the frame is read, and
its result is written there: no event, no task that wakes, no reading that is paused and resumed,
which together take several times as long as a step of the environment. Whatever is not a plain
message in one frame (fragments, long messages, messages that come while the client does not read)
and every message to which `answer` gives None goes the way of ASGI, and so does all that follows,
so that answers keep their order. Servers that do not have the extension always go it.
"""

from collections.abc import Callable
from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

try:
    from websockets.speedups import apply_mask
except ImportError:  # it was built without a compiler
    from websockets.utils import apply_mask

EXTENSION: Final = "ostraka.direct"
Answer = Callable[[str], bytes | None]

_TEXT: Final = 0x81
_PING_OR_PONG: Final = (0x89, 0x8A)
_MASKED: Final = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_HEAD, _LONG_HEAD = 6, 8


class DirectWebSocket(WebSocketsSansIOProtocol):
    """A connection. Give it to uvicorn as `ws`."""

    _direct: Answer | None = None
    _came_early = False
    _begun = b""
    """A frame that has not arrived as a whole."""

    def handle_connect(self, event: Request) -> None:
        """Offer the extension to the application, which runs as a task that begins later."""
        super().handle_connect(event)
        if self.handshake_initiated and not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"answer_with": self._answer_with}

    def data_received(self, data: bytes) -> None:
        """Answer the frames in `data`, or hand them on."""
        if self._direct is None:
            self._came_early |= self.handshake_initiated
            super().data_received(data)
            return
        data, self._begun = self._begun + data, b""
        while data:
            size = _size_of_frame(data)
            if size is not None and len(data) < size:
                break
            if size is None or not self._is_answered(data[:size]):
                self._direct = None
                super().data_received(data)
                return
            data = data[size:]
        self._begun = data

    def _answer_with(self, answer: Answer) -> None:
        # What came before the connection was accepted may have ended in the middle of a frame.
        if not self._came_early:
            self._direct = answer

    def _is_answered(self, frame: bytes) -> bool:
        """Whether nothing is left to be done about `frame`."""
        if frame[0] in _PING_OR_PONG:
            super().data_received(frame)
            return True
        assert self._direct is not None
        if frame[0] != _TEXT or not self.writable.is_set():
            return False
        head = _LONG_HEAD if frame[1] & ~_MASKED == _TWO_BYTES else _HEAD
        try:
            text = apply_mask(frame[head:], frame[head - 4 : head]).decode()
        except UnicodeDecodeError:
            return False
        answer = self._direct(text)
        if answer is None:
            return False
        self.transport.write(_head_of(len(answer)) + answer)
        return True


def _size_of_frame(data: bytes) -> int | None:
    """How long the first frame is; one byte more than there is where that is not told yet.

    None for a frame that a client may not send, and for one of 64 KiB or more.
    """
    if len(data) > 1 and data[1] < _MASKED:
        return None
    if len(data) < _HEAD:
        return len(data) + 1
    length = data[1] & ~_MASKED
    if length < _TWO_BYTES:
        return _HEAD + length
    if length == _TWO_BYTES:
        return _LONG_HEAD + int.from_bytes(data[2:4])
    return None


def _head_of(length: int) -> bytes:
    if length < _TWO_BYTES:
        return bytes((_TEXT, length))
    if length < 1 << 16:
        return bytes((_TEXT, _TWO_BYTES)) + length.to_bytes(2)
    return bytes((_TEXT, _EIGHT_BYTES)) + length.to_bytes(8)
