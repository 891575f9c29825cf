"""What every answer has, whatever answers: an id, how long it took, a place in the counts.

It is also the last net under every failure that nobody expected.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostraka.server.envelopes import Problem, error_response
from ostraka.server.metrics import Metrics, Templates

CLIENT_LEFT: Final = 499
"""The status in the counts of a request whose client left before it was answered."""

_SAME_HEADERS: Final = ((b"openai-version", b"2020-10-01"), (b"openai-organization", b"ostraka"))

_log = logging.getLogger("ostraka.server")


class Answering:
    """The outermost middleware, so that it sees every answer.

    One layer for all of this, since every layer that looks at answers is passed twice by each.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, routes: Callable[[], Iterable[BaseRoute]]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._templates: Templates | None = None
        self._random = random.Random()  # ids must differ; nobody has to guess them

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = scope["ostraka.request_id"] = f"req_{self._random.randbytes(16).hex()}"
        status = CLIENT_LEFT

        def send_with_headers(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                elapsed = round((time.perf_counter() - started) * 1000)
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    (b"openai-processing-ms", b"%d" % elapsed),
                    *_SAME_HEADERS,
                ]
            return send(message)

        template = self._template(scope)  # now: what is passed on may change the path
        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            _log.debug("request %s: the client left before it was read", request_id)
        except Exception as error:
            if not isinstance(error, Problem):
                _log.exception("request %s failed", request_id)
            if status != CLIENT_LEFT:  # the answer has begun
                raise
            response = _response_to(error, scope)
            response.headers.update(scope.get("ostraka.headers", {}))
            await response(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.requests.count(template, scope["method"], status, seconds)

    def _template(self, scope: Scope) -> str:
        if self._templates is None:  # at the first request every route is there
            self._templates = Templates(self._routes())
        return self._templates.of(scope)


def _response_to(error: Exception, scope: Scope) -> Response:
    """The envelope of a failure; of one that nobody expected it says nothing."""
    if isinstance(error, Problem):
        return error_response(Request(scope), error)
    response = error_response(Request(scope), RuntimeError())
    response.headers["x-should-retry"] = "false"
    return response
