"""Trees at every stage for benchmarks, and databases full of them."""

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from sqlalchemy import insert

from benchmarks.tree_rows import Model, fill, model_of
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.lottery import LanguageCounts
from ostraka.trees.selection import FAMILIES, NoTaskError, Task, available, choose
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity

CONTRIBUTORS = 600
LANGUAGE = "en"
CONFIGURATION = TreeConfiguration(max_active_trees=700)


@dataclass(frozen=True, slots=True)
class Size:
    """How many trees are at what; the finished ones make up the rest of the messages."""

    messages: int
    growing: int
    ranking: int
    in_review: int
    waiting: int


SMALL = Size(1_000, 7, 3, 5, 10)
LARGE = Size(100_000, 700, 300, 100, 250)


def prepare(database: Database, models: dict[State, list[Model]], size: Size) -> None:
    """Fill an empty database with copies of models."""
    database.prepare()
    start = time.perf_counter()
    rows = [_contributor_row(number) for number in range(CONTRIBUTORS)]
    with database.writing_statements() as connection:
        connection.execute(insert(ContributorRow), rows)
    wanted = {
        State.GROWING: size.growing,
        State.RANKING: size.ranking,
        State.INITIAL_PROMPT_REVIEW: size.in_review,
        State.PROMPT_LOTTERY_WAITING: size.waiting,
    }
    shares = [each for state, count in wanted.items() for each in _shared(models[state], count)]
    there = sum(model.messages * count for model, count in shares)
    finished = models[State.READY_FOR_EXPORT]
    count = max(0, size.messages - there) // finished[0].messages
    fill(database, [*shares, *_shared(finished, count)], LANGUAGE)
    print(f"{size.messages:,} messages in {time.perf_counter() - start:.0f} s")


def _shared(models: list[Model], count: int) -> list[tuple[Model, int]]:
    """So many trees, in equal parts of each model."""
    return [
        (model, count // len(models) + (number < count % len(models)))
        for number, model in enumerate(models)
    ]


def grown_models(scratch: Path) -> dict[State, list[Model]]:
    """Trees at each stage, grown by the rules."""
    with closing(Database.at(f"sqlite:///{scratch / 'models.db'}")) as database:
        store, random = TreeStore(database, CONFIGURATION), Random(1)
        stages = [(State.GROWING, size) for size in (1, 2, 3, 5, 6, 8, 10, 11) for _ in range(2)]
        stages += [(State.RANKING, number) for number in range(6)]
        stages += [(State.INITIAL_PROMPT_REVIEW, number) for number in range(3)]
        stages += [(State.PROMPT_LOTTERY_WAITING, 0), (State.READY_FOR_EXPORT, 0)]
        found: dict[State, list[Model]] = {}
        for state, steps in stages:
            tree_id = _grown(store, random, state, steps)
            found.setdefault(state, []).append(model_of(database, tree_id))
    return found


def _grown(store: TreeStore, random: Random, state: State, steps: int) -> str:
    """A tree that is at a stage: so many messages where it grows, else so many votes or reviews."""
    while True:
        author = contributor(random.randrange(CONTRIBUTORS))
        tree = store.plant(f"A prompt, {new_id('x')}.", author, LANGUAGE, _now(), random)
        for _ in range(400):
            tree = store.read(tree.id)
            if tree.state is state and _is_far_enough(tree, state, steps):
                return tree.id
            if tree.state is State.PROMPT_LOTTERY_WAITING:
                store.let_happen(tree.id, Event.DRAW, "system", _now())
            elif tree.state in (State.READY_FOR_EXPORT, State.ABORTED_LOW_GRADE):
                break
            else:
                _work(store, tree, random)


def _is_far_enough(tree: Tree, state: State, steps: int) -> bool:
    match state:
        case State.GROWING:
            return len(tree.messages) >= steps
        case State.RANKING:
            return len(tree.votes) >= steps
        case State.INITIAL_PROMPT_REVIEW:
            return len(tree.root.reviews) >= steps
        case _:
            return True


def _work(store: TreeStore, tree: Tree, random: Random) -> None:
    """One task by anybody who may."""
    who = contributor(random.randrange(CONTRIBUTORS))
    full = LanguageCounts(CONFIGURATION.max_active_trees, 10**6, 10**6)
    try:
        task = choose(available([tree], full, LANGUAGE, who, CONFIGURATION), CONFIGURATION, random)
    except NoTaskError:
        return
    lease = store.take(tree.id, _activity(task), task.message_id, who, _now())
    match lease.activity:
        case Activity.REPLY:
            store.reply(lease.id, f"An answer of some words, {new_id('x')}.", who, _now())
        case Activity.REVIEW:
            store.review(lease.id, {"spam": 0.0}, who, _now())
        case Activity.RANK:
            store.rank(lease.id, tuple((name,) for name in lease.shown), who, _now())


def _activity(task: Task) -> Activity:
    if task.type in FAMILIES["ranking"]:
        return Activity.RANK
    return Activity.REPLY if task.type in FAMILIES["reply"] else Activity.REVIEW


def contributor(number: int) -> str:
    """The id of one of them."""
    return f"contributor_{number:032x}"


def _contributor_row(number: int) -> dict[str, object]:
    return {
        "id": contributor(number),
        "created_at": _now(),
        "client": "benchmark",
        "auth_method": "local",
        "username": f"contributor {number}",
        "display_name": f"Contributor {number}",
        "show_on_leaderboard": True,
        "terms_accepted_at": _now(),
        "banned_at": None,
        "erased_at": None,
        "notes": "",
        "streak_began": None,
        "last_active_at": None,
    }


def _now() -> datetime:
    return datetime.now(UTC)
