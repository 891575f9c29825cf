"""Take work out: claim it, keep it alive, finish it, all fenced by the lease's token.

`Leases` opens a transaction of its own for each call. The functions below it belong into the
transaction that holds the work's effects: either both are written, or somebody else has the work
by now and neither is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import TextClause, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ostraka.errors import LostLeaseError
from ostraka.storage.database import Database
from ostraka.work.claiming import Claiming, Wish
from ostraka.work.queue import notify
from ostraka.work.statements import Statements, statements
from ostraka.work.tables import StepRow

ERROR_CHARACTERS: Final = 4000
"""How much of an error is kept."""

_WAIT_BRIEFLY: Final = text("SET LOCAL lock_timeout = '1s'")


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one piece of work. `attempt` counts from 1."""

    work_id: str
    queue: str
    kind: str
    payload: dict[str, Any] = field(hash=False)
    token: int
    attempt: int
    worker: str
    seconds: float
    """How long it lasts from its claim, or from its last extension."""


class Leases:
    """Claims on the work in one database. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claiming = Claiming(database)

    def claim(
        self, queues: Sequence[str], worker: str, seconds: float, limit: int = 1
    ) -> list[Lease]:
        """Lease up to `limit` ready pieces of work, from the first queue that has some onwards.

        Within a queue the highest priority comes first, then the oldest.
        """
        rows = self._claiming.claim(
            Wish(queues=tuple(queues), worker=worker, seconds=seconds, limit=limit)
        )
        return [
            Lease(
                row.id, row.queue, row.kind, row.payload, row.token, row.attempts, worker, seconds
            )
            for row in rows
        ]

    def extend(self, lease: Lease, seconds: float | None = None) -> None:
        """Make a lease last another `seconds` from now, its own length if not given.

        Raises:
            LostLeaseError: it ran out and was taken back, or its work was cancelled.
        """
        with self._database.writing_statements() as connection:
            if connection.dialect.name == "postgresql":
                # The row may be locked by the very transaction that the lease is for. Its guard
                # has extended the lease, so there is no need to wait.
                connection.execute(_WAIT_BRIEFLY)
            length = lease.seconds if seconds is None else seconds
            _fenced(connection, lease, _of(connection).extend, seconds=length)

    def release(self, lease: Lease) -> None:
        """Give work back undone, no attempt counted; nothing happens where the lease is lost."""
        with self._database.writing_statements() as connection:
            values = {"id": lease.work_id, "token": lease.token}
            if connection.execute(_of(connection).release, values).rowcount:
                notify(connection, [lease.queue])

    def fail(self, lease: Lease, error: str, retry_in: timedelta | None) -> None:
        """Record a failed attempt: another one after `retry_in`, or none if that is None.

        Work without another attempt, or whose attempts are used up, is dead and stays to be seen.

        Raises:
            LostLeaseError: the work is no longer leased here.
        """
        with self._database.writing_statements() as connection:
            if retry_in is None:
                _fenced(connection, lease, _of(connection).bury, error=_short(error))
            else:
                _fenced(
                    connection,
                    lease,
                    _of(connection).retry,
                    error=_short(error),
                    seconds=retry_in.total_seconds(),
                )

    def sweep(self, limit: int = 100) -> int:
        """Take back leases that ran out, and make ready what is due; returns how many rows.

        Work whose lease ran out is ready again, or dead when its attempts are used up.
        """
        with self._database.writing_statements() as connection:
            every = _of(connection)
            queues: list[str] = []
            for statement in (every.sweep_leased, every.sweep_waiting):
                queues += connection.scalars(statement, {"limit": limit})
            notify(connection, set(queues))
        return len(queues)

    def is_ready(self, queues: Sequence[str]) -> bool:
        """Whether a claim would find something; only reads."""
        with self._database.reading() as session:
            return bool(session.scalar(_in(session).is_ready, {"queues": list(queues)}))

    def is_due(self) -> bool:
        """Whether a sweep would find something; only reads."""
        with self._database.reading() as session:
            return bool(session.scalar(_in(session).is_due))

    def held(self, leases: Collection[Lease]) -> set[Lease]:
        """Which of these leases still hold; only reads."""
        with self._database.reading() as session:
            ids = [lease.work_id for lease in leases]
            tokens = {
                row.id: row.token for row in session.execute(_in(session).leased, {"ids": ids})
            }
        return {lease for lease in leases if tokens.get(lease.work_id) == lease.token}


def guard(session: Session, lease: Lease) -> None:
    """Make the rest of this transaction depend on the lease, and extend it.

    The row is locked until the transaction ends: keep it short.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    connection = session.connection()
    _fenced(connection, lease, _of(connection).extend, seconds=lease.seconds)


def complete(session: Session, lease: Lease) -> None:
    """Finish work in the transaction that holds its effects.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    connection = session.connection()
    _fenced(connection, lease, _of(connection).complete)


def give_up(session: Session, lease: Lease, error: str) -> None:
    """Make work dead in the caller's transaction: another attempt would not help.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    connection = session.connection()
    _fenced(connection, lease, _of(connection).bury, error=_short(error))


def put_off(session: Session, lease: Lease, error: str, pause: timedelta) -> None:
    """Record a failed attempt in the caller's transaction; the next one follows after `pause`.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    connection = session.connection()
    seconds = pause.total_seconds()
    _fenced(connection, lease, _of(connection).retry, error=_short(error), seconds=seconds)


def postpone(session: Session, lease: Lease, pause: timedelta) -> None:
    """Give work back undone until `pause` is over, no attempt counted.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    connection = session.connection()
    _fenced(connection, lease, _of(connection).postpone, seconds=pause.total_seconds())


def step(session: Session, lease: Lease, name: str) -> dict[str, Any] | None:
    """What a step of this work gave when it was done, by whichever attempt; None if it was not.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    guard(session, lease)
    wanted = select(StepRow.result).where(StepRow.work_id == lease.work_id, StepRow.name == name)
    return session.scalar(wanted)


def remember(session: Session, lease: Lease, name: str, result: dict[str, Any]) -> None:
    """Note that a step is done, in the transaction that holds its effect.

    Raises:
        LostLeaseError: the work is no longer leased here; the transaction must roll back.
    """
    guard(session, lease)
    session.add(StepRow(work_id=lease.work_id, name=name, result=result))
    session.flush()


def _fenced(connection: Connection, lease: Lease, statement: TextClause, **values: object) -> None:
    fence = {"id": lease.work_id, "token": lease.token}
    if not connection.execute(statement, fence | values).rowcount:
        raise LostLeaseError


def _short(error: str) -> str:
    return error[:ERROR_CHARACTERS]


def _of(connection: Connection) -> Statements:
    return statements(connection.dialect.name)


def _in(session: Session) -> Statements:
    return statements(session.get_bind().dialect.name)
