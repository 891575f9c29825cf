"""However trees come to grow again, no more of a language grow at a time than may."""

from collections.abc import Callable, Iterator

import pytest
from growing import GOOD, NOW, SMALL
from keeping_trees import assert_whole, grown, planted, reviewed, together

from ostraka.errors import ConflictError
from ostraka.storage.database import Database
from ostraka.trees.changing import Hand
from ostraka.trees.drawing import counts_of, draw_prompts
from ostraka.trees.people import People
from ostraka.trees.single_acts import delete_message, move_tree, resume_tree, undelete_message
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.values import Activity

ONE = SMALL.model_copy(update={"max_active_trees": 1})


@pytest.fixture
def store(database_url: str) -> Iterator[TreeStore]:
    database = Database.at(database_url)
    yield TreeStore(database, ONE)
    database.close()


def growing(store: TreeStore) -> int:
    with store.database.reading() as session:
        return counts_of(session, "en").growing


def halted(store: TreeStore) -> str:
    tree_id = grown(store)
    move_tree(Hand(store, "moderator", NOW), tree_id, Event.HALT)
    return tree_id


def test_of_trees_resumed_at_once_only_so_many_grow_and_the_others_wait(store: TreeStore) -> None:
    tree_ids = [halted(store) for _ in range(4)]
    found = together(
        [lambda t=t: resume_tree(Hand(store, "moderator", NOW), t).after for t in tree_ids]
    )
    assert sorted(found) == [State.GROWING, *[State.PROMPT_LOTTERY_WAITING] * 3]
    assert growing(store) == 1
    assert_whole(store)


def test_a_tree_that_waits_to_grow_on_comes_before_new_prompts(store: TreeStore) -> None:
    first = halted(store)
    second = grown(store)
    new = planted(store, "newcomer")
    reviewed(store, new, new, GOOD)
    assert resume_tree(Hand(store, "moderator", NOW), first).after == State.PROMPT_LOTTERY_WAITING
    steps = store.read(first)
    assert steps.lottery_won_at == NOW
    move_tree(Hand(store, "moderator", NOW), second, Event.HALT)
    assert draw_prompts(store, "en", NOW) == [first]
    assert growing(store) == 1


def _reopen(store: TreeStore) -> str:
    """A tree that was given up and is reopened."""
    strict = TreeStore(store.database, ONE.model_copy(update={"max_rejected_replies": 1}))
    tree_id = grown(strict)
    task = strict.take(tree_id, Activity.REPLY, tree_id, "writer", NOW)
    reply = strict.reply(task.id, "a reply", "writer", NOW)
    reviewed(strict, tree_id, reply.id, {"spam": 1.0})
    assert strict.read(tree_id).state is State.ABORTED_LOW_GRADE
    return tree_id


def _ranked(store: TreeStore) -> str:
    tree_id = grown(store, 2)
    assert store.read(tree_id).state is State.RANKING
    return tree_id


def _deleted(store: TreeStore) -> str:
    tree_id = grown(store)
    delete_message(Hand(store, "moderator", NOW), tree_id)
    assert store.read(tree_id).state is State.HALTED_BY_MODERATOR
    return tree_id


def _lose_a_reply(store: TreeStore, tree_id: str) -> None:
    tree = store.read(tree_id)
    [first, _] = [each.id for each in tree.messages.values() if each.parent_id]
    delete_message(Hand(store, "moderator", NOW), first)


def _lose_an_author(store: TreeStore, tree_id: str) -> None:
    People(Hand(store, "moderator", NOW)).purge("writer 0")


@pytest.mark.parametrize(
    ("prepare", "act"),
    [
        (halted, lambda store, tree_id: resume_tree(Hand(store, "moderator", NOW), tree_id)),
        (_reopen, lambda store, tree_id: resume_tree(Hand(store, "moderator", NOW), tree_id)),
        (_deleted, lambda store, tree_id: undelete_message(Hand(store, "moderator", NOW), tree_id)),
        (_ranked, _lose_a_reply),
        (_ranked, _lose_an_author),
        (
            halted,
            lambda store, tree_id: store.let_happen(tree_id, Event.RESUME, "people", NOW),
        ),
    ],
)
def test_every_way_back_waits_where_there_is_no_room(
    store: TreeStore,
    prepare: Callable[[TreeStore], str],
    act: Callable[[TreeStore, str], object],
) -> None:
    tree_id = prepare(store)
    other = grown(store)
    act(store, tree_id)
    assert store.read(tree_id).state is State.PROMPT_LOTTERY_WAITING
    assert growing(store) == 1
    move_tree(Hand(store, "moderator", NOW), other, Event.HALT)
    assert draw_prompts(store, "en", NOW) == [tree_id]
    assert_whole(store)


def test_a_preview_says_that_it_would_wait(store: TreeStore) -> None:
    tree_id = halted(store)
    grown(store)
    would = resume_tree(Hand(store, "moderator", NOW, preview=True), tree_id)
    assert would.after == State.PROMPT_LOTTERY_WAITING
    assert store.read(tree_id).state is State.HALTED_BY_MODERATOR


def test_a_preview_of_many_counts_those_that_it_has_let_grow(store: TreeStore) -> None:
    tree_ids = [halted(store) for _ in range(3)]
    for preview in (True, False):
        hand = Hand(store, "moderator", NOW, preview)
        found = [resume_tree(hand, each).after for each in tree_ids]
        assert found == [State.GROWING, *[State.PROMPT_LOTTERY_WAITING] * 2]


def test_a_prompt_for_which_there_is_no_room_is_not_drawn_by_hand(store: TreeStore) -> None:
    waiting = planted(store, "newcomer")
    reviewed(store, waiting, waiting, GOOD)
    grown(store)
    with pytest.raises(ConflictError, match="As many trees of the language 'en' grow") as refused:
        move_tree(Hand(store, "moderator", NOW), waiting, Event.DRAW)
    assert refused.value.code == "no_room_to_grow"
    assert store.read(waiting).state is State.PROMPT_LOTTERY_WAITING
