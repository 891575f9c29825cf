"""How a judge client behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_FREE: Final[Mapping[str, "Price"]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, in the currency of the table, for a million of them."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Limits of a client. Times are in seconds.

    `request_seconds` is the longest that one attempt may take, `ask_seconds` the longest that one
    question may take with all its attempts. `attempts` counts attempts that failed on the way
    (429, 5xx, lost connections), `answer_attempts` those that brought an answer of no use.
    With `stream`, answers come token by token where the server can, and one that falls silent for
    `idle_seconds` in the middle is given up; the first token may take as long as the whole.
    `patience` is how long a batch waits for a server that answers nothing at all.
    """

    request_seconds: float = 60.0
    stream: bool = False
    idle_seconds: float = 10.0
    ask_seconds: float = 180.0
    attempts: int = 6
    answer_attempts: int = 2
    patience: float = 600.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    initial_in_flight: int = 32
    max_in_flight: int = 256
    failures_to_open: int = 10
    cool_down: float = 1.0
    longest_cool_down: float = 30.0
    prices: Mapping[str, Price] = field(default_factory=lambda: _FREE)
