"""Items taken in, with policy, verdict and search, beside bare inserts of the same rows.

One by one and in calls of a hundred, and how long the verdict on one item waits for storage. The
scores are made beforehand: what assessors cost is measured elsewhere. On SQLite, and on PostgreSQL
too with `--postgresql URL`, an empty database that this may fill.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.moderator import Moderator, Verdict
from ostraka.review.items import ItemStore
from ostraka.review.new_items import NewItem
from ostraka.review.policies import PolicyStore
from ostraka.review.submission import Submission
from ostraka.review.tables import ItemRow, VerdictRow
from ostraka.server.review.collecting import Collector
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id

TOGETHER = 100
TEXT = "I think the second half of the film was better than the first."


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database to measure too")
    options = parser.parse_args()
    rounds, items = (3, 200) if options.quick else (5, 2_000)
    verdict = Moderator.default().moderate(TEXT)
    figures: list[Figure] = []
    with TemporaryDirectory() as scratch:
        urls = [f"sqlite:///{Path(scratch) / 'items.db'}"]
        urls += [options.postgresql] if options.postgresql else []
        for url in urls:
            with closing(Database.at(url)) as database:
                figures += _measure(database, verdict, rounds, items)
    show("items", figures, options.json)


def _measure(database: Database, verdict: Verdict, rounds: int, items: int) -> Iterator[Figure]:
    store = ItemStore(database, PolicyStore())
    store.submit([_call(verdict, 1)], datetime.now(UTC))
    rows = _rows(database)
    rates: dict[tuple[str, int], list[float]] = {}
    waits: list[float] = []
    for _ in range(rounds):
        for size in (1, TOGETHER):
            ours = _rate(lambda size=size: _submit(store, verdict, size), items, size)
            bare = _rate(lambda size=size: _insert(database, rows, size), items, size)
            rates.setdefault(("ours", size), []).append(ours)
            rates.setdefault(("bare", size), []).append(bare)
        waits.append(asyncio.run(_wait(store, verdict, items // 4)))
    where = database.engine.dialect.name
    for size, name in ((1, "one by one"), (TOGETHER, "a hundred at a time")):
        yield Figure(f"{name}, {where}", "items/s", rates["ours", size], rates["bare", size])
    yield Figure(f"what storage adds to a verdict, {where}", "ms", waits, (), Goal(below=2.0))


def _call(verdict: Verdict, size: int) -> Submission:
    items = [
        NewItem(TEXT, external_id=new_id("x"), author=f"author-{number}") for number in range(size)
    ]
    return Submission(items, [verdict] * size, "local", single=size == 1)


def _submit(store: ItemStore, verdict: Verdict, size: int) -> None:
    store.submit([_call(verdict, size)], datetime.now(UTC))


def _rows(database: Database) -> tuple[dict[str, object], dict[str, object]]:
    """An item and its verdict as they are kept."""
    with database.reading() as session:
        item = session.scalars(select(ItemRow).limit(1)).one()
        said = session.get_one(VerdictRow, item.verdict_id)
        return _values(item), _values(said)


def _values(row: ItemRow | VerdictRow) -> dict[str, object]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


def _insert(
    database: Database, rows: tuple[dict[str, object], dict[str, object]], size: int
) -> None:
    """The same two rows for each item, by plain inserts in one transaction."""
    items, verdicts = [], []
    for _ in range(size):
        item_id, verdict_id = new_id("item"), new_id("verdict")
        items.append(
            rows[0] | {"id": item_id, "external_id": new_id("x"), "verdict_id": verdict_id}
        )
        verdicts.append(rows[1] | {"id": verdict_id, "item_id": item_id})
    with database.writing_statements() as connection:
        connection.execute(insert(ItemRow), items)
        connection.execute(insert(VerdictRow), verdicts)


def _rate(act: Callable[[], None], items: int, size: int) -> float:
    calls = max(5, items // size)
    start = time.perf_counter()
    for _ in range(calls):
        act()
    return calls * size / (time.perf_counter() - start)


async def _wait(store: ItemStore, verdict: Verdict, calls: int) -> float:
    """The median of what a request waits for, one after the other."""
    collector = Collector(store, 10_000)
    seconds: list[float] = []
    submissions: Sequence[Submission] = [_call(verdict, 1) for _ in range(calls)]
    for submission in submissions:
        start = time.perf_counter()
        await collector.take(submission)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1000


if __name__ == "__main__":
    main()
