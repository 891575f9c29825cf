"""Requests per span of time and caller: a token bucket each, in memory.

Buckets belong to one process; several servers behind a load balancer each count on their own.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PRUNE_AT: Final = 10_000
"""So many buckets are kept before full ones, which say nothing, are thrown away."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left after a request; `retry_after` is 0 for one that may pass."""

    limit: int
    remaining: int
    reset: float
    retry_after: float

    @property
    def headers(self) -> dict[str, str]:
        """OpenAI's rate-limit headers."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": duration(self.reset),
        }


class TokenBuckets:
    """A bucket of a span's requests per caller, a minute's at first, refilled steadily."""

    def __init__(
        self, requests: int, clock: Callable[[], float] = time.monotonic, *, seconds: float = 60
    ) -> None:
        self._size = requests
        self._rate = requests / seconds
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._prune_at = PRUNE_AT

    def take(self, caller: str) -> Allowance:
        """Take one request out of a caller's bucket, if one is left."""
        now = self._clock()
        tokens, since = self._buckets.get(caller, (float(self._size), now))
        tokens = min(self._size, tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        if allowed:
            tokens -= 1
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > self._prune_at:
            self._prune(now)
        retry_after = 0.0 if allowed else (1 - tokens) / self._rate
        return Allowance(self._size, int(tokens), (self._size - tokens) / self._rate, retry_after)

    def _prune(self, now: float) -> None:
        """Forget full buckets. Twice what stays is the next mark, so that the cost is spread."""
        self._buckets = {
            caller: (tokens, since)
            for caller, (tokens, since) in self._buckets.items()
            if tokens + (now - since) * self._rate < self._size
        }
        self._prune_at = max(PRUNE_AT, 2 * len(self._buckets))


def duration(seconds: float) -> str:
    """As OpenAI writes one: `12ms`, `1s`, `6m0s`. Rounded up."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def network_of(address: str) -> str:
    """Whose bucket an address draws from: IPv6 addresses of one /64 are one caller's."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
