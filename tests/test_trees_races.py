"""Many at once, in threads and processes, and processes that die: the faults R1 to R11.

The original handed one place to twelve people, lost votes to conflicts it had made itself, and left
trees that only a restart moved on.
"""

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from growing import GOOD, NOW, SMALL, finish, seedling
from keeping_trees import (
    assert_whole,
    contribute,
    finish_all,
    grown,
    planted,
    row_count,
    together,
    tree_ids,
)

from ostraka.errors import ConflictError, OstrakaError
from ostraka.storage.database import Database
from ostraka.trees import acts, moderating
from ostraka.trees.drawing import counts_of, draw_prompts, growing_by_author
from ostraka.trees.lottery import LanguageCounts
from ostraka.trees.permissions import Refusal
from ostraka.trees.states import ENDED, Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import (
    ContributorRow,
    TreeEventRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeRow,
    TreeTaskRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, Activity, Mark

LATER = NOW + timedelta(days=3)
MANY = 12
CONTRIBUTING = """
import sys
sys.path.insert(0, {tests!r})
from keeping_trees import contribute_until_killed
contribute_until_killed({url!r}, {name!r}, {seed})
"""
REVIEWING = """
import sys
sys.path.insert(0, {tests!r})
from growing import GOOD, NOW, SMALL
from ostraka.storage.database import Database
from ostraka.trees.store import TreeStore
store = TreeStore(Database.at({url!r}), SMALL)
store.database.prepare()
print("ready", flush=True)
sys.stdin.readline()
for task, who in {tasks!r}:
    store.review(task, GOOD, who, NOW)
print("done", flush=True)
"""
TESTS = str(Path(__file__).parent)


def refusals(found: list[object]) -> list[ConflictError]:
    """What was refused; no other error will do."""
    errors = [each for each in found if isinstance(each, OstrakaError)]
    assert all(isinstance(each, ConflictError) for each in errors), errors
    return [each for each in errors if isinstance(each, ConflictError)]


def test_r1_places_are_given_once_to_many_at_the_same_time(store: TreeStore) -> None:
    tree_id = grown(store)
    found = together(
        [
            lambda n=n: store.take(tree_id, Activity.REPLY, tree_id, f"person {n}", NOW)
            for n in range(MANY)
        ]
    )
    refused = refusals(found)
    assert len(refused) == MANY - 2
    assert {each.code for each in refused} <= {Refusal.NO_ROOM, Refusal.TREE_FULL}
    assert len(store.read(tree_id).leases) == 2


@pytest.mark.parametrize("activity", [Activity.REVIEW, Activity.RANK])
def test_r2_no_more_reviewers_or_rankers_are_asked_than_needed(
    store: TreeStore, activity: Activity
) -> None:
    tree_id = planted(store) if activity is Activity.REVIEW else grown(store, 2)
    found = together(
        [
            lambda n=n: store.take(tree_id, activity, tree_id, f"person {n}", NOW)
            for n in range(MANY)
        ]
    )
    refused = refusals(found)
    assert len(refused) == MANY - 3
    assert {each.code for each in refused} <= {Refusal.ENOUGH_REVIEWS, Refusal.ENOUGH_RANKINGS}


def test_r3_r4_work_handed_in_at_once_is_all_kept_and_moves_the_tree(store: TreeStore) -> None:
    tree_id, tasks = _waiting_for_reviews(store)
    found = together([lambda t=t: store.review(t.id, GOOD, t.contributor, NOW) for t in tasks])
    assert [each for each in found if isinstance(each, OstrakaError)] == []
    tree = store.read(tree_id)
    assert tree.state is State.RANKING
    assert all(len(m.reviews) == 3 for m in tree.messages.values())
    rankers = [store.take(tree_id, Activity.RANK, tree_id, f"r{n}", NOW) for n in range(3)]
    found = together(
        [
            lambda t=t: store.rank(t.id, tuple((name,) for name in t.shown), t.contributor, NOW)
            for t in rankers
        ]
    )
    assert [each for each in found if isinstance(each, OstrakaError)] == []
    assert store.read(tree_id).state is State.READY_FOR_EXPORT
    assert_whole(store)


def test_r3_r4_the_last_reviews_from_three_processes_move_the_tree(store: TreeStore) -> None:
    """In the original each process saw the other's review as missing, or answered 503."""
    tree_id, tasks = _waiting_for_reviews(store)
    processes = [
        _python(
            REVIEWING,
            url=store.database.location.url,
            tasks=[(task.id, task.contributor) for task in tasks[number::3]],
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["done\n"] * 3
    assert store.read(tree_id).state is State.RANKING
    assert_whole(store)


def test_r5_an_answer_sent_twice_at_once_counts_once_and_moves_the_tree(store: TreeStore) -> None:
    """The original stored the vote, then told its sender that the task was done already."""
    tree_id = planted(store)
    tasks = [store.take(tree_id, Activity.REVIEW, tree_id, who, NOW) for who in "xyz"]
    found = together(
        [lambda t=t: store.review(t.id, GOOD, t.contributor, NOW) for t in tasks for _ in range(4)]
    )
    assert refusals(found) == []
    assert store.read(tree_id).state is State.PROMPT_LOTTERY_WAITING
    assert row_count(store, TreeReviewRow) == 3
    assert_whole(store)


def test_r5_skipping_and_answering_at_once_ends_a_task_one_way(store: TreeStore) -> None:
    tree_id = planted(store)
    task = store.take(tree_id, Activity.REVIEW, tree_id, "x", NOW)
    found = together(
        [
            lambda: store.review(task.id, GOOD, "x", NOW),
            lambda: store.skip(task.id, "x", NOW),
        ]
    )
    assert len(refusals(found)) == 1
    marks, reviews = row_count(store, TreeMarkRow), row_count(store, TreeReviewRow)
    assert (marks, reviews) in ((1, 0), (0, 1))


def test_r6_what_is_there_already_is_a_conflict_and_leaves_nothing(store: TreeStore) -> None:
    """A violated constraint is nobody's 500."""
    tree = finish(seedling(configuration=SMALL), SMALL, Random(1))
    found = together([lambda: store.keep(tree, "importer", NOW) for _ in range(6)])
    refused = refusals(found)
    assert len(refused) == 5
    assert {each.code for each in refused} == {"tree_exists"}
    messages, events = row_count(store, TreeMessageRow), row_count(store, TreeEventRow)
    [reply, *_] = [name for name in tree.messages if name != tree.id]
    other = seedling("other")
    with pytest.raises(ConflictError, match="there already"):
        stolen = tree.messages[reply]
        store.keep(other.with_messages(stolen), "importer", NOW)
    assert tree_ids(store) == [tree.id]
    assert row_count(store, TreeMessageRow) == messages == len(tree.messages)
    assert row_count(store, TreeEventRow) == events


def test_b10_r7_many_draws_at_once_do_not_pass_the_limit(store: TreeStore) -> None:
    store = TreeStore(store.database, SMALL.model_copy(update={"max_active_trees": 3}))
    with store.database.writing() as session:
        session.add(_banned("banned"))
    for author in ("banned", "eager", "eager", "eager", "shy"):
        _accepted(store, author)
    found = together([lambda: draw_prompts(store, "en", NOW) for _ in range(4)])
    assert sorted(map(len, found)) == [0, 0, 0, 3]
    with store.database.reading() as session:
        assert counts_of(session, "en") == LanguageCounts(growing=3, waiting=1)
        assert growing_by_author(session, "en") == {"eager": 2, "shy": 1}
    assert draw_prompts(store, "de", NOW) == []
    assert len(tree_ids(store, State.HALTED_BY_MODERATOR)) == 1, "the banned author's, or it waits"


def test_r7_draws_expiry_and_moderators_on_many_trees_do_not_block_each_other(
    store: TreeStore,
) -> None:
    """Whoever locks several trees does so in one order, so nobody waits in a circle."""
    names = [_accepted(store, f"author {number}") for number in range(12)]
    for name in names[:4]:
        store.let_happen(name, Event.DRAW, "system", NOW)
        store.take(name, Activity.REPLY, name, "slow", NOW)
    found = together(
        [
            *[lambda: draw_prompts(store, "en", LATER) for _ in range(3)],
            *[lambda: store.expire(LATER) for _ in range(3)],
            *[lambda n=n: store.let_happen(n, Event.HALT, "moderator", LATER) for n in names[:3]],
            *[lambda n=n: store.let_happen(n, Event.HALT, "moderator", LATER) for n in names[9:]],
        ]
    )
    assert [each for each in found if isinstance(each, OstrakaError)] == []
    draw_prompts(store, "en", LATER)
    states = assert_whole(store)
    assert states == {State.HALTED_BY_MODERATOR: 6, State.GROWING: 6}


def test_r8_red_flags_stand_although_a_later_request_fails(store: TreeStore) -> None:
    """In the original, what flags led to was undone with the request that had looked at them."""
    tree_id = grown(store, 1)
    [reply] = [m.id for m in store.read(tree_id).messages.values() if m.parent_id]
    for number in range(SMALL.auto_mod_red_flags):
        _mark(store, tree_id, reply, Mark(f"reader {number}", RED_FLAG))
    with pytest.raises(ConflictError):
        store.take(tree_id, Activity.REPLY, reply, "late", NOW)
    assert store.read(tree_id).messages[reply].deleted
    assert row_count(store, TreeMessageRow, TreeMessageRow.deleted) == 1


def test_r10_however_many_look_for_expired_leases_each_is_taken_back_once(
    store: TreeStore,
) -> None:
    """The original ran its timers in every process, each doing all of it."""
    for _ in range(4):
        tree_id = planted(store)
        for who in "xy":
            store.take(tree_id, Activity.REVIEW, tree_id, who, NOW)
    found = together([lambda: store.expire(LATER) for _ in range(5)])
    assert sum(found) == 4
    assert row_count(store, TreeEventRow, TreeEventRow.act == "expired") == 4
    assert row_count(store, TreeTaskRow, TreeTaskRow.state == "expired") == 8
    assert store.expire(LATER) == 0


def test_r10_a_database_is_made_once_however_many_begin(database_url: str) -> None:
    stores = [TreeStore(Database.at(database_url), SMALL) for _ in range(4)]
    found = together([lambda s=s: planted(s) for s in stores])
    assert len(set(found)) == 4
    assert sorted(tree_ids(stores[0])) == sorted(found)
    for each in stores:
        each.database.close()


def test_r11_marks_put_at_once_are_all_counted(store: TreeStore) -> None:
    tree_id = planted(store)

    marks = [Mark(f"reader {number}", "+1") for number in range(MANY)]
    together([lambda m=m: _mark(store, tree_id, tree_id, m) for m in marks])
    assert store.read(tree_id).root.open_marks("+1") == MANY
    assert row_count(store, TreeMarkRow) == MANY


def test_reviews_and_their_withdrawal_at_once_leave_one_of_the_two(store: TreeStore) -> None:
    """A withdrawal never loses somebody else's review, whoever comes first."""
    tree_id = planted(store)
    reviews = [store.take(tree_id, Activity.REVIEW, tree_id, who, NOW) for who in "xyz"]
    store.review(reviews[0].id, GOOD, "x", NOW)

    def withdraw() -> None:
        store.let_happen(
            tree_id,
            Event.RECONSIDER,
            "moderator",
            NOW,
            act=lambda tree: moderating.withdraw(tree, "x"),
            name="withdrawn",
        )

    found = together(
        [withdraw, *[lambda t=t: store.review(t.id, GOOD, t.contributor, NOW) for t in reviews[1:]]]
    )
    assert refusals(found) == []
    tree = store.read(tree_id)
    assert {review.contributor for review in tree.root.counted_reviews} == {"y", "z"}
    assert row_count(store, TreeReviewRow, TreeReviewRow.withdrawn_at.is_(None)) == 2
    assert tree.state is State.INITIAL_PROMPT_REVIEW


def test_a_crowd_in_threads_brings_every_tree_to_its_end(store: TreeStore) -> None:
    """With moderators who halt, delete, ban and reopen in between."""
    for number in range(8):
        planted(store, f"author {number}")
    unfinished = threading.Event()

    def contributor(number: int) -> None:
        random = Random(number)
        for _ in range(30):
            with suppress(ConflictError):
                contribute(store, f"person {number}", random, NOW)

    def moderator(number: int) -> None:
        random = Random(number)
        for _ in range(6):
            tree_id = random.choice(tree_ids(store))
            event = random.choice([Event.HALT, Event.RESUME, Event.REOPEN])
            with suppress(ConflictError):
                store.let_happen(tree_id, event, "moderator", NOW)
        unfinished.set()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: moderator(n) if n >= 8 else contributor(n), range(10)))
    assert unfinished.is_set()
    for tree_id in tree_ids(store, State.HALTED_BY_MODERATOR):
        with suppress(ConflictError):
            store.let_happen(tree_id, Event.RESUME, "moderator", NOW)
    states = finish_all(store, LATER)
    assert set(map(State, states)) <= ENDED
    assert states[State.READY_FOR_EXPORT] > 0


def test_killed_contributors_lose_nothing_and_block_nobody(store: TreeStore) -> None:
    """What was acknowledged is there whole; what was not left nothing half done."""
    for number in range(12):
        planted(store, f"author {number}")
    acknowledged: list[str] = []
    for round_ in range(2):
        processes = [
            _python(
                CONTRIBUTING,
                url=store.database.location.url,
                name=f"dead {round_} {number}",
                seed=10 * round_ + number,
            )
            for number in range(2)
        ]
        acknowledged += _kill_while_contributing(processes, after=12 + 5 * round_)
    assert_whole(store)
    with store.database.reading() as session:
        states = Counter(session.get_one(TreeTaskRow, task_id).state for task_id in acknowledged)
    assert set(states) <= {"done", "skipped"}, states
    later = datetime.now(UTC) + timedelta(days=3)
    store.expire(later, limit=1000)
    assert row_count(store, TreeTaskRow, TreeTaskRow.state == "open") == 0
    assert row_count(store, TreeRow) == 12
    assert set(map(State, finish_all(store, later))) <= ENDED


def _waiting_for_reviews(store: TreeStore) -> tuple[str, list]:
    """A tree with two replies whose six last reviews are under way."""
    tree_id = grown(store)
    replies = []
    for who in ("ann", "ben"):
        task = store.take(tree_id, Activity.REPLY, tree_id, who, NOW)
        replies.append(store.reply(task.id, f"by {who}", who, NOW).id)
    return tree_id, [
        store.take(tree_id, Activity.REVIEW, reply, f"{who} {number}", NOW)
        for number, reply in enumerate(replies)
        for who in "xyz"
    ]


def _mark(store: TreeStore, tree_id: str, message_id: str, mark: Mark) -> None:
    def act(tree: Tree) -> Tree:
        return acts.put_mark(tree, message_id, mark)

    store.change(tree_id, act, mark.contributor, "marked", NOW)


def _accepted(store: TreeStore, author: str) -> str:
    """A prompt that waits in the lottery."""
    tree_id = planted(store, author)
    act = moderating.decide
    store.change(tree_id, lambda t: act(t, tree_id, accepted=True), "moderator", "decided", NOW)
    return tree_id


def _banned(name: str) -> ContributorRow:
    return ContributorRow(
        id=name,
        created_at=NOW,
        client="key",
        auth_method="local",
        username=name,
        display_name="",
        show_on_leaderboard=True,
        banned_at=NOW,
        notes="",
    )


def _python(script: str, **values: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script.format(tests=TESTS, **values)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill_while_contributing(processes: list[subprocess.Popen[str]], after: int) -> list[str]:
    """Let processes work, end them without warning; the tasks that they acknowledged."""
    seen: list[str] = []
    for process in processes:
        assert process.stdout is not None
        seen += [process.stdout.readline().strip() for _ in range(after)]
    for process in processes:
        process.kill()
    for process in processes:
        rest, _ = process.communicate()
        seen += [line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    assert all(seen)
    return seen
