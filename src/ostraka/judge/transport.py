"""One request to the judge's server, and what its failures mean."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from ostraka.errors import (
    JudgeAnswerError,
    JudgeBusyError,
    JudgeRefusedRequestError,
    JudgeTimeoutError,
    JudgeUnavailableError,
)
from ostraka.judge.streaming import StreamedCompletion

_encode = msgspec.json.Encoder().encode
_TRY_AGAIN = frozenset({408, 409, 425})
_LONGEST_DETAIL = 300


class Transport:
    """The connections to one server, of one event loop.

    Each request in flight has a connection of its own, taken from a stack: httpx's pool looks at
    all of its connections for every request, which with hundreds of them costs more than the rest.
    """

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        secure = self.base_url.startswith("https:")
        self._trust = httpx.create_ssl_context(trust_env=False) if secure else False
        self._urls: dict[str, httpx.URL] = {}
        self._idle: list[httpx.AsyncHTTPTransport] = []

    async def get(self, path: str, seconds: float) -> Any:
        """The JSON of a GET. Raises the same errors as `post`."""
        return await self._json("GET", path, None, seconds)

    async def post(self, path: str, body: Mapping[str, Any], seconds: float) -> Any:
        """The JSON that answers `body`.

        Raises:
            JudgeBusyError: 429.
            JudgeUnavailableError: 5xx, no connection, or one that broke.
            JudgeTimeoutError: no whole answer within `seconds`.
            JudgeRefusedRequestError: any other status of 4xx.
            JudgeAnswerError: a body that is no JSON.
        """
        return await self._json("POST", path, _encode(body), seconds)

    async def stream(
        self, path: str, body: Mapping[str, Any], seconds: float, idle_seconds: float
    ) -> Any:
        """The answer to `body`, which asks for a stream, put together as if it had come whole.

        Raises:
            JudgeTimeoutError: also when the server falls silent for `idle_seconds` in mid-answer.
            JudgeUnavailableError: also when the stream breaks off.
            JudgeError: what else `post` raises.
        """
        return await self._json("POST", path, _encode(body), seconds, idle_seconds)

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().aclose()

    async def _json(
        self,
        method: str,
        path: str,
        content: bytes | None,
        seconds: float,
        idle_seconds: float | None = None,
    ) -> Any:
        try:
            async with asyncio.timeout(seconds):  # for the whole: httpx's are for each read
                reply = await self._request(method, path, content, idle_seconds)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise JudgeTimeoutError(f"no answer from {self.base_url} in {seconds:g} s") from error
        except httpx.TransportError as error:
            what = str(error) or type(error).__name__
            raise JudgeUnavailableError(f"{self.base_url} cannot be reached: {what}") from error
        if isinstance(reply, StreamedCompletion):
            return reply.body()
        if reply.status_code != 200:
            raise _failure(reply)
        try:
            return msgspec.json.decode(reply.content)
        except msgspec.DecodeError as error:
            raise JudgeAnswerError("unparsable", "the server's answer is no JSON") from error

    async def _request(
        self, method: str, path: str, content: bytes | None, idle_seconds: float | None
    ) -> httpx.Response | StreamedCompletion:
        if path not in self._urls:
            self._urls[path] = httpx.URL(self.base_url + path)
        request = httpx.Request(method, self._urls[path], headers=self._headers, content=content)
        connection = self._idle.pop() if self._idle else self._connection()
        whole, streamed = False, None
        try:
            reply = await connection.handle_async_request(request)
            if idle_seconds is not None and _is_stream(reply):
                streamed = await _streamed(reply, idle_seconds)
            else:
                await reply.aread()
            await reply.aclose()
            whole = True
        finally:
            if whole:
                self._idle.append(connection)
            else:  # nobody knows what may still come on it
                await connection.aclose()
        return streamed or reply

    def _connection(self) -> httpx.AsyncHTTPTransport:
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)
        return httpx.AsyncHTTPTransport(verify=self._trust, limits=one)


def _is_stream(reply: httpx.Response) -> bool:
    kind = reply.headers.get("content-type", "")
    return reply.status_code == 200 and kind.startswith("text/event-stream")


async def _streamed(reply: httpx.Response, idle_seconds: float) -> StreamedCompletion:
    """What comes until the stream ends; only a silence between two pieces is too long."""
    completion, pieces, patience = StreamedCompletion(), reply.aiter_bytes(), None
    while True:
        try:
            async with asyncio.timeout(patience) as deadline:
                piece = await anext(pieces)
        except StopAsyncIteration:
            return completion
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise JudgeTimeoutError(
                f"the judge's server fell silent for {idle_seconds:g} s in mid-answer"
            ) from error
        completion.feed(piece)
        patience = idle_seconds


def _failure(reply: httpx.Response) -> Exception:
    status = reply.status_code
    message = f"the judge's server answered {status}: {_detail(reply)}"
    wait = retry_after(reply.headers)
    if status == 429:
        return JudgeBusyError(message, retry_after=wait)
    if status >= 500 or status in _TRY_AGAIN:
        return JudgeUnavailableError(message, retry_after=wait, status=status)
    return JudgeRefusedRequestError(message, status=status)


def _detail(reply: httpx.Response) -> str:
    try:
        body = msgspec.json.decode(reply.content)
    except msgspec.DecodeError:
        body = None
    match body:
        case {"error": {"message": str(text)}} | {"error": str(text)} | {"message": str(text)}:
            return text[:_LONGEST_DETAIL]
        case {"detail": detail}:
            return str(detail)[:_LONGEST_DETAIL]
    return reply.text[:_LONGEST_DETAIL] or reply.reason_phrase


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait: in milliseconds, in seconds, or as a date."""
    milliseconds, given = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if given is None else max(0.0, float(given))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(given or "")
    except ValueError:
        return None
    return max(0.0, (then - datetime.now(UTC)).total_seconds()) if then.tzinfo else None
