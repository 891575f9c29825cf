"""Claiming cases by 64 reviewers at once, beside the bare driver running the statement by itself.

Cases are rows of the room `work` with a subject, and some of them are barred to some reviewers. On
SQLite, and on PostgreSQL too with `--postgresql URL`, an empty database that this may fill. The
queue holds 10 thousand open cases and then 100 thousand; `--million` measures a million too.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import bindparam, text

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.review.queue import ReviewQueue
from ostraka.review.tables import CaseRow  # noqa: F401  (declares the tables)
from ostraka.review.terms import Reviewer
from ostraka.storage.database import BUSY_SECONDS, Database
from ostraka.storage.types import UtcDateTime
from ostraka.work.people import NEVER_GIVEN_UP
from ostraka.work.tables import WorkRow  # noqa: F401  (declares the tables)

REVIEWERS = 64
SECONDS = 600.0
QUEUE = "review:general"
_FREE = (
    "coalesce((SELECT false FROM work_bars b WHERE b.subject = w.subject AND b.worker = {0} "
    "LIMIT 1), true) AND coalesce((SELECT false FROM work h WHERE h.subject = w.subject "
    "AND h.worker = {0} AND h.lease_until IS NOT NULL LIMIT 1), true) "
)
RAW = {
    "sqlite": (
        "UPDATE work SET state = 'leased', token = token + 1, attempts = attempts + 1, "
        "lease_until = strftime('%Y-%m-%d %H:%M:%f000', 'now', '600 seconds'), worker = :who "
        f"WHERE id = (SELECT id FROM work w WHERE queue = '{QUEUE}' AND state = 'ready' "
        f"AND {_FREE.format(':who')} ORDER BY priority DESC, id LIMIT 1) "
        "RETURNING id, kind, payload, token, attempts"
    ),
    "postgresql": (
        "UPDATE work SET state = 'leased', token = token + 1, attempts = attempts + 1, "
        "lease_until = now() + interval '600 seconds', worker = %(who)s "
        f"WHERE id = (SELECT id FROM work w WHERE queue = '{QUEUE}' AND state = 'ready' "
        f"AND {_FREE.format('%(who)s')} ORDER BY priority DESC, id LIMIT 1 "
        "FOR UPDATE SKIP LOCKED) RETURNING id, kind, payload, token, attempts"
    ),
}

COUNTED = """
WITH RECURSIVE counted(n) AS (
  SELECT CAST(0 AS bigint) UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :size)
"""
FILL = f"""
INSERT INTO work (id, created_at, run_at, queue, kind, state, priority, payload, subject,
  attempts, max_attempts, token)
{{counted}} SELECT 'work_' || {{digits}}, :now, :now, '{QUEUE}', 'review', 'ready',
  -(:due + n * 7919 % :size), {{payload}}, 'case_' || {{digits}}, 0, {NEVER_GIVEN_UP}, 0
