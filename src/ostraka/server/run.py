"""Run an application until a signal ends it, and lose no request on the way.

The first SIGTERM or SIGINT makes the server refuse new requests with 503 while it still listens,
so that a load balancer sees it in `/health/ready`; it closes when the running ones are answered,
or when `shutdown_seconds` are over. A second signal ends it at once.
"""

import logging
import os
import threading
import time
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ostraka.server.admission import Load
from ostraka.server.direct_socket import DirectWebSocket
from ostraka.server.joined_writes import JoinedWrites
from ostraka.server.workers import Workers
from ostraka.settings import Settings

_LAST_WORDS: Final = 0.2
"""Seconds that an idle thread gets to end by itself."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, load: Load, drain_seconds: float) -> None:
        super().__init__(config)
        self._load = load
        self._drain_seconds = drain_seconds
        self._stopped_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the first signal, end at the second.

        uvicorn's own would raise the signal again at the end, and the process with it: whoever
        started it could not tell a good end from a bad one.
        """
        if self._load.stopping:
            self.force_exit = self.should_exit = True
        self._stopped_at = time.monotonic()
        self._load.stop()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to close."""
        if await super().on_tick(counter):
            return True
        drained = self._load.running == 0
        late = time.monotonic() - self._stopped_at >= self._drain_seconds
        return self._load.stopping and (drained or late)


def run(application: ASGIApp, load: Load, settings: Settings) -> None:
    """Listen and answer; returns when a signal ended it.

    Raises:
        SystemExit: the address cannot be listened on.
    """
    last_second = min(1, int(settings.shutdown_seconds))
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=JoinedWrites,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,  # what the server is made of is nobody's business
        ws=DirectWebSocket,
        ws_per_message_deflate=False,  # it costs more than a step of the environment
        timeout_graceful_shutdown=last_second,
    )
    _log_like_uvicorn(settings)
    with Workers(settings.workers, settings.shutdown_seconds):
        _Server(config, load, settings.shutdown_seconds - last_second).run()
    _leave_stages_behind()


def _log_like_uvicorn(settings: Settings) -> None:
    """Send our own log where uvicorn, which sets its log up with its configuration, sends its."""
    log = logging.getLogger("ostraka")
    log.setLevel(settings.log_level.upper())
    log.handlers = logging.getLogger("uvicorn").handlers
    log.propagate = False


def _leave_stages_behind() -> None:
    """End the process now if a stage is still at texts that nobody waits for any more.

    Python would wait for its thread, and nothing can interrupt it. Everything that is kept was
    closed with the application.
    """
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    for thread in others:
        if not thread.daemon:
            thread.join(_LAST_WORDS)
    if any(thread.is_alive() and not thread.daemon for thread in others):
        logging.shutdown()
        os._exit(0)
