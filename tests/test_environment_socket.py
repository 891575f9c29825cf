"""`/ws` frame by frame: the direct way and the long one give the same answers in the same order."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import uvicorn
from serving import free_port, served
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect as connect_later
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ostraka.server.direct_socket import EXTENSION, DirectWebSocket
from ostraka.server.environment.sessions import Sessions
from ostraka.server.environment.socket import Talk

PROGRAM = ("-m", "ostraka", "env", "serve", "--port", "PORT")
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
RESET = json.dumps({"type": "reset", "data": {"task_id": "task_hard", "seed": 5}})
STATE = json.dumps({"type": "state"})


def step(action: str, reasoning: str = "") -> str:
    data = {"action_type": action, "violation_type": "spam", "reasoning": reasoning}
    return json.dumps({"type": "step", "data": data}, ensure_ascii=False)


MESSAGES = [
    RESET,
    step("remove"),
    step("approve", "höflich – ✓"),
    "no JSON",
    step("warn", "x" * 200),
    json.dumps({"type": "step", "data": {}}),
    STATE,
    step("remove", "y" * 70_000),
    step("escalate"),
    json.dumps({"type": "batch_step", "data": {"actions": [{"action_type": "remove"}] * 3}}),
    STATE,
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("environment"), program=PROGRAM) as address:
        yield address


def told() -> list[str]:
    """What a conversation says to the messages, without any socket."""
    talk = Talk(Sessions(lambda: 0.0))
    answers = [talk.answer_to(message) for message in MESSAGES]
    return [answer.decode() for answer in answers if answer is not None]


class RawSocket:
    """Frames by hand."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""
        head = (
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        self.send(head.encode())
        while b"\r\n\r\n" not in self._read:
            self._more()
        head_read, _, self._read = self._read.partition(b"\r\n\r\n")
        assert head_read.startswith(b"HTTP/1.1 101")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def frame(self) -> tuple[int, bytes]:
        """The next frame; its first byte 0 where the connection ended."""
        head = self._take(2)
        if len(head) < 2:
            return 0, b""
        length = head[1]
        if length == 126:
            length = int.from_bytes(self._take(2))
        elif length == 127:
            length = int.from_bytes(self._take(8))
        content = self._take(length)
        # The server asks slow tests whether they are there.
        return self.frame() if head[0] == PING else (head[0], content)

    def text(self) -> str:
        kind, content = self.frame()
        assert kind == TEXT, (kind, content)
        return content.decode()

    def close(self) -> None:
        self._socket.close()

    def _take(self, size: int) -> bytes:
        while len(self._read) < size and self._more():
            pass
        found, self._read = self._read[:size], self._read[size:]
        return found

    def _more(self) -> bool:
        part = self._socket.recv(65536)
        self._read += part
        return bool(part)


def framed(content: bytes, first: int = TEXT) -> bytes:
    """A masked frame."""
    size, mask = len(content), os.urandom(4)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))


FRAMES = [framed(message.encode()) for message in MESSAGES]


def in_pieces(data: bytes, size: int) -> Sequence[bytes]:
    places = [*range(0, len(data), size), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def fragmented(message: str) -> bytes:
    content = message.encode()
    middle = len(content) // 2
    return framed(content[:middle], 0x01) + framed(b"", PING) + framed(content[middle:], 0x80)


@pytest.mark.parametrize(
    "sent",
    [
        FRAMES,
        [b"".join(FRAMES[:7])],
        in_pieces(b"".join(FRAMES[:7]), 5),
        [piece for frame in FRAMES for piece in (framed(b"?", PONG), frame)],
        [framed(message.encode(), BINARY) for message in MESSAGES],
        [*FRAMES[:3], framed(MESSAGES[3].encode(), BINARY), *FRAMES[4:]],
    ],
    ids=["whole", "at once", "in pieces", "with pongs", "binary", "one binary"],
)
def test_however_frames_arrive_the_answers_are_the_same(address: str, sent: list[bytes]) -> None:
    raw = RawSocket(address)
    for piece in sent:
        raw.send(piece)
    expected = told()[:7] if len(sent) != len(FRAMES) and len(sent) != 2 * len(FRAMES) else told()
    assert [raw.text() for _ in expected] == expected
    raw.close()


def test_fragments_and_pings_in_between(address: str) -> None:
    raw = RawSocket(address)
    expected = told()
    for number, message in enumerate(MESSAGES):
        raw.send(framed(b"here?", PING))
        assert raw.frame() == (PONG, b"here?")
        raw.send(fragmented(message) if number == 4 else FRAMES[number])
        if number == 4:
            assert raw.frame() == (PONG, b"")
        assert raw.text() == expected[number]
    raw.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (framed(b"\xff\xfe"), 1007),
        (bytes((TEXT, 2)) + b"{}", 1002),
        (framed(b"{}", 0xC1), 1002),
        (framed(b"{}", 0x80), 1002),
        (framed(b"{}", 0x83), 1002),
        (bytes((TEXT, 0xFF)) + (1 << 40).to_bytes(8) + b"mask", 1009),
        (framed(struct.pack("!H", 1000), CLOSE), 1000),
    ],
    ids=["no UTF-8", "no mask", "reserved bit", "no beginning", "opcode", "too long", "close"],
)
def test_frames_that_may_not_be_end_the_connection(address: str, frame: bytes, code: int) -> None:
    raw = RawSocket(address)
    raw.send(FRAMES[0])
    assert raw.text() == told()[0]
    raw.send(frame)
    kind, content = raw.frame()
    assert (kind, int.from_bytes(content[:2])) == (CLOSE, code)
    assert raw.frame() == (0, b"")
    raw.close()


def test_the_type_close_ends_the_connection(address: str) -> None:
    with connect(f"{address.replace('http', 'ws')}/ws") as talk:
        talk.send(RESET)
        assert talk.recv() == told()[0]
        talk.send(json.dumps({"type": "close"}))
        with pytest.raises(ConnectionClosed) as closed:
            talk.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000


def test_answers_keep_their_order_when_the_client_does_not_read(address: str) -> None:
    raw = RawSocket(address)
    reset = json.dumps({"type": "vector_reset", "data": {"seeds": [*range(200)]}})
    for _ in range(40):  # more than the buffers between take
        raw.send(framed(reset.encode()) + FRAMES[0] + FRAMES[1])
    expected = told()[:2]
    for _ in range(40):
        assert raw.text().startswith('{"type":"vector"')
        assert [raw.text(), raw.text()] == expected
    raw.close()


def test_applications_that_do_not_answer_directly_are_served_as_ever() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        assert EXTENSION in scope["extensions"]
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async def talk() -> list[str | bytes]:
        port = free_port()
        config = uvicorn.Config(echo, port=port, ws=DirectWebSocket, lifespan="off", log_level=50)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        async with connect_later(f"ws://127.0.0.1:{port}") as there:
            found = []
            for message in ("one", "two", "x" * 70_000):
                await there.send(message)
                found.append(await there.recv())
        server.should_exit = True
        await serving
        return found

    assert asyncio.run(talk()) == ["one", "two", "x" * 70_000]
