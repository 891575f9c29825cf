"""Threads of one process that claim at the same time are served by one statement.

A claim's cost is mostly its round trip or its commit, whatever the number of rows; `together` says
how callers gather.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ostraka.errors import StorageError
from ostraka.storage.database import Database
from ostraka.work.statements import statements
from ostraka.work.together import Together, Wanted


@dataclass(slots=True, eq=False, kw_only=True)
class Wish(Wanted):
    """What one caller wants, and then what it got."""

    queues: tuple[str, ...]
    worker: str
    seconds: float
    limit: int
    rows: list[Any] = field(default_factory=list)


class Claiming:
    """Claims for many callers together. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._answer)

    def claim(self, wish: Wish) -> list[Any]:
        """Rows for a wish, best first.

        Raises:
            StorageError: the database does not answer.
        """
        self._together.ask(wish)
        return sorted(wish.rows, key=lambda row: (wish.queues.index(row.queue), *_rank(row)))

    def _answer(self, wishes: list[Wish]) -> None:
        alike: dict[tuple[tuple[str, ...], float], list[Wish]] = defaultdict(list)
        for wish in wishes:
            alike[wish.queues, wish.seconds].append(wish)
        try:
            for (queues, seconds), group in alike.items():
                self._grant(queues, seconds, group)
        except StorageError as error:
            for wish in wishes:
                wish.error = None if wish.rows else error

    def _grant(self, queues: Iterable[str], seconds: float, wishes: list[Wish]) -> None:
        with self._database.committing_each() as connection:
            statement = statements(connection.dialect.name).claim
            for queue in queues:
                open_wishes = [wish for wish in wishes if len(wish.rows) < wish.limit]
                names = [w.worker for w in open_wishes for _ in range(w.limit - len(w.rows))]
                if not names:
                    return
                values = {"queue": queue, "seconds": seconds, "limit": len(names)}
                found = connection.execute(statement, values | {"workers": json.dumps(names)})
                _hand_out(sorted(found.all(), key=_rank), open_wishes)


def _hand_out(rows: Iterable[Any], wishes: Iterable[Wish]) -> None:
    """Each row to a wish of the worker that it was leased to."""
    by_worker: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_worker[row.worker].append(row)
    for wish in wishes:
        own = by_worker[wish.worker]
        count = wish.limit - len(wish.rows)
        wish.rows += own[:count]
        del own[:count]


def _rank(row: Any) -> tuple[int, str]:
    return -row.priority, row.id
