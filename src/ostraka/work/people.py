"""Work for people: what it is about, and who must not get it.

A person's work is leased like a machine's, in the caller's transaction, with two more conditions:
nobody gets work about a subject that they are barred from, and nobody holds two pieces of work
about one subject. So what two people shall judge is two pieces of work with one subject.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ostraka.work.leases import Lease
from ostraka.work.people_statements import PeopleStatements, people_statements
from ostraka.work.statements import statements
from ostraka.work.tables import UNFINISHED, BarRow, State, WorkRow

NEVER_GIVEN_UP: Final = 1_000_000
"""Attempts of people's work: a lease that runs out is no failure of the work."""


_BRIEFLY: Final = 60.0
"""Seconds of a lease that only has to last until its work is completed in the same transaction."""

_BAR: Final = text(
    "INSERT INTO work_bars (subject, worker, reason) VALUES (:subject, :worker, :reason) "
    "ON CONFLICT DO NOTHING"
)
_NOBODYS: Final = text("UPDATE work SET worker = NULL WHERE id = :id")
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:worker, 0))")
"""Two claims by one person at the same moment could both get work about one subject."""


@dataclass(frozen=True, slots=True)
class Held:
    """A person's lease, and since when they have been at the work."""

    lease: Lease
    begun_at: datetime


def claim_for(session: Session, queues: Sequence[str], person: str, seconds: float) -> Lease | None:
    """Lease the most urgent work that a person may do, out of all these queues.

    None if there is none for them: what they are barred from or hold already is passed over.
    """
    connection = session.connection()
    _one_at_a_time(connection, person)
    return claim_one(connection, queues, person, seconds)


def claim_one(
    connection: Connection, queues: Sequence[str], person: str, seconds: float
) -> Lease | None:
    """The statement of `claim_for`, where nobody claims for the same person meanwhile."""
    if not queues:
        return None
    values = _named(queues) | {"worker": person, "seconds": seconds, "limit": 1}
    row = connection.execute(_of(connection, len(queues)).claim, values).first()
    return None if row is None else _lease(row, seconds)


def claim_for_many(
    connection: Connection, queues: Sequence[str], people: Sequence[str], seconds: float
) -> dict[str, Lease]:
    """The most urgent pieces of work to several people at once, one each.

    Who is barred from the piece that would be theirs is left out, and may still `claim_for`.
    """
    workers = json.dumps(people)
    values = _named(queues) | {"workers": workers, "seconds": seconds, "limit": len(people)}
    rows = connection.execute(_of(connection, len(queues)).claim_many, values).all()
    return {row.worker: _lease(row, seconds) for row in rows}


def take(session: Session, subject: str, person: str, seconds: float) -> Lease | None:
    """Lease work about one subject; None if none is free, or the person is barred from it."""
    connection = session.connection()
    _one_at_a_time(connection, person)
    values = {"subject": subject, "worker": person, "seconds": seconds}
    row = connection.execute(_of(connection).take_subject, values).first()
    return None if row is None else _lease(row, seconds)


def hold(session: Session, subject: str, person: str, seconds: float) -> Held | None:
    """A person's lease on work about a subject, extended; the row is locked from here on.

    A lease that ran out is theirs again as long as nobody else took the work: people who were slow
    should not lose what they did. None otherwise.
    """
    connection = session.connection()
    _one_at_a_time(connection, person)
    every = _of(connection)
    values = {"subject": subject, "worker": person}
    row = connection.execute(every.held, values).first()
    if row is not None:
        fence = {"id": row.id, "token": row.token, "seconds": seconds}
        if not connection.execute(statements(connection.dialect.name).extend, fence).rowcount:
            row = None
    if row is None:
        row = connection.execute(every.regain, values | {"seconds": seconds}).first()
    return None if row is None else Held(_lease(row, seconds), row.begun_at)


def finish(session: Session, subject: str, person: str) -> datetime | None:
    """Complete a person's work about a subject; since when they have been at it.

    Whoever was slow may do so too, as long as nobody else took the work. None if they do not hold
    it.
    """
    connection = session.connection()
    _one_at_a_time(connection, person)
    values = {"subject": subject, "worker": person}
    begun: datetime | None = connection.scalar(_of(connection).finish, values)
    if begun is None and hold(session, subject, person, _BRIEFLY) is not None:
        begun = connection.scalar(_of(connection).finish, values)
    return begun


def give_back(session: Session, lease: Lease) -> bool:
    """Put leased work back, in the caller's transaction; returns whether the lease still held.

    Unlike one whose lease ran out, whoever gave work back cannot go on with it unasked.
    """
    connection = session.connection()
    values = {"id": lease.work_id, "token": lease.token}
    released = connection.execute(statements(connection.dialect.name).release, values).rowcount
    if released:
        connection.execute(_NOBODYS, {"id": lease.work_id})
    return bool(released)


def bar(session: Session, subject: str, workers: Iterable[str], reason: str) -> None:
    """Let none of these get work about a subject; who is barred already stays so."""
    rows = [
        {"subject": subject, "worker": each, "reason": reason} for each in dict.fromkeys(workers)
    ]
    if rows:
        session.connection().execute(_BAR, rows)


def unbar(session: Session, subject: str, worker: str, reason: str) -> None:
    """Lift a bar, if it is there for this reason."""
    session.execute(
        delete(BarRow).where(
            BarRow.subject == subject, BarRow.worker == worker, BarRow.reason == reason
        )
    )


def is_barred(session: Session, subject: str, worker: str) -> bool:
    """Whether somebody must not get work about a subject."""
    found = exists().where(BarRow.subject == subject, BarRow.worker == worker)
    return bool(session.scalar(select(found)))


def prioritise(session: Session, subject: str, priority: int) -> None:
    """Give all unfinished work about a subject another priority."""
    session.execute(
        update(WorkRow)
        .where(WorkRow.subject == subject, WorkRow.state.in_(UNFINISHED))
        .values(priority=priority)
    )


def cancel_about(session: Session, subject: str, now: datetime) -> int:
    """End all unfinished work about a subject; returns how much there was."""
    result = session.connection().execute(
        update(WorkRow)
        .where(WorkRow.subject == subject, WorkRow.state.in_(UNFINISHED))
        .values(state=str(State.CANCELLED), lease_until=None, finished_at=now)
    )
    return result.rowcount


def holders(session: Session, subject: str) -> Sequence[str]:
    """Who holds work about a subject now."""
    rows = session.scalars(
        select(WorkRow.worker).where(WorkRow.subject == subject, WorkRow.state == State.LEASED)
    )
    return [worker for worker in rows if worker is not None]


def _one_at_a_time(connection: Connection, person: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(_ONE_AT_A_TIME, {"worker": person})


def _named(queues: Sequence[str]) -> dict[str, Any]:
    return {f"queue_{number}": queue for number, queue in enumerate(queues)}


def _of(connection: Connection, queues: int = 1) -> PeopleStatements:
    return people_statements(connection.dialect.name, queues)


def _lease(row: Any, seconds: float) -> Lease:
    return Lease(
        row.id, row.queue, row.kind, row.payload, row.token, row.attempts, row.worker, seconds
    )
