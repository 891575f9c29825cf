"""Put work in, in the caller's transaction: a decision and what follows from it commit together."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ostraka.storage.ids import new_id
from ostraka.work.statements import CHANNEL, statements
from ostraka.work.tables import WorkRow

_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :queue)")


def enqueue(
    session: Session,
    *,
    queue: str,
    kind: str,
    payload: dict[str, Any],
    key: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    max_attempts: int = 5,
    subject: str | None = None,
) -> str:
    """Add a piece of work; returns its id. Higher priority first, then the older.

    `kind` names the handler that will do it. With a `key` it is there once: where the key is
    known, whatever became of its work, nothing is added and that work's id returned. With a
    `run_at` to come it waits until then. People's work is about a `subject` (see `people`).
    """
    values = {
        "queue": queue,
        "kind": kind,
        "payload": payload,
        "key": key,
        "priority": priority,
        "run_at": run_at,
        "max_attempts": max_attempts,
        "subject": subject,
    }
    statement = statements(session.get_bind().dialect.name).enqueue
    while True:
        work_id = new_id("work")
        state = session.scalar(statement, values | {"id": work_id})
        if state is not None:
            if state == "ready":
                notify(session.connection(), [queue])
            return work_id
        known = session.scalar(select(WorkRow.id).where(WorkRow.key == key))
        if known is not None:  # None: it was deleted in between
            return known


def cancel(session: Session, work_id: str) -> bool:
    """End work that is not finished; returns whether it was so.

    Work under way ends with its worker's next look, about a second later. Whatever it still wants
    to write rolls back.
    """
    statement = statements(session.get_bind().dialect.name).cancel
    return bool(session.connection().execute(statement, {"id": work_id}).rowcount)


def withdraw(session: Session, work_id: str) -> bool:
    """End work that nobody has ever begun; returns whether it was so.

    Unlike `cancel`, this makes sure that none of the work's effects has happened.
    """
    statement = statements(session.get_bind().dialect.name).withdraw
    return bool(session.connection().execute(statement, {"id": work_id}).rowcount)


def retry(session: Session, work_id: str) -> bool:
    """Make dead or cancelled work ready again, its attempts counted anew.

    Returns whether it was dead or cancelled. The memos of its steps stay: what was done is not
    done again.
    """
    connection = session.connection()
    queue = connection.scalar(statements(connection.dialect.name).revive, {"id": work_id})
    if queue is not None:
        notify(connection, [queue])
    return queue is not None


def forget(session: Session, before: datetime, limit: int = 1000) -> int:
    """Delete work that was done or cancelled by a moment; returns how many rows, `limit` at most.

    Their keys are free again. Dead work stays until somebody has looked at it.
    """
    connection = session.connection()
    statement = statements(connection.dialect.name).forget
    return connection.execute(statement, {"before": before, "limit": limit}).rowcount


def notify(connection: Connection, queues: Iterable[str]) -> None:
    """Wake workers when this transaction commits; they poll where the database cannot tell them."""
    if connection.dialect.name == "postgresql":
        for queue in queues:
            connection.execute(_NOTIFY, {"queue": queue})
