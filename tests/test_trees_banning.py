"""Contributors who are sent away: what they held goes to others at once."""

from datetime import timedelta
from random import Random

import pytest
from growing import GOOD, NOW, SMALL
from keeping_trees import assert_whole, grown, planted, row_count, together

from ostraka.errors import ConflictError, MissingScopeError, NotFoundError
from ostraka.trees.assignment import Assignment
from ostraka.trees.banning import ban, erase
from ostraka.trees.changing import Hand
from ostraka.trees.contributors import Contributor, ContributorStore
from ostraka.trees.people import People
from ostraka.trees.selection import NoTaskError, TaskType
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeEventRow, TreeTaskRow
from ostraka.trees.values import Activity

LABEL = TaskType.LABEL_INITIAL_PROMPT
PROMPT = TaskType.INITIAL_PROMPT


@pytest.fixture
def eve(store: TreeStore) -> Contributor:
    return ContributorStore(store.database).lookup("key", "local", "eve", "Eve", NOW)


def test_a_ban_gives_what_they_held_to_others_at_once(store: TreeStore, eve: Contributor) -> None:
    """Without it their places would stay empty until the leases ran out, two days later."""
    assignment, random = Assignment(store), Random(0)
    tree_ids = {planted(store, f"author {number}") for number in range(2)}
    held = [assignment.request(eve.id, LABEL, "en", NOW, random) for _ in tree_ids]
    for who in ("ann", "bob"):  # with eve these are all the reviewers that a prompt needs
        for _ in tree_ids:
            assignment.request(who, LABEL, "en", NOW, random)
    with pytest.raises(NoTaskError):
        assignment.request("cyd", LABEL, "en", NOW, random)

    ban(store, eve.id, "moderator", NOW)
    assert assignment.open_tasks(eve.id, NOW) == []
    given = [assignment.request("cyd", LABEL, "en", NOW, random) for _ in tree_ids]
    assert {each.tree_id for each in given} == {each.tree_id for each in held} == tree_ids
    with pytest.raises(MissingScopeError):
        assignment.hand_in_labels(held[0].id, GOOD, eve.id, NOW)
    assert row_count(store, TreeEventRow, TreeEventRow.act == "released") == 2
    assert_whole(store)


def test_a_ban_frees_the_place_of_a_prompt_that_they_were_writing(
    store: TreeStore, eve: Contributor
) -> None:
    limits = {"max_active_trees": 1, "max_initial_prompt_review": 1}
    assignment = Assignment(TreeStore(store.database, SMALL.model_copy(update=limits)))
    assignment.request("ann", PROMPT, "en", NOW, Random(0))
    assignment.request(eve.id, PROMPT, "en", NOW, Random(0))
    with pytest.raises(NoTaskError):
        assignment.request("bob", PROMPT, "en", NOW, Random(0))
    ban(store, eve.id, "moderator", NOW)
    assert assignment.request("bob", PROMPT, "en", NOW, Random(0)).kind is PROMPT


def test_nobody_who_is_banned_takes_a_skip_back(store: TreeStore, eve: Contributor) -> None:
    """They would hold a place that they cannot fill."""
    tree_id, assignment = planted(store), Assignment(store)
    offer = assignment.request(eve.id, LABEL, "en", NOW, Random(0))
    assignment.skip(offer.id, eve.id, NOW)
    ban(store, eve.id, "moderator", NOW)
    with pytest.raises(MissingScopeError):
        assignment.undo_skip(offer.id, eve.id, NOW, Random(0))
    assert store.read(tree_id).leases == ()


def test_a_tree_that_waited_for_them_alone_goes_on(store: TreeStore, eve: Contributor) -> None:
    tree_id = grown(store, 1)
    store.take(tree_id, Activity.REPLY, tree_id, eve.id, NOW)
    erase(store, eve.id, "moderator", NOW)
    tree = store.read(tree_id)
    assert (tree.leases, tree.remaining) == ((), 1)
    assert_whole(store)


def test_a_ban_is_whole_or_not_at_all(store: TreeStore) -> None:
    tree_id = planted(store)
    store.take(tree_id, Activity.REVIEW, tree_id, "contributor_nobody", NOW)
    with pytest.raises(NotFoundError):
        ban(store, "contributor_nobody", "moderator", NOW)
    assert len(store.read(tree_id).leases) == 1


def test_who_is_banned_while_they_ask_for_tasks_holds_none_afterwards(
    store: TreeStore, eve: Contributor
) -> None:
    assignment = Assignment(store)
    for number in range(6):
        planted(store, f"author {number}")
    together(
        [
            *[
                lambda n=n: assignment.request(eve.id, LABEL, "en", NOW, Random(n))
                for n in range(5)
            ],
            lambda: ban(store, eve.id, "moderator", NOW),
        ]
    )
    theirs = (TreeTaskRow.contributor == eve.id, TreeTaskRow.state == "open")
    assert row_count(store, TreeTaskRow, *theirs) == 0
    assert_whole(store)


def test_whoever_is_erased_can_add_nothing_meanwhile(store: TreeStore, eve: Contributor) -> None:
    tree_id = planted(store)
    task = store.take(tree_id, Activity.REVIEW, tree_id, eve.id, NOW)
    seen = People(Hand(store, "moderator", NOW, preview=True)).purge(eve.id)
    done = People(Hand(store, "moderator", NOW)).purge(eve.id)
    assert [each.leases for each in seen.trees] == [each.leases for each in done.trees] == [1]
    with pytest.raises((ConflictError, MissingScopeError)):
        store.review(task.id, GOOD, eve.id, NOW + timedelta(minutes=1))
