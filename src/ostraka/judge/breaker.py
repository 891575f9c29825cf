"""Stops asking a server that is down, and finds out by itself when it is back."""

import random
import time
from collections.abc import Callable

from ostraka.errors import JudgeUnavailableError


class NotAskedError(JudgeUnavailableError):
    """The server of the LLM judge is down, and was not even asked."""


class Breaker:
    """Open after `failures` in a row; then one trial at a time, until one succeeds."""

    def __init__(
        self,
        failures: int,
        cool_down: float,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._first = cool_down
        self._longest = longest
        self._clock = clock
        self._failures = 0
        self._cool_down = cool_down
        self._open_until: float | None = None
        self._on_trial = False
        self._reason = ""

    @property
    def failures(self) -> int:
        """How many requests in a row failed, up to now."""
        return self._failures

    @property
    def reason(self) -> str:
        """What the last failure was."""
        return self._reason

    @property
    def is_open(self) -> bool:
        """Whether the server counts as down."""
        return self._open_until is not None

    def remaining(self) -> float:
        """Seconds until the next trial; 0 when a request may go now."""
        if self._open_until is None:
            return 0.0
        left = max(0.0, self._open_until - self._clock())
        return max(left, 0.05) if self._on_trial else left

    def enter(self) -> None:
        """A request wants to go.

        Raises:
            NotAskedError: the server is down, and it is not time for a trial.
        """
        if self._open_until is None:
            return
        if wait := self.remaining():
            raise NotAskedError(
                f"the judge's server is down ({self._reason}); next trial in {wait:.1f} s",
                retry_after=wait,
            )
        self._on_trial = True

    def succeeded(self) -> None:
        """The server answered, whatever it said."""
        self._failures = 0
        self._open_until = None
        self._on_trial = False
        self._cool_down = self._first

    def left(self) -> None:
        """A request that went through was given up before anything was known of it."""
        self._on_trial = False

    def failed(self, reason: str) -> None:
        """The server did not answer, or is broken."""
        self._failures += 1
        self._reason = reason
        if self._open_until is not None:
            if not self._on_trial:  # sent before it opened
                return
            self._cool_down = min(self._longest, self._cool_down * 2)
        elif self._failures < self._most:
            return
        self._on_trial = False
        self._open_until = self._clock() + self._cool_down * random.uniform(0.75, 1.0)
