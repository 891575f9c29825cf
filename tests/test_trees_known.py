"""Trees that a process knows: always what a fresh look at the database would find."""

from random import Random

import pytest
from growing import GOOD, NOW, SMALL
from keeping_trees import assert_whole, contribute, grown, planted, tree_ids

from ostraka.storage.database import Database
from ostraka.trees.changing import Hand
from ostraka.trees.known import KnownTree, KnownTrees
from ostraka.trees.openings import save_openings
from ostraka.trees.people import People
from ostraka.trees.single_acts import delete_message, undelete_message
from ostraka.trees.states import Event
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeRow
from ostraka.trees.values import Activity

CROWD = 6


def assert_known_is_true(store: TreeStore) -> int:
    """What is known under the stamp of its row is the tree of the rows; gives how many are."""
    known = 0
    for tree_id in tree_ids(store):
        with store.database.reading() as session:
            stamp = session.get_one(TreeRow, tree_id).stamp
        found = store._known.find(tree_id, stamp)
        if found is None:
            continue
        known += 1
        fresh = store.read(tree_id)
        assert found.tree == fresh
        assert list(found.tree.messages) == list(fresh.messages)
        for message in fresh.messages.values():
            mine = found.tree.messages[message.id].reviews
            assert [r.given_at for r in mine] == [r.given_at for r in message.reviews]
        assert [v.given_at for v in found.tree.votes] == [v.given_at for v in fresh.votes]
        if found.rows is not None:
            with store.database.writing() as session:
                assert save_openings(session, fresh, store.configuration) == found.rows
    return known


def test_what_a_crowd_leaves_behind_is_known_as_it_is(store: TreeStore) -> None:
    random = Random(3)
    for number in range(2):
        planted(store, f"author {number}")
    for number in range(40):
        contribute(store, f"person {number % CROWD}", random, NOW)
        if number % 8 == 0:
            assert_known_is_true(store)
    assert assert_known_is_true(store)
    assert_whole(store)
    hand = Hand(store, "moderator", NOW)
    for tree_id in tree_ids(store):
        delete_message(hand, tree_id)
        undelete_message(hand, tree_id)
    People(hand).withdraw("person 1")
    assert_known_is_true(store)
    People(hand).reinstate("person 1")
    People(hand).merge("person 2", ["person 3"])
    assert_known_is_true(store)


def test_what_another_process_changed_is_read_again(store: TreeStore) -> None:
    tree_id = grown(store)
    other = TreeStore(Database.at(store.database.location.url), SMALL)
    task = store.take(tree_id, Activity.REPLY, tree_id, "ann", NOW)
    other.reply(task.id, "an answer", "ann", NOW)
    lease = store.take(tree_id, Activity.REPLY, tree_id, "bob", NOW)
    assert len(store.read(tree_id).messages) == 2
    other.let_happen(tree_id, Event.HALT, "moderator", NOW)
    assert store.let_happen(tree_id, Event.RESUME, "moderator", NOW).tree.leases == ()
    assert lease.id not in {each.id for each in store.read(tree_id).leases}
    other.database.close()
    assert_whole(store)


def test_what_was_rolled_back_is_not_known(store: TreeStore) -> None:
    tree_id = planted(store)
    task = store.take(tree_id, Activity.REVIEW, tree_id, "ann", NOW)

    def also(_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.let_happen(tree_id, Event.HALT, "moderator", NOW, also=also)
    assert store.review(task.id, GOOD, "ann", NOW).tree.root.reviews
    assert_whole(store)


def test_only_so_many_are_kept(store: TreeStore) -> None:
    trees = [store.read(planted(store, f"author {number}")) for number in range(3)]
    known = KnownTrees(most=2)
    for tree in trees[:2]:
        known.put(KnownTree("s", tree))
    assert known.find(trees[0].id, "s")
    known.put(KnownTree("s", trees[2]))
    assert known.find(trees[1].id, "s") is None
    assert known.find(trees[0].id, "other") is None
    known.drop(trees[0].id)
    assert known.find(trees[0].id, "s") is None
