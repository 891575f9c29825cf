"""Many orders into one: ranked pairs (Tideman), with ties and *not rankable* as answers.

Where votes leave a pair open, the smaller id goes first: arbitrary, but the same for everybody and
every time. Such pairs are named, so that nobody takes an accident of ids for an opinion.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

import numpy as np

Tiers = Sequence[Sequence[str]]
"""An order, best first; those of one tier are equals."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One order. A ballot that says *not rankable* has no order, whatever stood on the screen."""

    tiers: tuple[tuple[str, ...], ...]
    not_rankable: bool = False

    @classmethod
    def of(cls, order: Iterable[str], *, not_rankable: bool = False) -> "Ballot":
        """A ballot without ties."""
        return cls(tuple((name,) for name in order), not_rankable)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it orders."""
        return tuple(name for tier in self.tiers for name in tier)


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the ballots say together."""

    order: tuple[str, ...] = ()
    """Best first; empty where no ballot orders anything, or they share fewer than two names."""
    ties: frozenset[frozenset[str]] = frozenset()
    """Pairs that the ballots leave open: only their ids decide who stands first."""
    margins: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many more ballots put the first before the second than the other way round."""
    ballots: int = 0
    """Those that order something."""
    not_rankable: int = 0

    @property
    def mostly_not_rankable(self) -> bool:
        """Whether most say that there is nothing to choose: an outcome of its own."""
        return self.not_rankable > self.ballots

    def are_tied(self, one: str, other: str) -> bool:
        """Whether the ballots leave two open."""
        return frozenset((one, other)) in self.ties


def consensus(ballots: Iterable[Ballot]) -> Consensus:
    """The consensus over the names that all valid ballots share.

    Raises:
        ValueError: a ballot names one candidate twice.
    """
    given = list(ballots)
    valid = [ballot for ballot in given if not ballot.not_rankable]
    refused = len(given) - len(valid)
    named = [set(ballot.names) for ballot in valid]
    for ballot, distinct in zip(valid, named, strict=True):
        if len(distinct) < sum(map(len, ballot.tiers)):
            raise ValueError("a ballot names one candidate twice")
    shared = set.intersection(*named) if named else set()
    if len(shared) < 2:
        return Consensus(ballots=len(valid), not_rankable=refused)
    names = sorted(shared)
    margins = _margins(names, valid)
    edges = _edges(margins)
    places = _order(_locked(edges, len(names)), len(names))
    pairs = combinations(range(len(names)), 2)
    certain = _certain(edges, len(names))
    return Consensus(
        order=tuple(names[place] for place in places),
        ties=frozenset(
            frozenset((names[i], names[j]))
            for i, j in pairs
            if not (certain[i] >> j & 1 or certain[j] >> i & 1)
        ),
        margins={
            (names[i], names[j]): margins[i][j] for i, j in permutations(range(len(names)), 2)
        },
        ballots=len(valid),
        not_rankable=refused,
    )


def _margins(names: list[str], ballots: list[Ballot]) -> list[list[int]]:
    """For each ordered pair, ballots for it less ballots against it; a tie within one says none."""
    places = np.empty((len(ballots), len(names)), dtype=np.int64)
    for row, ballot in enumerate(ballots):
        tier_of = {name: number for number, tier in enumerate(ballot.tiers) for name in tier}
        places[row] = [tier_of[name] for name in names]
    signs = np.sign(places[:, None, :] - places[:, :, None]).sum(axis=0)
    margins: list[list[int]] = signs.tolist()
    return margins


def _edges(margins: list[list[int]]) -> list[tuple[int, int, int]]:
    """Every pair that is not lost, the largest margin first and ties in order of ids."""
    found = [
        (margin, i, j)
        for i, row in enumerate(margins)
        for j, margin in enumerate(row)
        if i != j and margin >= 0
    ]
    found.sort(key=lambda edge: -edge[0])
    return found


class _Reach:
    """Which candidates stand before which, closed over paths; one bit for each."""

    def __init__(self, count: int) -> None:
        self.below = [0] * count

    def has(self, i: int, j: int) -> bool:
        return bool(self.below[i] >> j & 1)

    def add(self, i: int, j: int) -> None:
        if self.has(i, j):
            return
        gained = self.below[j] | 1 << j
        bit = 1 << i
        for k, below in enumerate(self.below):
            if k == i or below & bit:
                self.below[k] = below | gained


def _locked(edges: list[tuple[int, int, int]], count: int) -> list[int]:
    """Take each edge that contradicts none before it."""
    reach = _Reach(count)
    for _, i, j in edges:
        if not reach.has(j, i):
            reach.add(i, j)
    return reach.below


def _order(below: list[int], count: int) -> list[int]:
    """Take the smallest that nothing left stands before, again and again."""
    above = [sum(1 << k for k in range(count) if below[k] >> i & 1) for i in range(count)]
    taken = 0
    order: list[int] = []
    for _ in range(count):
        first = next(i for i in range(count) if not (taken >> i & 1 or above[i] & ~taken))
        order.append(first)
        taken |= 1 << first
    return order


def _certain(edges: list[tuple[int, int, int]], count: int) -> list[int]:
    """What would be locked however ties were broken.

    `possible` holds every edge that some way of breaking ties could lock so far. An edge that
    contradicts none of them is locked in every way, so it is certain.
    """
    possible, certain = _Reach(count), _Reach(count)
    start = 0
    while start < len(edges):
        end = start
        while end < len(edges) and edges[end][0] == edges[start][0]:
            end += 1
        group = [edge for edge in edges[start:end] if not certain.has(edge[2], edge[1])]
        for _, i, j in group:
            possible.add(i, j)
        for _, i, j in group:
            if not possible.has(j, i):
                certain.add(i, j)
        start = end
    return certain.below
