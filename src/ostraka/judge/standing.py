"""How the judge's server stands, as far as one process knows from its own requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ostraka.judge.sending import Sender


class Condition(StrEnum):
    """Whether it answers."""

    UNKNOWN = "unknown"
    UP = "up"
    FAILING = "failing"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Standing:
    """`failing`: the last requests failed, but it is still asked; `down`: only trials are made.

    `failures` is how many failed in a row, `reason` what the last of them was, `trial_in` the
    seconds to the next trial, `answered_ago` those since the last answer.
    """

    condition: Condition
    failures: int = 0
    reason: str = ""
    trial_in: float = 0.0
    answered_ago: float | None = None


def standing_of(senders: Sequence[Sender], now: float) -> Standing:
    """Of one server, by the senders of all event loops: the worst of them counts."""
    answered = [each.answered for each in senders if each.answered is not None]
    ago = now - max(answered) if answered else None
    worst = max(senders, key=_badness, default=None)
    breaker = worst.breaker if worst else None
    if breaker is None or (not breaker.failures and ago is None):
        return Standing(Condition.UNKNOWN)
    if not breaker.failures:
        return Standing(Condition.UP, answered_ago=ago)
    condition = Condition.DOWN if breaker.is_open else Condition.FAILING
    return Standing(condition, breaker.failures, breaker.reason, breaker.remaining(), ago)


def _badness(sender: Sender) -> tuple[bool, int]:
    return sender.breaker.is_open, sender.breaker.failures
