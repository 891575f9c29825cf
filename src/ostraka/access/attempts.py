"""How often somebody may try to sign in before they have to wait. In memory, in each process.

Counted are failures, by name and network together and by network alone: whoever guesses one name
cannot lock its owner out from elsewhere, and guessing many names from one place ends soon too.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ostraka.errors import RateLimitError

WINDOW: Final = 600.0
"""Seconds after which a failure is forgotten."""

NETWORK_FACTOR: Final = 5
"""So many times as many failures as for one name are taken from one network."""

_PRUNE_AT: Final = 10_000


class Attempts:
    """Failed attempts of the last minutes."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def check(self, name: str, network: str) -> None:
        """Refuse a further attempt where there were too many. Links have no name: it is empty.

        Raises:
            RateLimitError: too many; says how long to wait.
        """
        wait = max(self._wait(key) for key in _keys(name, network))
        if wait > 0:
            minutes = max(1, round(wait / 60))
            raise RateLimitError(
                f"Too many attempts that failed. Wait {minutes} min, or ask an admin for a "
                "sign-in link.",
                retry_after=wait,
            )

    def fail(self, name: str, network: str) -> None:
        """Remember a failure."""
        now = self._clock()
        for key in _keys(name, network):
            self._failures.setdefault(key, deque()).append(now)
        if len(self._failures) > _PRUNE_AT:
            self._failures = {
                key: times for key, times in self._failures.items() if now - times[-1] < WINDOW
            }

    def succeed(self, name: str, network: str) -> None:
        """Forget the failures of a name: its owner is here."""
        self._failures.pop((name.casefold(), network), None)

    def _wait(self, key: tuple[str, str]) -> float:
        most = self._most if key[0] else self._most * NETWORK_FACTOR
        times = self._failures.get(key)
        if times is None:
            return 0.0
        now = self._clock()
        while times and now - times[0] >= WINDOW:
            times.popleft()
        return WINDOW - (now - times[-most]) if len(times) >= most else 0.0


def _keys(name: str, network: str) -> set[tuple[str, str]]:
    """What an attempt counts for: its name from there, and all from there."""
    return {(name.casefold(), network), ("", network)}
