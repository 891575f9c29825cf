"""Whether the server lives, and whether it can answer.

A process that lives but is not ready should get no requests, but must not be restarted either.
"""

import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka import __version__
from ostraka.server.admission import Load
from ostraka.server.envelopes import json_response
from ostraka.server.state import state_of

PROBE_SECONDS: Final = 5.0
"""How long the encoder may take for the probe's text, and for how long an answer is believed."""

_NO_STORE: Final = {"cache-control": "no-store"}


async def health(request: Request) -> Response:
    """Alive, and with what."""
    moderator = state_of(request).moderator
    return json_response(
        {"status": "ok", "version": __version__, "model": moderator.models[0].pinned_id},
        headers=_NO_STORE,
    )


async def live(request: Request) -> Response:
    """The process answers."""
    return json_response({"status": "ok"}, headers=_NO_STORE)


class Readiness:
    """Asks the last stage a text of its own, at most once in `PROBE_SECONDS`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answers = False
        self._asked = -PROBE_SECONDS

    async def show(self, request: Request) -> Response:
        """200 while requests can be answered; 503 while they cannot, or the server stops."""
        checks = {"classifier": True, "encoder": await self._encoder_answers(request)}
        ready = all(checks.values()) and not self._load.stopping
        status = "ready" if ready else "stopping" if self._load.stopping else "not_ready"
        return json_response(
            {"status": status, "checks": checks}, 200 if ready else 503, headers=_NO_STORE
        )

    async def _encoder_answers(self, request: Request) -> bool:
        if time.monotonic() - self._asked >= PROBE_SECONDS:
            self._asked = time.monotonic()
            self._answers = await state_of(request).scoring.answers(PROBE_SECONDS)
        return self._answers
