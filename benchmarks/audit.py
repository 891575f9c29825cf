"""Appending to the audit log, beside the bare insert of the same row; and verifying it.

Each transaction adds one entry, or ten. The peer inserts rows of the same size by the same session,
numbered beforehand and chained to nothing. On SQLite, and on PostgreSQL too with
`--postgresql URL`, an empty database that this may fill.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import delete, insert

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow

DETAIL = {"action": "remove", "violation": "spam", "policy": "sha256:" + "0" * 64}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database to measure too")
    options = parser.parse_args()
    rounds, count = (3, 300) if options.quick else (5, 2_000)
    figures: list[Figure] = []
    with TemporaryDirectory() as scratch:
        urls = [f"sqlite:///{Path(scratch) / 'audit.db'}"]
        urls += [options.postgresql] if options.postgresql else []
        for url in urls:
            with closing(Database.at(url)) as database:
                figures += _measure(database, rounds, count)
    show("audit log", figures, options.json)


def _measure(database: Database, rounds: int, count: int) -> Iterator[Figure]:
    dialect = database.engine.dialect.name if database.location.file is None else "sqlite"
    for threads, entries in ((1, 1), (8, 1), (1, 10)):
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(rounds):
            ours.append(_rate(database, partial(_append, database, entries), threads, count))
            numbers = itertools.count(10_000_000)
            bare.append(
                _rate(database, partial(_insert, database, numbers, entries), threads, count)
            )
        name = f"{entries} in a transaction, {threads} threads, {dialect}"
        yield Figure(name, "transactions/s", ours, bare, Goal(at_least=0.5))
    _clear(database)
    for _ in range(max(1, count // 100)):
        _append(database, 100)
    verified = [_verify(database) for _ in range(rounds)]
    yield Figure(f"verify, {dialect}", "entries/s", verified)


def _append(database: Database, entries: int) -> None:
    with database.writing() as session:
        for number in range(entries):
            now = datetime.now(UTC)
            audit.append(session, "person_1", "decision.made", f"case_{number}", DETAIL, now)


def _insert(database: Database, numbers: Iterator[int], entries: int) -> None:
    with database.writing() as session:
        rows: list[dict[str, Any]] = [
            {
                "sequence": next(numbers),
                "created_at": datetime.now(UTC),
                "actor": "person_1",
                "act": "decision.made",
                "subject": f"case_{number}",
                "detail": DETAIL,
                "previous_hash": "0" * 64,
                "hash": "0" * 64,
            }
            for number in range(entries)
        ]
        session.execute(insert(AuditRow), rows)


def _rate(database: Database, act: Callable[[], None], threads: int, count: int) -> float:
    _clear(database)

    def run() -> None:
        for _ in range(count // threads):
            act()

    running = [threading.Thread(target=run) for _ in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (count // threads) * threads / (time.perf_counter() - started)


def _verify(database: Database) -> float:
    started = time.perf_counter()
    with database.reading() as session:
        found = audit.verify(session)
    assert found.whole
    return found.entries / (time.perf_counter() - started)


def _clear(database: Database) -> None:
    with database.writing() as session:
        session.execute(delete(AuditRow))


if __name__ == "__main__":
    main()
