"""Counts follow from trees alone, and merging, withdrawing and putting back keep the law. Pure."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from growing import GOOD, NOW, SMALL, ranking, seedling, voted, with_message, work_once
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.errors import InvalidInputError
from ostraka.trees import acts, moderating
from ostraka.trees.advance import advance, happen
from ostraka.trees.consequences import TreeChange, gather
from ostraka.trees.contributions import difference, tallies, total
from ostraka.trees.export_schema import ExportedMessage, ExportedTree
from ostraka.trees.importing import imported_tree
from ostraka.trees.rewards import compare, read_rewards
from ostraka.trees.states import ENDED, Event
from ostraka.trees.tree import Tree
from ostraka.trees.values import Mark


def moved(tree: Tree, random: Random) -> Tree:
    """The tree after one more thing that contributors or moderators do."""
    some = random.choice(list(tree.messages.values()))
    people = sorted({each.author or "" for each in tree.messages.values()} | {"newcomer 0"})
    match random.randrange(8):
        case 0:
            changed = acts.put_mark(tree, some.id, Mark("fan", random.choice(["+1", "red_flag"])))
        case 1:
            changed = moderating.delete(tree, some.id)
        case 2:
            changed = moderating.withdraw(tree, random.choice(people))
        case 3:
            changed = moderating.purge(tree, random.choice(people))
        case 4:
            changed = moderating.merge(tree, *random.sample([*people, "nobody"], 2))
        case _:
            worked = None if tree.state in ENDED else work_once(tree, SMALL, random)
            return worked or tree
    return happen(advance(changed, SMALL).tree, Event.RECONSIDER, SMALL, NOW).tree


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_what_acts_change_adds_up_to_what_the_tree_says(seed: int, steps: int) -> None:
    random, tree = Random(seed), seedling(configuration=SMALL)
    counted: Counter[object] = Counter(difference(None, tree, NOW))
    for _ in range(steps):
        before, tree = tree, moved(tree, random)
        counted.update(difference(before, tree, NOW))
    left = {key: amount for key, amount in counted.items() if abs(amount) > 1e-9}
    right = tallies(tree, NOW)
    assert left == pytest.approx({key: amount for key, amount in right.items() if amount})
    assert all(amount >= 0 for amount in right.values())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_after_a_merge_nobody_has_done_what_nobody_may(seed: int) -> None:
    random, tree = Random(seed), seedling(configuration=SMALL)
    for _ in range(12):
        tree = moved(tree, random)
    people = sorted({who for who, _ in total(tallies(tree, NOW))})
    if len(people) < 2:
        return
    source, destination = random.sample(people, 2)
    merged = moderating.merge(tree, source, destination)
    assert source not in {who for who, _ in total(tallies(merged, NOW))}
    for message in merged.messages.values():
        said = [(each.contributor, each.round) for each in message.reviews]
        assert len(said) == len(set(said))
        assert message.author != destination or destination not in [who for who, _ in said]
    for vote in merged.votes:
        authors = {reply.author for reply in merged.children.get(vote.parent_id, ())}
        assert vote.contributor != destination or destination not in authors


def test_equals_share_their_place_and_what_is_not_rankable_has_none() -> None:
    tree = voted(ranking(), "ab", not_rankable=True)
    counts = total(tallies(tree, NOW))
    assert not any(name.startswith("reply_ranked") for _, name in counts)
    tied = replace(tree.votes[0], tiers=(("a", "b"),), not_rankable=False)
    counts = total(tallies(replace(tree, votes=(tied,)), NOW))
    firsts = {who for (who, name), count in counts.items() if name == "reply_ranked_1" and count}
    assert firsts == {"writer of a", "writer of b"}
    assert not any(name == "reply_ranked_2" for _, name in counts)


def test_a_review_that_says_more_than_the_least_is_a_full_one() -> None:
    tree = seedling(configuration=SMALL)
    for who, labels in (("simple", GOOD), ("full", GOOD | {"humor": 0.5})):
        tree = acts.review(tree, tree.id, labels, who, SMALL)
    counts = total(tallies(tree, NOW))
    assert counts["simple", "labels_simple"] == counts["full", "labels_full"] == 1


def test_authors_of_a_file_get_nothing_for_it() -> None:
    prompt = ExportedMessage(message_id="t", text="question", role="prompter", user_id="somebody")
    tree = imported_tree(ExportedTree(message_tree_id="t", prompt=prompt), NOW)
    assert tallies(tree, NOW) == {}


def test_consequences_leave_out_what_stays_as_it_is() -> None:
    tree = ranking()
    gone = advance(moderating.delete(tree, "a"), SMALL)
    found = gather("deleted", "ada", True, [(tree, advance(tree, SMALL)), (tree, gone)])
    assert [each.messages_deleted for each in found.trees] == [1]
    assert found.as_dict()["moved"] == 1
    assert TreeChange.between(tree, tree).moves is False


def test_what_was_withdrawn_and_said_anew_is_not_put_back_twice() -> None:
    tree = voted(ranking(), "ab", who="eve")
    before = tree.votes
    anew = voted(moderating.withdraw(tree, "eve"), "ba", who="eve")
    assert moderating.reinstate(anew, {}, before).votes == anew.votes
    away = moderating.withdraw(tree, "eve")
    assert moderating.reinstate(away, {}, before).votes == before


def test_rewards_are_held_against_ranks_that_say_something() -> None:
    tree = with_message(with_message(ranking(), "a", rank=0), "b", rank=1)
    agreeing = compare([tree], {"a": 1.0, "b": -1.0})
    assert (agreeing.pairs.agreed, agreeing.pairs.of, agreeing.equal) == (1, 1, 0)
    assert compare([tree], {"a": 0.5, "b": 0.5}).equal == 1
    assert compare([tree], {"a": 0.5}).as_dict()["agreement"] is None
    tied = voted(voted(tree, "ab"), "ba")
    assert compare([tied], {"a": 1.0, "b": -1.0}).pairs.of == 0


@pytest.mark.parametrize("line", ["no json", "[]", '{"id": "t:m"}', '{"id": ""}'])
def test_a_line_that_is_no_reward_is_named(line: str) -> None:
    with pytest.raises(InvalidInputError, match="line 2"):
        read_rewards(["", line])
