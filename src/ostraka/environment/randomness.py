"""Draws that are the same in every process and on every version of Python.

Only `Random.random` is promised to stay the same, so everything here is made of it; seeds are
digests of text, never `hash()`, which differs from process to process.
"""

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import TypeVar

Something = TypeVar("Something")


def digest(*parts: object) -> str:
    """A digest of `parts`, in order."""
    return sha256("|".join(map(str, parts)).encode()).hexdigest()


class Draw:
    """A source of draws that `parts` determine."""

    def __init__(self, *parts: object) -> None:
        self._source = Random(int(digest(*parts), 16))

    def share(self) -> float:
        """A number from 0 up to 1."""
        return self._source.random()

    def below(self, end: int) -> int:
        """A whole number from 0 up to `end`, without it."""
        return int(self._source.random() * end)

    def between(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, with both."""
        return first + self.below(last - first + 1)

    def coin(self) -> bool:
        """Heads or tails."""
        return self._source.random() < 0.5

    def one(self, choices: Sequence[Something]) -> Something:
        """One of `choices`."""
        return choices[self.below(len(choices))]

    def shuffled(self, things: Sequence[Something]) -> list[Something]:
        """All of `things` in another order."""
        left = list(things)
        for last in range(len(left) - 1, 0, -1):
            other = self.below(last + 1)
            left[last], left[other] = left[other], left[last]
        return left

    def some(self, things: Sequence[Something], number: int) -> list[Something]:
        """`number` of `things`, none twice."""
        return self.shuffled(things)[:number]
