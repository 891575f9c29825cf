"""A receiver of webhooks, in a process of its own.

    with webhook_receiver([Step(do="status", status=500)]) as receiver:
        ...  # add a webhook for receiver.url
        receiver.received()

It plays its steps in order, one for each message, and accepts everything after them. It keeps what
it got, signature and all, and verifies nothing: that is what your own receiver is tested for.
`python -m ostraka.testing.webhook_receiver --port 8006` runs it alone. `GET /control/received`
gives what it got; `PUT /control/steps` gives it other steps.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec

_ACCEPT = 204


class Step(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What happens with one message.

    `status` answers it, `redirect` sends the sender to `location`, `hang` keeps the connection
    open for `seconds` without a word, `drip` answers a byte at a time over `seconds`, `reset`
    breaks the connection once the message is there.
    """

    do: Literal["status", "redirect", "hang", "drip", "reset"] = "status"
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = _ACCEPT
    location: str = ""
    seconds: float = 60.0
    retry_after: str | None = None
    body: str = ""


class Received(msgspec.Struct, frozen=True):
    """One message as it came: `headers` in lower case, `body` as it was signed."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        """The id that stays the same on every attempt."""
        return self.headers["webhook-id"]


class _Server:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.received: list[Received] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The one request of a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {
                k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:]) if k
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if path.startswith("/control/"):
                self._control(writer, method, path, body)
            else:
                self.received.append(Received(path, headers, body.decode("utf-8")))
                await _play(writer, self.steps.pop(0) if self.steps else Step())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _control(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
        if (method, path) == ("PUT", "/control/steps"):
            self.steps = msgspec.json.decode(body, type=list[Step])
        if (method, path) == ("DELETE", "/control/received"):
            self.received.clear()
        writer.write(_answer(200, msgspec.json.encode(self.received)))


async def _play(writer: asyncio.StreamWriter, step: Step) -> None:
    if step.do == "reset":
        linger = b"\1\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        return
    if step.do == "hang":
        await asyncio.sleep(step.seconds)
        return
    more = f"location: {step.location}\r\n" if step.do == "redirect" else ""
    if step.retry_after is not None:
        more += f"retry-after: {step.retry_after}\r\n"
    status = 302 if step.do == "redirect" else step.status
    answer = _answer(status, step.body.encode(), more)
    if step.do != "drip":
        writer.write(answer)
        return
    for each in answer:
        writer.write(bytes([each]))
        await writer.drain()
        await asyncio.sleep(step.seconds / len(answer))


def _answer(status: int, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Scripted\r\n{more}connection: close\r\n"
    if status != _ACCEPT:
        head += f"content-length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class WebhookReceiver:
    """A running receiver; stop it and start it again to take it away for a while."""

    def __init__(self, steps: Sequence[Step] = (), port: int = 0) -> None:
        self._steps = list(steps)
        self._port = port
        self.start()

    @property
    def url(self) -> str:
        """Where it receives, to be a webhook's URL."""
        return f"http://127.0.0.1:{self._port}/hook"

    def start(self) -> None:
        """Start the process, at the same port as before."""
        command = [sys.executable, "-m", "ostraka.testing.webhook_receiver"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port)], stdout=subprocess.PIPE
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the receiver did not start")
        self._port = int(line)
        self.play(self._steps)

    def stop(self) -> None:
        """Kill the process; its connections break, and it forgets what it got."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def play(self, steps: Sequence[Step]) -> None:
        """Go on with other steps."""
        self._call("PUT", "steps", msgspec.json.encode(list(steps)))

    def forget(self) -> None:
        """Forget what it got."""
        self._call("DELETE", "received")

    def received(self) -> list[Received]:
        """Every message that arrived, repeated ones too."""
        return self._call("GET", "received")

    def wait_for(
        self, enough: Callable[[list[Received]], bool], seconds: float = 30.0
    ) -> list[Received]:
        """What it got, once that is enough.

        Raises:
            TimeoutError: it was not, in so many seconds.
        """
        end = time.monotonic() + seconds
        while not enough(got := self.received()):
            if time.monotonic() > end:
                raise TimeoutError(f"{len(got)} messages arrived, which is not enough")
            time.sleep(0.05)
        return got

    def _call(self, method: str, what: str, content: bytes | None = None) -> list[Received]:
        address = f"http://127.0.0.1:{self._port}/control/{what}"
        request = urllib.request.Request(address, content, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return msgspec.json.decode(reply.read(), type=list[Received])


@contextmanager
def webhook_receiver(steps: Sequence[Step] = ()) -> Iterator[WebhookReceiver]:
    """A receiver in a process of its own, for as long as the block runs."""
    receiver = WebhookReceiver(steps)
    try:
        yield receiver
    finally:
        receiver.stop()


async def _run(port: int) -> None:
    server = await asyncio.start_server(_Server([]).serve, "127.0.0.1", port, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Run a receiver alone; it prints its port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
