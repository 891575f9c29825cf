"""A scripted OpenAI-compatible server, in a process of its own.

    with scripted_server({"steps": [{"do": "status", "status": 429}]}) as server:
        client = JudgeClient(server.base_url)

It plays every fault that a real one can have, on command (`openai_script.Step`), and can have a
fixed capacity. `python -m ostraka.testing.openai_server --script FILE --port 8005` runs it alone.
`GET /control/state` says what it saw; `PUT /control/script` gives it another script.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ostraka.testing.openai_answers import body_of, content_of
from ostraka.testing.openai_script import Player, Script, Step, asked_of
from ostraka.testing.openai_stream import STREAM_HEAD, ResetConnectionError, deliver, events

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many"}


class _Server:
    """One script, and what was seen of its requests."""

    def __init__(self, script: Script) -> None:
        self.play(script)
        self.statuses: Counter[int] = Counter()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.last: Any = None
        self.running = 0
        self.most_running = 0

    def play(self, script: Script) -> None:
        self.player = Player(script)
        self.slots = asyncio.Semaphore(script.capacity.slots) if script.capacity else None

    @property
    def script(self) -> Script:
        return self.player.script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:])}
                content = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(writer, method, path, headers, content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        except ResetConnectionError:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            writer.transport.abort()

    async def _answer(
        self,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
    ) -> None:
        key = self.script.api_key
        if path.startswith("/control/"):
            self._control(writer, method, path, content)
        elif key and headers.get("authorization") != f"Bearer {key}":
            self._send(writer, 401, _error("Incorrect API key provided."))
        elif (method, path) == ("GET", "/v1/models"):
            models = [{"id": name, "object": "model"} for name in self.script.models]
            self._send(writer, 200, {"object": "list", "data": models})
        elif (method, path) == ("POST", "/v1/chat/completions"):
            await self._chat(writer, msgspec.json.decode(content))
        else:
            self._send(writer, 404, _error(f"no {method} {path}"))

    def _control(
        self, writer: asyncio.StreamWriter, method: str, path: str, content: bytes
    ) -> None:
        if (method, path) == ("PUT", "/control/script"):
            self.play(msgspec.json.decode(content, type=Script))
        self._send(
            writer,
            200,
            {
                "statuses": {str(status): count for status, count in self.statuses.items()},
                "asked": self.asked,
                "answered": self.answered,
                "last": self.last,
                "most_running": self.most_running,
            },
        )

    async def _chat(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        self.last = request
        asked = asked_of(request)
        self.asked[asked] += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            status = await self._play(writer, request, self.player.next(request))
        finally:
            self.running -= 1
        self.statuses[status] += 1
        self.answered[asked] += status == 200

    async def _play(self, writer: asyncio.StreamWriter, request: dict[str, Any], step: Step) -> int:
        if refused := self._unsupported(request):
            status = 500 if getattr(self.script, refused) == "fails" else 400
            return self._send(writer, status, _error(f"'{refused}' is not supported"))
        capacity = self.script.capacity
        if capacity and self.slots:
            if self.running > capacity.slots + capacity.queue:
                return self._send(writer, 429, _error("overloaded"), capacity.retry_after)
            async with self.slots:
                await asyncio.sleep(capacity.seconds)
        if step.do == "status":
            return self._send(writer, step.status, _error("scripted"), step.retry_after)
        if step.do == "reset":
            raise ResetConnectionError
        body = body_of(step, request, self.script, content_of(step, request, self.script))
        if step.seconds and step.do not in ("drip", "stall"):
            await asyncio.sleep(step.seconds)
        if request.get("stream") and self.script.stream == "yes":
            pieces = events(body, request)
            if step.do == "truncated_json":
                pieces = [*pieces[: len(pieces) // 2], pieces[-1]]
            writer.write(STREAM_HEAD)
        else:
            encoded = msgspec.json.encode(body)
            if step.do == "truncated_json":
                encoded = encoded[: len(encoded) // 2]
            writer.write(_head(200, len(encoded)))
            parts = len(encoded) if step.do == "drip" else 2
            pieces = _cut(encoded, parts)
        await deliver(writer, pieces, step)
        return 200

    def _unsupported(self, request: Mapping[str, Any]) -> str | None:
        kind = (request.get("response_format") or {}).get("type", "text")
        for name, wanted in (
            ("json_schema", kind == "json_schema"),
            ("object_schema", "schema" in (request.get("response_format") or {})),
            ("json_object", kind == "json_object"),
            ("guided_json", "guided_json" in request),
            ("logprobs", bool(request.get("logprobs"))),
            ("stream", bool(request.get("stream"))),
        ):
            if wanted and getattr(self.script, name) in ("no", "fails"):
                return name
        return None

    def _send(
        self, writer: asyncio.StreamWriter, status: int, body: Any, retry_after: str | None = None
    ) -> int:
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        wait = f"retry-after: {retry_after}\r\n" if retry_after is not None else ""
        writer.write(_head(status, len(encoded), wait) + encoded)
        return status


def _head(status: int, length: int, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Scripted')}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n"
    ).encode()


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "scripted", "param": None, "code": None}}


def _cut(encoded: bytes, parts: int) -> list[bytes]:
    size = max(1, -(-len(encoded) // parts))
    return [encoded[at : at + size] for at in range(0, len(encoded), size)]


class ScriptedServer:
    """A running scripted server; stop it and start it again to take it away in mid-batch."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self._script = script
        self._port = port
        self.start()

    def start(self) -> None:
        """Start the process, at the same port as before."""
        command = [sys.executable, "-m", "ostraka.testing.openai_server", "--script", "-"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(msgspec.json.encode(self._script))
        self._process.stdin.close()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the scripted server did not start")
        self._port = int(line)

    def stop(self) -> None:
        """Kill the process; its connections break."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self._port}/v1"

    def play(self, script: Script | Mapping[str, Any]) -> None:
        """Go on with another script."""
        self._script = Script.of(script)
        self._call("PUT", "/control/script", msgspec.json.encode(self._script))

    def state(self) -> dict[str, Any]:
        """What it saw since it was started: `statuses`, `asked`, `answered`, `last` request, …."""
        return self._call("GET", "/control/state")

    def _call(self, method: str, path: str, content: bytes | None = None) -> dict[str, Any]:
        address = self.base_url.removesuffix("/v1") + path
        request = urllib.request.Request(address, content, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            state: dict[str, Any] = msgspec.json.decode(reply.read())
        return state


@contextmanager
def scripted_server(script: Script | Mapping[str, Any] | None = None) -> Iterator[ScriptedServer]:
    """A scripted server in a process of its own, for as long as the block runs."""
    server = ScriptedServer(Script.of(script or {}))
    try:
        yield server
    finally:
        server.stop()


async def _run(script: Script, port: int) -> None:
    server = await asyncio.start_server(_Server(script).serve, "127.0.0.1", port, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Run one until it is killed; writes its port to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", default="", help="a JSON file; - for standard input")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    options = parser.parse_args()
    text = b"{}"
    if options.script:
        text = (
            sys.stdin.buffer.read() if options.script == "-" else Path(options.script).read_bytes()
        )
    asyncio.run(_run(msgspec.json.decode(text, type=Script), options.port))


if __name__ == "__main__":
    main()
