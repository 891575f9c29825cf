"""Claims of many people at the same moment, answered by one statement.

The same idea as in `claiming`, whose rows go to any worker. Here each row goes to one person who
may do that work; the few whose row would have been one that they are barred from ask alone.
"""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ostraka.errors import StorageError
from ostraka.storage.database import Database
from ostraka.work.leases import Lease, Leases
from ostraka.work.people import claim_for_many, claim_one
from ostraka.work.together import Together, Wanted

_PAUSES: Final = (0.005, 0.02, 0.05)
"""Rows that another process looks at are passed over; who found none looks again."""

_LOCK_ALL: Final = text("""
SELECT count(pg_advisory_xact_lock(hashtextextended(worker, 0)))
FROM (SELECT json_array_elements_text(CAST(:workers AS json)) AS worker ORDER BY 1) wanted
""")


@dataclass(slots=True, eq=False, kw_only=True)
class PersonsWish(Wanted):
    """What one person wants, and then what they got."""

    queues: tuple[str, ...]
    person: str
    seconds: float
    lease: Lease | None = None


class PeopleClaiming:
    """Claims for many people together. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = Leases(database)
        self._together = Together(self._answer)

    def claim(self, queues: Sequence[str], person: str, seconds: float) -> Lease | None:
        """The most urgent work that a person may do, out of all these queues; None if none is.

        Raises:
            StorageError: the database does not answer.
        """
        lease = self._once(queues, person, seconds)
        if self._database.location.file is not None:  # nothing is passed over there
            return lease
        for pause in _PAUSES:
            if lease is not None or not self._leases.is_ready(queues):
                break
            time.sleep(pause)
            lease = self._once(queues, person, seconds)
        return lease

    def _once(self, queues: Sequence[str], person: str, seconds: float) -> Lease | None:
        wish = PersonsWish(queues=tuple(queues), person=person, seconds=seconds)
        self._together.ask(wish)
        return wish.lease

    def _answer(self, wishes: list[PersonsWish]) -> None:
        alike: dict[tuple[tuple[str, ...], float], list[PersonsWish]] = defaultdict(list)
        for wish in wishes:
            alike[wish.queues, wish.seconds].append(wish)
        for (queues, seconds), group in alike.items():
            try:
                with self._database.writing_statements() as connection:
                    found = _grant(connection, queues, seconds, group)
            except StorageError as error:
                for wish in group:
                    wish.error = error
            else:  # only what was committed is theirs
                for wish, lease in zip(group, found, strict=True):
                    wish.lease = lease


def _grant(
    connection: Connection, queues: tuple[str, ...], seconds: float, wishes: list[PersonsWish]
) -> list[Lease | None]:
    people = list(dict.fromkeys(wish.person for wish in wishes))
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_ALL, {"workers": json.dumps(people)})
    together = claim_for_many(connection, queues, people, seconds) if len(people) > 1 else {}
    leases: list[Lease | None] = []
    exhausted: set[str] = set()
    for wish in wishes:
        lease = together.pop(wish.person, None)
        if lease is None and wish.person not in exhausted:
            lease = claim_one(connection, queues, wish.person, seconds)
        if lease is None:
            exhausted.add(wish.person)
        leases.append(lease)
    return leases
