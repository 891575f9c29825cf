"""Tasks of conversation trees: asked for, handed in, by one and by 64 contributors at once.

The database holds a thousand messages and then a hundred thousand, 700 trees of which grow and 300
are ranked, as the contract measured the original: 235 ms a request. On SQLite, and on PostgreSQL
too with `--postgresql URL --postgresql URL`, two empty databases that this may fill.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, Goal, arguments, show
from benchmarks.tree_models import (
    CONFIGURATION,
    CONTRIBUTORS,
    LANGUAGE,
    LARGE,
    SMALL,
    contributor,
    grown_models,
    prepare,
)
from ostraka.errors import OstrakaError
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.trees.acceptance import required_reviews
from ostraka.trees.assignment import Assignment
from ostraka.trees.offers import Offer
from ostraka.trees.ranking import Ballot, consensus
from ostraka.trees.selection import FAMILIES
from ostraka.trees.store import TreeStore
from ostraka.trees.tree import Tree

ORIGINAL_MS = 235.0
TOGETHER = 64


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", action="append", default=[])
    options = parser.parse_args()
    rounds, calls = (3, 40) if options.quick else (5, 150)
    figures = [_ranked_pairs(rounds)]
    with TemporaryDirectory() as scratch:
        models = grown_models(Path(scratch))
        pairs = [[f"sqlite:///{Path(scratch) / name}.db" for name in ("small", "large")]]
        pairs += [options.postgresql] if options.postgresql else []
        for urls in pairs:
            with (
                closing(Database.at(urls[0])) as few,
                closing(Database.at(urls[1])) as many,
            ):
                prepare(few, models, SMALL)
                prepare(many, models, LARGE)
                figures += _figures(few, many, rounds, calls)
    show("conversation trees", figures, options.json)


def _figures(few: Database, many: Database, rounds: int, calls: int) -> Iterator[Figure]:
    where = many.engine.dialect.name
    small, large = _Bench(few), _Bench(many)
    waits: list[_Spent] = []
    fewer: list[_Spent] = []
    interactions: list[_Spent] = []
    for _ in range(rounds):
        fewer.append(small.requests(calls))
        waits.append(large.requests(calls))
        interactions.append(large.interactions(calls))
    yield Figure(
        f"task request, 100,000 messages, {where}",
        "requests/s",
        [1000 / each.wall for each in waits],
        [1000 / each.wall for each in fewer],
        Goal(at_least=1 / 1.5),
        "the peer is the same with 1,000 messages",
    )
    yield Figure(
        f"– beside the original's {ORIGINAL_MS:.0f} ms, {where}",
        "requests/s",
        [1000 / each.wall for each in waits],
        [1000 / ORIGINAL_MS] * rounds,
        Goal(at_least=10),
    )
    yield Figure(f"task request, {where}", "ms", [each.wall for each in waits])
    # The database's own is in it on SQLite alone; PostgreSQL has a process for it.
    yield Figure(f"– processor time, {where}", "ms", [each.processor for each in waits])
    yield Figure(
        f"handing in, {where}", "ms", [each.wall for each in interactions], (), Goal(below=10)
    )
    yield Figure(f"– processor time, {where}", "ms", [each.processor for each in interactions])
    crowd = large.crowd(max(2, calls // 20))
    yield Figure(f"{TOGETHER} contributors at once, {where}", "tasks/s", [crowd.rate])
    yield Figure(f"– errors, {where}", "tasks", [crowd.errors], (), Goal(below=1))
    yield Figure(f"– surplus work, {where}", "tasks", [crowd.surplus], (), Goal(below=1))


@dataclass(frozen=True, slots=True)
class _Spent:
    """Medians in ms: by the clock, and on the processor, which contention touches less."""

    wall: float
    processor: float


class _Watch:
    """Times one piece of work after the other."""

    def __init__(self) -> None:
        self._wall: list[float] = []
        self._processor: list[float] = []

    @contextmanager
    def timing(self) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.thread_time()
        yield
        self._wall.append((time.perf_counter() - wall) * 1000)
        self._processor.append((time.thread_time() - processor) * 1000)

    @property
    def spent(self) -> _Spent:
        return _Spent(statistics.median(self._wall), statistics.median(self._processor))


@dataclass(frozen=True, slots=True)
class _Crowd:
    rate: float
    errors: int
    surplus: int


class _Bench:
    """Contributors of one database, who come one after the other or all at once."""

    def __init__(self, database: Database) -> None:
        self.store = TreeStore(database, CONFIGURATION)
        self.assignment = Assignment(self.store)
        self.people = [contributor(number) for number in range(CONTRIBUTORS)]
        self.random = Random(0)
        self._next = 0

    def someone(self) -> str:
        """The next contributor; each has seen some trees, and nobody comes again soon."""
        self._next += 1
        return self.people[self._next * 7 % CONTRIBUTORS]

    def requests(self, calls: int) -> _Spent:
        """What a request waits for; the task is given back at once."""
        watch = _Watch()
        for _ in range(calls):
            who = self.someone()
            with watch.timing():
                offer = self._asked(who)
            self.assignment.give_back(offer.id, who, datetime.now(UTC))
        return watch.spent

    def interactions(self, calls: int) -> _Spent:
        """What handing in waits for."""
        watch = _Watch()
        for _ in range(calls):
            who = self.someone()
            offer = self._asked(who)
            with watch.timing():
                self._hand_in(offer, who)
        return watch.spent

    def crowd(self, tasks: int) -> _Crowd:
        """All at once, each asking and handing in; the trees that they worked on are looked at."""
        together = threading.Barrier(TOGETHER)
        errors: list[OstrakaError] = []
        touched: set[str] = set()

        def work(number: int) -> None:
            who = self.people[number]
            together.wait()
            for _ in range(tasks):
                try:
                    offer = self._asked(who)
                    touched.add(offer.tree_id or "")
                    self._hand_in(offer, who)
                except OstrakaError as error:
                    errors.append(error)

        start = time.perf_counter()
        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(work, range(TOGETHER)))
        seconds = time.perf_counter() - start
        surplus = sum(_surplus(self.store.read(each)) for each in touched - {""})
        for error in errors[:3]:
            print(f"error: {error!r}")
        return _Crowd(tasks * TOGETHER / seconds, len(errors), surplus)

    def _asked(self, who: str) -> Offer:
        random = Random(self.random.random())
        return self.assignment.request(who, "random", LANGUAGE, datetime.now(UTC), random)

    def _hand_in(self, offer: Offer, who: str) -> None:
        """Through what the routes call."""
        now = datetime.now(UTC)
        if offer.kind in FAMILIES["ranking"]:
            tiers = tuple((reply.id,) for reply in offer.replies)
            self.assignment.hand_in_ranking(offer.id, tiers, who, now)
        elif offer.labels:
            labels = dict.fromkeys(offer.labels, 0.0)
            self.assignment.hand_in_labels(offer.id, labels, who, now)
        else:
            text = f"An answer of some words, {new_id('x')}."
            self.assignment.hand_in_text(offer.id, text, who, now, self.random)


def _surplus(tree: Tree) -> int:
    """Reviews, replies and rankings beyond what the tree needs."""
    found = 0
    for message in tree.messages.values():
        found += max(0, len(message.counted_reviews) - required_reviews(message, CONFIGURATION))
        found += max(0, len(tree.active_children(message.id)) - tree.limits.max_children_count)
        votes = len(tree.complete_votes(message.id))
        found += max(0, votes - CONFIGURATION.num_required_rankings)
    return found + max(0, len(tree.counting) - tree.limits.goal_tree_size)


def _ranked_pairs(rounds: int) -> Figure:
    random, names = Random(0), [f"message_{number:02}" for number in range(20)]
    ballots = [Ballot.of(random.sample(names, 20)) for _ in range(30)]
    waits = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(50):
            consensus(ballots)
        waits.append((time.perf_counter() - start) * 20)
    return Figure("ranked pairs, 20 candidates, 30 ballots", "ms", waits, (), Goal(below=2))


if __name__ == "__main__":
    main()
