"""Answers leave in one piece where they are whole, and none is held up where they are not."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from serving import free_port, start_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ostraka.server.joined_writes import JoinedWrites


async def whole(request: Request) -> Response:
    return Response(await request.body() or b"whole")


async def slow(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.5)
        yield b"late"

    return StreamingResponse(parts())


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    app = Starlette(
        routes=[
            Route("/", whole, methods=["GET", "POST"]),
            Route("/slow", slow),
            Route("/nothing", lambda request: Response(status_code=204)),
            Route("/away", lambda request: RedirectResponse("/")),
        ]
    )
    port = free_port()
    loop = request.param
    config = uvicorn.Config(app, port=port, http=JoinedWrites, loop=loop, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join(10)


def ask(port: int, *sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    for each in sent:
        connection.sendall(each)
    return connection


def until_end(connection: socket.socket) -> bytes:
    found = b""
    while more := connection.recv(65536):
        found += more
    return found


def test_a_whole_answer_is_one_piece(port: int) -> None:
    with ask(port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n") as connection:
        for _ in range(5):
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nwhole")
            connection.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")


def test_our_server_answers_in_one_piece(tmp_path_factory: pytest.TempPathFactory) -> None:
    process, address = start_server(tmp_path_factory.mktemp("joined"))
    try:
        place = urlsplit(address).port
        assert place is not None
        with ask(place, b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n") as connection:
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and body
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_head_of_a_stream_is_not_held_up(port: int) -> None:
    with ask(port, b"GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n") as connection:
        connection.settimeout(0.3)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.settimeout(10)
        assert until_end(connection).endswith(b"4\r\nlate\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "ends"),
    [
        (b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"\r\n\r\n"),
        (
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            b"whole",
        ),
        (b"nonsense\r\n\r\n", b"Invalid HTTP request received."),
    ],
    ids=["no body", "two at once", "no request"],
)
def test_every_answer_is_whole_and_the_connection_ends(
    port: int, request_: bytes, ends: bytes
) -> None:
    with ask(port, request_) as connection:
        answer = until_end(connection)
    assert answer.endswith(ends)
    assert answer.count(b"HTTP/1.1") == request_.count(b"HTTP/1.1") or b"400" in answer


@pytest.mark.parametrize("path", [b"/nothing", b"/away", b"/slow/"])
def test_an_answer_without_a_body_is_whole_and_the_next_follows(port: int, path: bytes) -> None:
    asked = b"GET " + path + b" HTTP/1.1\r\nhost: a\r\n\r\n"
    with ask(port, asked) as connection:
        for _ in range(3):
            answer = connection.recv(65536)
            assert answer.startswith((b"HTTP/1.1 204", b"HTTP/1.1 30"))
            assert answer.endswith(b"\r\n\r\n")
            connection.sendall(asked)


def test_a_client_that_asks_whether_to_go_on_is_told(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n"
    with ask(port, head + b"connection: close\r\n\r\n") as connection:
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert until_end(connection).endswith(b"\r\n\r\nbody")
