"""Requests that get through: limited, retried with back-off, and given up on in time."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ostraka.errors import (
    JudgeAnswerError,
    JudgeBusyError,
    JudgeError,
    JudgeGoneError,
    JudgeRefusedRequestError,
    JudgeTimeoutError,
    JudgeUnavailableError,
)
from ostraka.judge.adaptive import AdaptiveLimit
from ostraka.judge.breaker import Breaker, NotAskedError
from ostraka.judge.limiter import Limiter
from ostraka.judge.meter import Meter
from ostraka.judge.options import ClientOptions
from ostraka.judge.transport import Transport


class Sender:
    """One server's connections, limit and breaker, of one event loop."""

    def __init__(
        self, base_url: str, api_key: str | None, options: ClientOptions, meter: Meter
    ) -> None:
        self.options = options
        self._meter = meter
        self._transport = Transport(base_url, api_key)
        self.limiter = Limiter(AdaptiveLimit(options.initial_in_flight, options.max_in_flight))
        self.breaker = Breaker(
            options.failures_to_open, options.cool_down, options.longest_cool_down
        )
        self.learning = asyncio.Lock()
        self._answered = time.monotonic()
        self.answered: float | None = None

    async def get(self, path: str, *, patient: bool = False) -> Any:
        """The JSON of a GET. Raises what `post` raises."""
        return await self._persist("GET", path, {}, patient)

    async def post(
        self, path: str, body: Mapping[str, Any], *, patient: bool = False, probing: bool = False
    ) -> Any:
        """The JSON that answers `body`.

        Probing, a 500 is an answer too, and not asked again: some servers say it to what they do
        not support.

        Patient callers wait while the server is down or full, for as long as `patience` says;
        others get an error as soon as it is clear that there will be no answer in time.

        Raises:
            JudgeError: no answer; see `Transport.post`.
        """
        return await self._persist("POST", path, body, patient, probing)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def _persist(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        patient: bool,
        probing: bool = False,
    ) -> Any:
        backoff = _Backoff(self.options)
        asked = time.monotonic()
        while True:
            if patient:
                await self._wait_for_server(asked)
            try:
                return await self._once(method, path, body)
            except NotAskedError:
                if not patient:
                    raise
                continue
            except (JudgeUnavailableError, JudgeTimeoutError) as error:
                if probing and isinstance(error, JudgeUnavailableError) and error.status == 500:
                    raise
                delay = backoff.after(error)
                if patient and (isinstance(error, JudgeBusyError) or self.breaker.is_open):
                    self._check_patience(asked, error)
                    backoff.forgive()
                elif backoff.failures >= self.options.attempts or not self._in_time(asked, delay):
                    raise
                self._meter.count_retry(error)
            await asyncio.sleep(delay)

    def _in_time(self, asked: float, delay: float) -> bool:
        """Whether an attempt after `delay` would be in time, and not be stopped by the breaker."""
        late = time.monotonic() - asked + delay >= self.options.ask_seconds
        return not late and delay >= self.breaker.remaining()

    async def _wait_for_server(self, asked: float) -> None:
        while wait := self.breaker.remaining():
            self._check_patience(asked, None)
            await asyncio.sleep(wait * random.uniform(1.0, 1.1))

    def _check_patience(self, asked: float, error: JudgeError | None) -> None:
        silent = time.monotonic() - max(asked, self._answered)
        if silent > self.options.patience:
            why = f": {error.message}" if error else ""
            raise JudgeGoneError(f"no answer from the judge's server in {silent:.0f} s{why}")

    async def _once(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        async with self.limiter.slot(), self._watched():
            if method == "GET":
                return await self._transport.get(path, self.options.request_seconds)
            if body.get("stream"):
                idle = self.options.idle_seconds
                return await self._transport.stream(path, body, self.options.request_seconds, idle)
            return await self._transport.post(path, body, self.options.request_seconds)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Tells breaker and meter how the request went."""
        self.breaker.enter()
        started = time.perf_counter()
        try:
            yield
        except (JudgeBusyError, JudgeRefusedRequestError, JudgeAnswerError) as error:
            self.breaker.succeeded()
            self.answered = time.monotonic()
            self._meter.count_request(error, time.perf_counter() - started)
            raise
        except JudgeError as error:
            self.breaker.failed(error.message)
            self._meter.count_request(error, time.perf_counter() - started)
            raise
        except asyncio.CancelledError:
            self.breaker.left()
            raise
        self.breaker.succeeded()
        self._answered = self.answered = time.monotonic()
        self._meter.count_request(None, time.perf_counter() - started)


class _Backoff:
    """Exponential, jittered, and never shorter than the server asks for."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self.failures = 0
        self._tries = 0

    def after(self, error: JudgeError) -> float:
        """Seconds to wait after another failure."""
        self.failures += 1
        self._tries += 1
        ceiling = self._options.first_delay * 2.0 ** min(self._tries - 1, 30)
        delay = min(self._options.longest_delay, ceiling) * random.uniform(0.5, 1.0)
        asked = error.retry_after if isinstance(error, JudgeUnavailableError) else None
        return delay if asked is None else asked + delay * 0.1

    def forgive(self) -> None:
        """The last failure was the server's, not this request's."""
        self.failures -= 1
