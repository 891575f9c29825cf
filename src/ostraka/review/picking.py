"""A few examples out of a stream, of every kind that occurs and not just the first."""

import random
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Stratum(Generic[T]):
    seen: int = 0
    kept: list[T] = field(default_factory=list)


class Picks(Generic[T]):
    """Keeps up to `most` of each kind, each with the same chance, and deals them out in turn."""

    def __init__(self, most: int, seed: str) -> None:
        self._most = most
        self._source = random.Random(seed)
        self._strata: dict[Hashable, _Stratum[T]] = {}

    def offer(self, kind: Hashable, entry: T) -> None:
        """Look at one entry."""
        stratum = self._strata.get(kind)
        if stratum is None:
            stratum = self._strata[kind] = _Stratum()
        stratum.seen += 1
        if len(stratum.kept) < self._most:
            stratum.kept.append(entry)
            return
        place = self._source.randrange(stratum.seen)
        if place < self._most:
            stratum.kept[place] = entry

    def dealt(self) -> list[T]:
        """Up to `most`: one of each kind in turn, the most frequent kind first."""
        strata = sorted(self._strata.values(), key=lambda each: -each.seen)
        rounds = range(max((len(each.kept) for each in strata), default=0))
        dealt = [
            each.kept[number] for number in rounds for each in strata if number < len(each.kept)
        ]
        return dealt[: self._most]
