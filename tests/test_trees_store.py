"""Trees in a database: nothing is lost or half-written, and nobody is in another's way."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from growing import BAD, GOOD, NOW, SMALL, activity_of, next_task
from keeping_trees import grown, planted, reviewed, row_count
from sqlalchemy import select

from ostraka.errors import ConflictError, NotFoundError, OstrakaError
from ostraka.trees import acts, moderating
from ostraka.trees.export import ExportOptions, exported_message
from ostraka.trees.states import ENDED, Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import (
    TreeEventRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, ImportedFacts, LabelValue, Mark

LATER = NOW + timedelta(days=3)


def test_a_crowd_brings_a_tree_from_prompt_to_export(store: TreeStore) -> None:
    tree_id, random = planted(store), Random(3)
    for number in range(200):
        tree = store.read(tree_id)
        if tree.state in ENDED:
            break
        if tree.state is State.PROMPT_LOTTERY_WAITING:
            store.let_happen(tree_id, Event.DRAW, "system", NOW)
            continue
        who = f"person {number}"
        offered = next_task(tree, who, SMALL, number)
        assert offered is not None
        activity = activity_of(offered.type)
        task = store.take(tree_id, activity, offered.message_id, who, NOW)
        if random.random() < 0.2:
            store.skip(task.id, who, NOW, "no time")
        elif activity is Activity.REPLY:
            store.reply(task.id, f"reply {number}", who, NOW)
        elif activity is Activity.REVIEW:
            store.review(task.id, BAD if random.random() < 0.1 else GOOD, who, NOW)
        else:
            store.rank(task.id, tuple((name,) for name in task.shown), who, NOW)
    tree = store.read(tree_id)
    assert tree.state is State.READY_FOR_EXPORT
    assert sorted(m.rank for m in tree.messages.values() if m.rank is not None) == [0, 1]
    assert row_count(store, TreeReviewRow) == sum(len(m.reviews) for m in tree.messages.values())
    assert row_count(store, TreeVoteRow) == len(tree.votes) == 3
    assert row_count(store, TreeTaskRow, TreeTaskRow.state == "open") == 0
    assert row_count(store, TreeEventRow, TreeEventRow.act == "moved") >= 5


def test_what_is_kept_comes_back_the_same(store: TreeStore) -> None:
    facts = ImportedFacts(7, {"quality": LabelValue(0.5, 2)}, {"+1": 3}, {"toxicity": 0.1})
    tree_id = grown(store, 2)
    task = store.take(tree_id, Activity.RANK, tree_id, "eve", NOW)
    store.rank(task.id, (tuple(task.shown),), "eve", NOW)
    store.take(tree_id, Activity.RANK, tree_id, "mallory", NOW)
    before = store.read(tree_id)
    given: list[Tree] = []

    def act(tree: Tree) -> Tree:
        tree = acts.put_mark(tree, tree_id, Mark("eve", "+1"))
        root = replace(tree.root, imported=facts, synthetic=True, model_name="m")
        given[:] = [tree.with_messages(root)]
        return given[0]

    after = store.change(tree_id, act, "ada", "marked", NOW)
    assert store.read(tree_id) == after.tree == given[0] != before


def test_withdrawn_votes_keep_their_rows(store: TreeStore) -> None:
    tree_id = grown(store, 2)
    for who in ("eve", "bob"):
        task = store.take(tree_id, Activity.RANK, tree_id, who, NOW)
        store.rank(task.id, tuple((name,) for name in task.shown), who, NOW)
    store.let_happen(
        tree_id,
        Event.RECONSIDER,
        "moderator",
        NOW,
        act=lambda tree: moderating.withdraw(tree, "eve"),
        name="withdrawn",
    )
    assert [vote.contributor for vote in store.read(tree_id).votes] == ["bob"]
    assert row_count(store, TreeVoteRow) == 2
    assert row_count(store, TreeVoteRow, TreeVoteRow.withdrawn_at.is_not(None)) == 1
    task = store.take(tree_id, Activity.RANK, tree_id, "eve", NOW)
    store.rank(task.id, tuple((name,) for name in task.shown), "eve", NOW)
    assert len(store.read(tree_id).votes) == 2


def test_b16_tasks_have_one_end_and_one_owner(store: TreeStore) -> None:
    tree_id = planted(store)
    task = store.take(tree_id, Activity.REVIEW, tree_id, "bob", NOW)
    with pytest.raises(NotFoundError):
        store.review(task.id, GOOD, "eve", NOW)
    with pytest.raises(ConflictError, match="asks for a review"):
        store.reply(task.id, "text", "bob", NOW)
    store.skip(task.id, "bob", NOW)
    with pytest.raises(ConflictError, match="skipped already"):
        store.review(task.id, GOOD, "bob", NOW)
    assert row_count(store, TreeMarkRow) == 1
    other = store.take(tree_id, Activity.REVIEW, tree_id, "eve", NOW)
    store.review(other.id, GOOD, "eve", NOW)
    store.review(other.id, GOOD, "eve", NOW)
    assert row_count(store, TreeReviewRow) == 1
    with pytest.raises(ConflictError, match="done already"):
        store.review(other.id, BAD, "eve", NOW)
    late = store.take(tree_id, Activity.REVIEW, tree_id, "joe", NOW)
    with pytest.raises(ConflictError, match="expired"):
        store.review(late.id, GOOD, "joe", LATER)


def test_r5_an_act_that_fails_leaves_no_trace(store: TreeStore) -> None:
    tree_id = planted(store)
    task = store.take(tree_id, Activity.REVIEW, tree_id, "bob", NOW)
    before, events = store.read(tree_id), row_count(store, TreeEventRow)
    with pytest.raises(OstrakaError):
        store.review(task.id, {"spam": 7.0}, "bob", NOW)
    assert store.read(tree_id) == before
    assert row_count(store, TreeEventRow) == events
    store.review(task.id, GOOD, "bob", NOW)


def test_leases_run_out_and_their_places_come_back(store: TreeStore) -> None:
    tree_id = grown(store)
    for who in ("ann", "ben"):
        store.take(tree_id, Activity.REPLY, tree_id, who, NOW)
    assert store.expire(NOW) == 0
    assert store.expire(LATER) == 1
    assert row_count(store, TreeTaskRow, TreeTaskRow.state == "expired") == 2
    store.take(tree_id, Activity.REPLY, tree_id, "cho", LATER)


def test_halting_closes_the_tasks_and_is_on_the_record(store: TreeStore) -> None:
    tree_id = grown(store)
    task = store.take(tree_id, Activity.REPLY, tree_id, "ann", NOW)
    store.let_happen(tree_id, Event.HALT, "moderator", NOW)
    with pytest.raises(ConflictError, match="was stopped"):
        store.reply(task.id, "text", "ann", NOW)
    assert row_count(store, TreeEventRow, TreeEventRow.actor == "moderator") == 2
    store.let_happen(tree_id, Event.RESUME, "moderator", NOW)
    assert store.read(tree_id).state is State.GROWING
    with pytest.raises(NotFoundError):
        store.read("nowhere")


def test_b13_purging_goes_through_whatever_hangs_on_a_person(store: TreeStore) -> None:
    tree_id = grown(store, 2)
    first = next(m for m in store.read(tree_id).messages.values() if m.author == "writer 0")
    store.let_happen(
        tree_id,
        Event.RECONSIDER,
        "moderator",
        NOW,
        act=lambda tree: moderating.edit(tree, first.id, "edited"),
    )
    reviewed(store, tree_id, first.id, GOOD)
    for act in (
        lambda tree: acts.put_mark(tree, tree_id, Mark("writer 0", "+1")),
        lambda tree: moderating.purge(tree, "writer 0"),
    ):
        store.let_happen(tree_id, Event.RECONSIDER, "moderator", NOW, act=act)
    tree = store.read(tree_id)
    assert tree.state is State.GROWING
    assert tree.messages[first.id].text == ""
    assert tree.root.marks == frozenset()
    assert row_count(store, TreeMarkRow) == 0
    with store.database.reading() as session:
        kept = session.scalar(select(TreeMessageRow).where(TreeMessageRow.id == first.id))
        assert kept is not None and (kept.text, kept.author) == ("", None)


def test_b8_a_reply_to_a_tree_that_ended_meanwhile_is_kept(store: TreeStore) -> None:
    """The original raised an error while it wrote its log, and the text was lost."""
    tree_id = grown(store, 1)
    task = store.take(tree_id, Activity.REPLY, tree_id, "slow", NOW)
    done = {"state": State.READY_FOR_EXPORT}
    store.change(tree_id, lambda tree: replace(tree, **done), "moderator", "finished", NOW)
    kept = store.reply(task.id, "the work of an hour", "slow", NOW)
    assert kept.late
    tree = store.read(tree_id)
    assert (tree.messages[kept.id].text, tree.state) == (
        "the work of an hour",
        State.READY_FOR_EXPORT,
    )


def test_b15_what_was_withdrawn_leaves_no_count_behind(store: TreeStore) -> None:
    tree_id = grown(store, 1)
    [reply] = [m.id for m in store.read(tree_id).messages.values() if m.parent_id]
    troll = f"x{reply}"[:64]
    for code in ("+1", "red_flag"):
        mark = Mark(troll, code)
        store.change(tree_id, lambda t, m=mark: acts.put_mark(t, reply, m), troll, "marked", NOW)
    store.let_happen(
        tree_id,
        Event.RECONSIDER,
        "moderator",
        NOW,
        act=lambda tree: moderating.withdraw(tree, troll),
    )
    message = store.read(tree_id).messages[reply]
    assert message.marks == frozenset()
    assert message.decision is None
    assert len(message.counted_reviews) == 2
    exported = exported_message(store.read(tree_id), message, ExportOptions(labels=True))
    assert (exported.review_count, exported.emojis) == (2, {})
    task = store.take(tree_id, Activity.REVIEW, reply, "somebody else", NOW)
    store.review(task.id, GOOD, "somebody else", NOW)
    assert store.read(tree_id).messages[reply].accepted


def test_b22_every_act_and_every_decision_is_on_the_record(store: TreeStore) -> None:
    """The original logged neither labels nor the making of users, and no transition."""
    tree_id = grown(store, 2)
    for who in ("eve", "bob", "kim"):
        task = store.take(tree_id, Activity.RANK, tree_id, who, NOW)
        store.rank(task.id, tuple((name,) for name in task.shown), who, NOW)
    with store.database.reading() as session:
        rows = session.scalars(select(TreeEventRow).order_by(TreeEventRow.id)).all()
        tasks = set(session.scalars(select(TreeTaskRow.id)))
    acts_ = Counter(row.act for row in rows)
    assert acts_ == {
        "planted": 1,
        "taken": 14,
        "review": 9,
        "reply": 2,
        "rank": 3,
        "draw": 1,
        "moved": 5,
    }
    assert {row.detail["task"] for row in rows if "task" in row.detail} == tasks
    assert all(row.actor for row in rows)
    moves = [row.detail["to"] for row in rows if row.act == "moved"]
    assert moves == [
        "prompt_lottery_waiting",
        "growing",
        "ranking",
        "ready_for_scoring",
        "ready_for_export",
    ]
    assert all(row.detail["why"] for row in rows if row.act == "moved")