FROM counted
"""
BAR = """
INSERT INTO work_bars (subject, worker, reason)
{counted} SELECT 'case_' || {digits}, 'person_' || {reviewer}, 'author'
FROM counted WHERE n % 10 = 0
"""
_PAYLOAD = "'{{\"case_id\": \"case_' || {0} || '\"}}'"
_DIGITS = {"sqlite": "printf('%08x', n)", "postgresql": "lpad(to_hex(n), 8, '0')"}
WORDS = {
    "sqlite": {
        "digits": _DIGITS["sqlite"],
        "payload": _PAYLOAD.format(_DIGITS["sqlite"]),
        "reviewer": f"printf('%02d', n % {REVIEWERS})",
    },
    "postgresql": {
        "digits": _DIGITS["postgresql"],
        "payload": f"CAST({_PAYLOAD.format(_DIGITS['postgresql'])} AS json)",
        "reviewer": f"lpad(CAST(n % {REVIEWERS} AS text), 2, '0')",
    },
}
EMPTY = {
    "sqlite": ("DELETE FROM work", "DELETE FROM work_bars"),
    "postgresql": ("TRUNCATE work, work_bars CASCADE",),
}

Claimer = Callable[[str], Any]


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database to measure too")
    parser.add_argument("--million", action="store_true", help="also with a million cases")
    options = parser.parse_args()
    rounds, claims = (3, 1_000) if options.quick else (5, 4_000)
    sizes = [10_000, 100_000, *([1_000_000] if options.million else [])]
    figures: list[Figure] = []
    with TemporaryDirectory() as scratch:
        urls = [f"sqlite:///{Path(scratch) / 'claims.db'}"]
        urls += [options.postgresql] if options.postgresql else []
        for url in urls:
            with closing(Database.at(url)) as database:
                figures += _figures(database, sizes, rounds, claims)
    show(f"{REVIEWERS} reviewers", figures, options.json)


def _figures(database: Database, sizes: list[int], rounds: int, claims: int) -> Iterator[Figure]:
    name = database.engine.dialect.name
    smallest: list[float] = []
    for size in sizes:
        _fill(database, size)
        ours: list[float] = []
        raw: list[float] = []
        for _ in range(rounds):
            ours.append(_rate(database, _ours(database), claims))
            raw.append(_rate(database, _raw(database), claims))
        where = f"{name}, {size:,} open cases"
        yield Figure(f"claims, {where}", "claims/s", ours, raw, Goal(at_least=0.5))
        smallest = smallest or ours
        if size != sizes[0]:
            against = f"{where}, beside {sizes[0]:,}"
            yield Figure(f"flat, {against}", "claims/s", ours, smallest, Goal(at_least=0.8))


def _fill(database: Database, size: int) -> None:
    """Open cases that the database makes, every tenth of them barred to one of the reviewers."""
    name, now = database.engine.dialect.name, datetime.now(UTC)
    values = {"size": size, "now": now, "due": int(now.timestamp())}
    started = time.perf_counter()
    with database.writing_statements() as connection:
        for statement in EMPTY[name]:
            connection.exec_driver_sql(statement)
        for template in (FILL, BAR):
            statement = text(template.format(counted=COUNTED, **WORDS[name]))
            wanted = {key: value for key, value in values.items() if f":{key}" in statement.text}
            moments = [bindparam("now", type_=UtcDateTime)] if "now" in wanted else []
            connection.execute(statement.bindparams(*moments), wanted)
    print(f"{size:,} cases in {time.perf_counter() - started:.0f} s")
    _tidy(database)


def _name(number: int) -> str:
    return f"person_{number:02}"


def _tidy(database: Database) -> None:
    """Let nothing of the last round weigh on the next one."""
    with database.writing() as session:
        session.execute(
            text("UPDATE work SET state = 'ready', lease_until = NULL WHERE state = 'leased'")
        )
    with database.engine.connect() as connection:
        if database.location.file is None:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM ANALYZE work, work_bars")


def _ours(database: Database) -> Callable[[], Iterator[Claimer]]:
    queue = ReviewQueue(database, lambda: datetime.now(UTC), SECONDS)

    @contextmanager
    def claimer() -> Iterator[Claimer]:
        yield lambda who: queue.claim(Reviewer(who, "person"), ["general"])

    return claimer


def _raw(database: Database) -> Callable[[], Iterator[Claimer]]:
    """A connection for each reviewer, and nothing between it and the driver.

    SQLite lets one write at a time and makes the others sleep; a lock is the faster way to wait.
    """
    statement = RAW[database.engine.dialect.name]
    turn = nullcontext() if database.location.file is None else threading.Lock()

    @contextmanager
    def claimer() -> Iterator[Claimer]:
        if database.location.file is not None:
            file = database.location.file
            connection: Any = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        else:
            import psycopg  # an extra

            address = database.location.url.replace("+psycopg", "")
            connection = psycopg.connect(address, autocommit=True)
        with closing(connection):

            def claim(who: str) -> Any:
                with turn:
                    return connection.execute(statement, {"who": who}).fetchall()

            yield claim

    return claimer


def _rate(database: Database, claimer: Any, claims: int) -> float:
    """Claims in a second, connections made before the clock starts; every one gets a case."""
    calls = claims // REVIEWERS
    together = threading.Barrier(REVIEWERS + 1)
    empty: list[str] = []

    def run(who: str) -> None:
        with claimer() as claim:
            together.wait()
            for _ in range(calls):
                if not claim(who):
                    empty.append(who)
            together.wait()

    threads = [threading.Thread(target=run, args=[_name(n)]) for n in range(REVIEWERS)]
    for thread in threads:
        thread.start()
    together.wait()
    started = time.perf_counter()
    together.wait()
    seconds = time.perf_counter() - started
    for thread in threads:
        thread.join()
    _tidy(database)
    if empty:
        raise RuntimeError(f"{len(empty)} claims found nothing")
    return calls * REVIEWERS / seconds


if __name__ == "__main__":
    main()
