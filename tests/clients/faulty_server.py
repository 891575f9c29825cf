"""The real application, over a classifier that fails when a request asks for it.

The header `x-fault` names the failure; with `x-fault-times: 2` and `x-fault-key: K` only the first
two requests that carry K meet it, so that a client's retries can be watched. `x-fault: slow`
delays the answer by a second.

    python faulty_server.py PORT
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ostraka.assess.cascade import Cascade
from ostraka.errors import (
    ArtefactError,
    AuthenticationError,
    CallerError,
    MissingScopeError,
    OverloadedError,
)
from ostraka.moderator import Moderator
from ostraka.server.app import create_app


class Conflict(CallerError):
    """Something else happens to this at the moment."""

    status = 409
    code = "conflict"


FAULTS: dict[str, Callable[[], Exception]] = {
    "unauthenticated": AuthenticationError,
    "forbidden": MissingScopeError,
    "conflict": Conflict,
    "overloaded": lambda: OverloadedError(retry_after=0.3),
    "broken_model": ArtefactError,
    "crash": lambda: RuntimeError("an inside that nobody outside may read"),
}
_fault: ContextVar[str] = ContextVar("fault", default="")


class FaultyModerator(Moderator):
    """Fails where the model is looked up, which every door does."""

    def cascade(self, model: str | None = None) -> Cascade:
        if make := FAULTS.get(_fault.get()):
            raise make()
        return super().cascade(model)


class Faults:
    """Middleware that reads the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._seen: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            fault = headers.get("x-fault", "")
            key = headers.get("x-fault-key", "")
            self._seen[key] += 1
            if fault == "slow":
                await asyncio.sleep(1)
            if key and self._seen[key] > int(headers.get("x-fault-times", "1")):
                fault = ""
            _fault.set(fault)
        await self._app(scope, receive, send)


if __name__ == "__main__":
    application = create_app(moderator=FaultyModerator.default())
    uvicorn.run(Faults(application), port=int(sys.argv[1]), log_level="critical")
