"""How often contributors and clients may ask for tasks, as Open-Assistant limits them.

Who is limited is who was found out on the server, so that no header buys a fresh allowance.
"""

from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from ostraka.errors import RateLimitError
from ostraka.server.limits import TokenBuckets
from ostraka.server.state import state_of


@dataclass(frozen=True, slots=True)
class Allowances:
    """The buckets of one process."""

    client: TokenBuckets = field(default_factory=lambda: TokenBuckets(10_000))
    contributor: TokenBuckets = field(default_factory=lambda: TokenBuckets(30, seconds=240))
    kinds: dict[str, TokenBuckets] = field(
        default_factory=lambda: {
            "assistant_reply": TokenBuckets(4, seconds=120),
            "prompter_reply": TokenBuckets(8, seconds=120),
        }
    )
    """Kinds that are asked for by name: who takes any kind is not held to these."""


_NAME: Final = "tree_allowances"


def take_allowance(request: Request, client: str, contributor: str, kind: str) -> None:
    """Count one request for a task.

    Raises:
        RateLimitError: it is one too many; says when the next one is not.
    """
    if not state_of(request).settings.trees_rate_limits:
        return
    state = request.app.state
    if not hasattr(state, _NAME):
        setattr(state, _NAME, Allowances())
    allowances: Allowances = getattr(state, _NAME)
    buckets = [(allowances.client, client), (allowances.contributor, contributor)]
    if kind in allowances.kinds:
        buckets.append((allowances.kinds[kind], contributor))
    for bucket, caller in buckets:
        allowance = bucket.take(caller)
        if allowance.retry_after:
            raise RateLimitError(
                "So many tasks in so short a time are more than anybody does with care.",
                retry_after=allowance.retry_after,
            )
