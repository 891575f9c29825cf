"""A light HTTP/1.1 load generator, run in a process of its own.

    python -m benchmarks.client HOST PORT PATH CLIENTS SECONDS < bodies.jsonl

Every client keeps one connection and sends its next request when it has read the last answer. No
HTTP library: a request is bytes made beforehand, an answer is read up to its content-length, so
that the generator takes a fraction of what any server under test does. Prints one JSON object:
requests a second, failures, and latencies in milliseconds.
"""

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from typing import cast

import uvloop


class Client(asyncio.Protocol):
    """One connection; `requests` is shared by all clients."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.latencies: list[float] = []
        self.failures = 0
        self.ended = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on; send the next request when the answer is whole."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self.latencies.append(time.perf_counter() - self._sent)
        self.failures += not self._answer.startswith(b"HTTP/1.1 200")
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Done, or cut off: what was asked last is then a failure."""
        if time.perf_counter() < self._until:
            self.failures += 1
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        self._answer = b""
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[start:].split(b"\r\n", 1)[0])


async def load(
    host: str, port: int, path: str, clients: int, seconds: float, bodies: list[bytes]
) -> dict[str, float]:
    """Run `clients` for `seconds`, each sending `bodies` in turn."""
    requests = itertools.cycle(
        b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (path.encode(), host.encode(), len(body), body)
        for body in bodies
    )
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    running = [Client(requests, started + seconds) for _ in range(clients)]
    for client in running:
        await loop.create_connection(lambda client=client: client, host, port)
    await asyncio.gather(*(client.ended for client in running))
    latencies = sorted(x * 1000 for client in running for x in client.latencies)
    return {
        "rate": len(latencies) / (time.perf_counter() - started),
        "failures": sum(client.failures for client in running),
        "p50": statistics.median(latencies),
        "p99": latencies[int(len(latencies) * 0.99)],
        "requests": len(latencies),
    }


if __name__ == "__main__":
    host, port, path, clients, seconds = sys.argv[1:]
    bodies = sys.stdin.buffer.read().splitlines()
    answer = load(host, int(port), path, int(clients), float(seconds), bodies)
    print(json.dumps(uvloop.run(answer)))
