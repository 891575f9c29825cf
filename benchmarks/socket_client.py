"""A light WebSocket load generator, run in a process of its own.

    python -m benchmarks.socket_client HOST PORT PATH CLIENTS SECONDS < messages.json

`messages.json` holds `reset` and `steps`. Every client keeps one connection, sends `reset`, then
its next step when it has read the last answer; after an answer that an episode is over it
resets again. Frames are made beforehand, with a mask of zeros, and answers are hardly looked at, so
that the generator takes a fraction of what any server under test does. Prints one JSON object.
"""

import asyncio
import itertools
import json
import struct
import sys
import time
from typing import cast

import uvloop

_OVER = b'"done":true'
_OVER_SPACED = b'"done": true'


class Client(asyncio.Protocol):
    """One connection. `steps` counts answered steps, `resets` answered resets."""

    def __init__(
        self, host: str, path: str, reset: bytes, steps: list[bytes], until: float
    ) -> None:
        self.steps = self.resets = self.failures = 0
        self.ended = asyncio.get_running_loop().create_future()
        self._hello = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self._reset, self._steps, self._until = reset, itertools.cycle(steps), until
        self._buffer = bytearray()
        self._open = False
        self._resetting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a socket."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        """Read on; send the next message when an answer is whole."""
        self._buffer += data
        if not self._open:
            head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not found:
                return
            self.failures += not head.startswith(b"HTTP/1.1 101")
            self._open, self._buffer = True, bytearray(rest)
            self._transport.write(self._reset)
            return
        end = _end_of_frame(self._buffer)
        if end == 0 or len(self._buffer) < end:
            return
        answer = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._note(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Done, or cut off."""
        if time.perf_counter() < self._until:
            self.failures += 1
        if not self.ended.done():
            self.ended.set_result(None)

    def _note(self, answer: bytes) -> None:
        self.failures += b'"type":"error"' in answer or b'"type": "error"' in answer
        if self._resetting:
            self.resets += 1
        else:
            self.steps += 1
        if time.perf_counter() >= self._until:
            self._transport.close()
            return
        over = not self._resetting and (_OVER in answer or _OVER_SPACED in answer)
        self._resetting = over
        self._transport.write(self._reset if over else next(self._steps))


def _end_of_frame(buffer: bytearray) -> int:
    """Where the first frame ends; 0 while that cannot be told."""
    if len(buffer) < 2:
        return 0
    length = buffer[1] & 127
    if length < 126:
        return 2 + length
    if length == 126:
        return 4 + int.from_bytes(buffer[2:4]) if len(buffer) >= 4 else 0
    return 10 + int.from_bytes(buffer[2:10]) if len(buffer) >= 10 else 0


def _frame(message: str) -> bytes:
    payload = message.encode()
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


async def load(
    host: str, port: int, path: str, clients: int, seconds: float, reset: str, steps: list[str]
) -> dict[str, float]:
    """Keep `clients` busy for `seconds`."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    frames = [_frame(each) for each in steps]
    made: list[Client] = []
    for _ in range(clients):
        _, client = await loop.create_connection(
            lambda: Client(host, path, _frame(reset), frames, started + seconds), host, port
        )
        made.append(client)
    await asyncio.gather(*(client.ended for client in made))
    elapsed = time.perf_counter() - started
    done = sum(client.steps for client in made)
    return {
        "steps": done,
        "rate": done / elapsed,
        "resets": sum(client.resets for client in made),
        "failures": sum(client.failures for client in made),
    }


def main() -> None:
    """Read messages, load, print."""
    host, port, path, clients, seconds = sys.argv[1:6]
    asked = json.load(sys.stdin)
    found = uvloop.run(
        load(host, int(port), path, int(clients), float(seconds), asked["reset"], asked["steps"])
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
