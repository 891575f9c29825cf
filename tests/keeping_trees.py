"""Trees in a database for tests: a crowd that works on them, and what must hold of every row."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

from growing import BAD, GOOD, NOW, SMALL, activity_of, next_task
from sqlalchemy import func, select

from ostraka.errors import ConflictError, OstrakaError
from ostraka.storage.database import Database
from ostraka.trees.acceptance import required_reviews
from ostraka.trees.advance import advance
from ostraka.trees.drawing import draw_prompts
from ostraka.trees.openings import openings_of
from ostraka.trees.states import CLOSED, ENDED, Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import (
    TreeEventRow,
    TreeMessageRow,
    TreeOpeningRow,
    TreeReviewRow,
    TreeRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.values import Activity


def planted(store: TreeStore, author: str = "ada") -> str:
    return store.plant("a prompt", author, "en", NOW, Random(0)).id


def reviewed(store: TreeStore, tree_id: str, message_id: str, labels: dict[str, float]) -> None:
    """After three reviews."""
    for who in "xyz":
        task = store.take(tree_id, Activity.REVIEW, message_id, f"{who}{message_id}"[:64], NOW)
        store.review(task.id, labels, task.contributor, NOW)


def grown(store: TreeStore, replies: int = 0) -> str:
    """A growing tree with so many accepted replies to its prompt."""
    tree_id = planted(store)
    reviewed(store, tree_id, tree_id, GOOD)
    store.let_happen(tree_id, Event.DRAW, "system", NOW)
    for number in range(replies):
        task = store.take(tree_id, Activity.REPLY, tree_id, f"writer {number}", NOW)
        reply = store.reply(task.id, f"reply {number}", f"writer {number}", NOW)
        reviewed(store, tree_id, reply.id, GOOD)
    return tree_id


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call gave, its error if it failed; all begin at the same moment."""
    start = threading.Barrier(len(calls))

    def outcome(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except OstrakaError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def row_count(store: TreeStore, rows: type, *where: Any) -> int:
    with store.database.reading() as session:
        return session.scalar(select(func.count()).select_from(rows).where(*where)) or 0


def tree_ids(store: TreeStore, *states: State) -> list[str]:
    wanted = select(TreeRow.id).order_by(TreeRow.id)
    with store.database.reading() as session:
        return list(session.scalars(wanted.where(TreeRow.state.in_(states)) if states else wanted))


def contribute(store: TreeStore, who: str, random: Random, now: datetime) -> str | None:
    """Somebody does one task in any tree; gives its id, None where there is none for them.

    A place that was taken meanwhile is no fault: they look for another.
    """
    draw_prompts(store, "en", now)
    working = tree_ids(store, State.INITIAL_PROMPT_REVIEW, State.GROWING, State.RANKING)
    random.shuffle(working)
    for tree_id in working:
        tree = store.read(tree_id)
        offered = next_task(tree, who, store.configuration, random.randrange(2**16))
        if offered is None:
            continue
        activity = activity_of(offered.type)
        try:
            task = store.take(tree_id, activity, offered.message_id, who, now)
        except ConflictError:
            continue
        if random.random() < 0.1:
            store.skip(task.id, who, now, "no time")
        elif activity is Activity.REPLY:
            store.reply(task.id, f"reply {random.random()}", who, now)
        elif activity is Activity.REVIEW:
            store.review(task.id, BAD if random.random() < 0.15 else GOOD, who, now)
        else:
            names = random.sample(task.shown, len(task.shown))
            tiers = tuple((name,) for name in names)
            store.rank(task.id, tiers, who, now, not_rankable=random.random() < 0.1)
        return task.id
    return None


def contribute_until_killed(url: str, name: str, seed: int) -> None:
    """The whole of a process that is killed: it says each task that was acknowledged."""
    store, random = TreeStore(Database.at(url), SMALL), Random(seed)
    for number in count():
        done = contribute(store, f"{name} {number % 40}", random, datetime.now(UTC))
        if done is not None:
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()


def assert_whole(store: TreeStore) -> Counter[str]:
    """Every tree stands at its fixpoint, within its limits, and its rows agree; the states."""
    states: Counter[str] = Counter()
    for tree_id in tree_ids(store):
        _assert_tree_whole(store, tree_id)
        states[store.read(tree_id).state] += 1
    done = {
        activity: row_count(
            store, TreeTaskRow, TreeTaskRow.state == "done", TreeTaskRow.activity == activity
        )
        for activity in Activity
    }
    logged = {
        activity: row_count(store, TreeEventRow, TreeEventRow.act == str(activity))
        for activity in Activity
    }
    rows = {
        Activity.REPLY: row_count(store, TreeMessageRow, TreeMessageRow.parent_id.is_not(None)),
        Activity.REVIEW: row_count(store, TreeReviewRow),
        Activity.RANK: row_count(store, TreeVoteRow),
    }
    assert done == rows == logged
    assert row_count(store, TreeOpeningRow) == sum(
        len(openings_of(store.read(tree_id), store.configuration)) for tree_id in tree_ids(store)
    )
    return states


def assert_draws_kept_the_limit(store: TreeStore) -> int:
    """No draw began a tree beyond the limit, by the log; how many were drawn."""
    growing: set[str] = set()
    drawn = 0
    with store.database.reading() as session:
        moves = session.execute(
            select(TreeEventRow.tree_id, TreeEventRow.detail)
            .where(TreeEventRow.act == "moved")
            .order_by(TreeEventRow.id)
        ).all()
    for tree_id, detail in moves:
        growing.discard(tree_id)
        # What a moderator brings back is no draw, and takes nobody's place.
        if (detail["from"], detail["to"]) == (State.PROMPT_LOTTERY_WAITING, State.GROWING):
            growing.add(tree_id)
            drawn += 1
            assert len(growing) <= store.configuration.max_active_trees
    return drawn


def _assert_tree_whole(store: TreeStore, tree_id: str) -> None:
    tree = store.read(tree_id)
    configuration = store.configuration
    assert advance(tree, configuration).steps == (), f"stuck in {tree.state}"
    assert tree.state is not State.READY_FOR_SCORING
    assert tree.size <= max(1, tree.limits.goal_tree_size)
    if tree.state in CLOSED:
        assert tree.leases == ()
    for message in tree.messages.values():
        assert message.depth <= tree.limits.max_depth
        under_way = tree.open(Activity.REPLY, message.id) + len(tree.active_children(message.id))
        assert under_way <= tree.limits.max_children_count
        reviewers = [review.contributor for review in message.counted_reviews]
        assert len(set(reviewers)) == len(reviewers) <= required_reviews(message, configuration)
        assert message.author not in reviewers
        if message.accepted and message.decision and message.decision.by == "reviews":
            assert len(reviewers) == required_reviews(message, configuration)
        rankers = [vote.contributor for vote in tree.complete_votes(message.id)]
        assert len(rankers) <= configuration.num_required_rankings
        assert not {reply.author for reply in tree.candidates(message.id)} & set(rankers)


def finish_all(store: TreeStore, now: datetime) -> Counter[str]:
    """Newcomers work until every tree has ended; the states then."""
    random = Random(0)
    for number in range(5000):
        if not tree_ids(store, *(set(State) - ENDED)):
            return assert_whole(store)
        contribute(store, f"newcomer {number}", random, now)
    raise AssertionError(f"no end: {assert_whole(store)}")
