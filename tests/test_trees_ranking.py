"""Ranked pairs: the original's vectors, an implementation of its own to compare with, and laws."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.trees.agreement import Share, among, is_good, on_pair, with_consensus
from ostraka.trees.ranking import Ballot, Consensus, consensus


def of(*orders: str) -> Consensus:
    return consensus(Ballot.of(order.split() if " " in order else order) for order in orders)


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        (["ab", "ba"], "ab"),
        (["ba", "ab"], "ab"),
        (["zm", "mz"], "mz"),
        *[(list(order), "abc") for order in permutations(["abc", "bca", "cab"])],
        (["wxzy"] * 3 + ["wyxz"] * 2 + ["xyzw"] * 4 + ["xzwy"] * 5 + ["ywxz"], "xzwy"),
    ],
)
def test_vectors(orders: list[str], expected: str) -> None:
    assert of(*orders).order == tuple(expected)


def test_vector_of_three_and_four() -> None:
    found = of("c5 dc d1", "d1 c5 dc", "dc c5 d1", "d1 c5 dc")
    assert found.order == ("c5", "d1", "dc")
    assert found.are_tied("c5", "d1")
    assert not found.are_tied("c5", "dc")


def test_only_what_all_ballots_share_is_ordered() -> None:
    assert of("abc", "ba", "ba").order == ("b", "a")
    assert of("ab", "cd").order == ()
    assert consensus([]).order == ()


def test_b6_not_rankable_is_no_vote() -> None:
    refused = [Ballot.of("ba", not_rankable=True)] * 2
    found = consensus([Ballot.of("ab"), *refused])
    assert found.order == ("a", "b")
    assert (found.ballots, found.not_rankable) == (1, 2)
    assert found.mostly_not_rankable
    nothing = consensus(refused)
    assert nothing.order == () and nothing.mostly_not_rankable
    assert not of("ab").mostly_not_rankable


def test_ties_within_a_ballot_say_nothing() -> None:
    found = consensus([Ballot((("b",), ("a", "c")))])
    assert found.order == ("b", "a", "c")
    assert found.ties == {frozenset("ac")}


def test_a_ballot_names_each_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        of("aba")


def oracle(orders: list[list[str]]) -> list[str]:
    """The six steps as they are written down, by searching paths."""
    names = sorted(set.intersection(*map(set, orders)))
    if len(names) < 2:
        return []

    def margin(i: str, j: str) -> int:
        return sum((o.index(i) < o.index(j)) - (o.index(j) < o.index(i)) for o in orders)

    edges = [(i, j) for i in names for j in names if i != j and margin(i, j) >= 0]
    edges.sort(key=lambda edge: -margin(*edge))
    locked: set[tuple[str, str]] = set()

    def leads(start: str, end: str, seen: frozenset[str] = frozenset()) -> bool:
        return start == end or any(
            leads(b, end, seen | {start}) for a, b in locked if a == start and b not in seen
        )

    for i, j in edges:
        if not leads(j, i):
            locked.add((i, j))
    order: list[str] = []
    while len(order) < len(names):
        left = [name for name in names if name not in order]
        order.append(next(n for n in left if not any((o, n) in locked for o in left)))
    return order


profiles = st.integers(2, 6).flatmap(
    lambda size: st.lists(st.permutations("abcdef"[:size]), min_size=1, max_size=7)
)


@given(profiles)
def test_an_own_implementation_agrees(orders: list[list[str]]) -> None:
    assert list(consensus(map(Ballot.of, orders)).order) == oracle(orders)


@given(profiles, st.randoms())
def test_order_of_ballots_does_not_matter(orders: list[list[str]], random) -> None:
    shuffled = random.sample(orders, len(orders))
    assert consensus(map(Ballot.of, orders)) == consensus(map(Ballot.of, shuffled))


@given(profiles)
def test_who_beats_everybody_wins_and_who_loses_to_all_is_last(orders: list[list[str]]) -> None:
    found = consensus(map(Ballot.of, orders))
    for name in found.order:
        others = [found.margins[name, other] for other in found.order if other != name]
        if all(margin > 0 for margin in others):
            assert found.order[0] == name
        if all(margin < 0 for margin in others):
            assert found.order[-1] == name


@given(profiles, st.randoms())
def test_ties_do_not_depend_on_names(orders: list[list[str]], random) -> None:
    """Whoever is called what, the same pairs are open, and all others stand the same way."""
    old = sorted(orders[0])
    new = dict(zip(old, random.sample(old, len(old)), strict=True))
    found = consensus(map(Ballot.of, orders))
    renamed = consensus(Ballot.of(new[name] for name in order) for order in orders)
    assert {frozenset(new[n] for n in pair) for pair in found.ties} == renamed.ties
    for i, j in permutations(old, 2):
        if not found.are_tied(i, j):
            before = found.order.index(i) < found.order.index(j)
            assert before is (renamed.order.index(new[i]) < renamed.order.index(new[j]))


@given(profiles)
def test_without_ties_reversed_ballots_reverse_the_consensus(orders: list[list[str]]) -> None:
    found = consensus(map(Ballot.of, orders))
    turned = consensus(Ballot.of(reversed(order)) for order in orders)
    assert found.ties == turned.ties
    if not found.ties:
        assert found.order == turned.order[::-1]


def test_agreement_counts_the_pairs_that_are_settled() -> None:
    found = of("abc", "abc", "acb")
    assert with_consensus(Ballot.of("abc"), found) == Share(3, 3)
    assert with_consensus(Ballot.of("cba"), found) == Share(0, 3)
    assert with_consensus(Ballot((("a",), ("b", "c"))), found) == Share(2, 2)
    assert with_consensus(Ballot.of("abc", not_rankable=True), found).value is None
    assert on_pair(found, "b", "c") == pytest.approx(2 / 3)
    assert among([Ballot.of("abc"), Ballot.of("cba")], found) == 0.5


def test_b22_good_rankings_are_known() -> None:
    found = of("abc", "abc", "acb")
    assert is_good(Ballot.of("abc"), found)
    assert not is_good(Ballot.of("cab"), found)
    assert not is_good(Ballot.of("abc", not_rankable=True), found)
