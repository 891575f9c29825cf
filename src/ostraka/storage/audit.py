"""The audit log: who did what to what, append-only, each entry chained to the one before.

Entries are kept with the session and written when its transaction commits, after everything else.
So the lock that keeps the chain from forking is held for a moment only, and is always the last one
that a transaction takes: it cannot be part of a deadlock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, event, select, text
from sqlalchemy.orm import Session, SessionTransaction

from ostraka.storage.audit_postgresql import link_and_commit
from ostraka.storage.chain import (
    GENESIS,
    Anchor,
    Draft,
    Entry,
    Pending,
    Verification,
    check,
    digest_of,
    plain,
    said_by,
    written,
)
from ostraka.storage.tables import AuditRow
from ostraka.storage.types import UtcDateTime

LOCAL: Final = "local"
"""Who acts at the machine itself, by the command line or an open console."""

_LOCK: Final = 0x0061_7564_6974
"""Number of the advisory lock on PostgreSQL."""

_LOCK_AND_LAST: Final = (
    f"SELECT pg_advisory_xact_lock({_LOCK}); "
    "SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1"
)
_PENDING: Final = "ostraka.audit"
_AT_A_TIME: Final = 1000
_LINKED_THERE: Final = 20
"""Entries of one transaction that PostgreSQL chains itself; more are chained faster here."""
_ADD: Final = """
INSERT INTO audit_log (sequence, created_at, actor, act, subject, detail, previous_hash, hash)
VALUES (:sequence, :created_at, :actor, :act, :subject, CAST(:detail AS {json}), :previous_hash,
  :hash)
"""
_ADDS: Final = {
    dialect: text(_ADD.format(json=json)).bindparams(bindparam("created_at", type_=UtcDateTime))
    for dialect, json in (("postgresql", "json"), ("sqlite", "text"))
}
_COLUMNS: Final = tuple(getattr(AuditRow, each.name) for each in fields(Entry))

_Waiting = list[tuple[SessionTransaction | None, Pending]]


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to list, newest first; None leaves everything in."""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    """Only entries with a smaller sequence: the cursor of a page."""


def append(
    session: Session, actor: str, act: str, subject: str, detail: dict[str, Any], now: datetime
) -> None:
    """Add an entry; it is written when the session's transaction commits, or never.

    `detail` must not hold the text of an item, which may have to be erased.

    Raises:
        ValueError: the detail cannot be written as JSON, or the moment has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    pending: _Waiting = session.info.setdefault(_PENDING, [])
    draft = Draft(now, actor, act, subject, plain(detail))
    entry = Pending(draft, written(draft.detail), said_by(draft))
    pending.append((session.get_nested_transaction(), entry))


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> Verification:
    """Walk the whole log; `anchors` also reveal that its end is missing or all of it is new."""
    return check(every_entry(session), anchors)


def head(session: Session) -> Anchor | None:
    """The newest entry's place and hash; None while the log is empty."""
    found = _last(session.connection())
    return found if found.sequence else None


def list_entries(session: Session, wanted: EntryFilter, limit: int) -> list[Entry]:
    """Entries, the newest first."""
    query = _filtered(wanted).order_by(AuditRow.sequence.desc()).limit(limit)
    return [Entry(*row) for row in session.execute(query)]


def every_entry(session: Session, wanted: EntryFilter | None = None) -> Iterator[Entry]:
    """Entries in their order, a thousand in memory at a time."""
    query = _filtered(wanted or EntryFilter()).order_by(AuditRow.sequence)
    streamed = session.execute(query, execution_options={"yield_per": _AT_A_TIME})
    for row in streamed:
        yield Entry(*row)


def _filtered(wanted: EntryFilter) -> Select[Any]:
    query: Select[Any] = select(*_COLUMNS)
    for column, value in (
        (AuditRow.actor, wanted.actor),
        (AuditRow.act, wanted.act),
        (AuditRow.subject, wanted.subject),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(AuditRow.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditRow.created_at < wanted.until)
    if wanted.before is not None:
        query = query.where(AuditRow.sequence < wanted.before)
    return query


def _write(session: Session) -> None:
    """Chain what is pending; called when a transaction or a part of it is about to commit."""
    pending: _Waiting = session.info.get(_PENDING, [])
    part = session.get_nested_transaction()
    if part is not None:  # a savepoint: its entries now share the fate of what is around it
        outer = part.parent if part.parent is not None and part.parent.nested else None
        pending[:] = [(outer if each is part else each, draft) for each, draft in pending]
        return
    if not pending:
        return
    session.flush()  # whatever else locks rows does so before us
    connection, entries = session.connection(), [entry for _, entry in pending]
    is_ours = isinstance(session.get_bind(), Engine)  # else somebody else commits
    if connection.dialect.name == "postgresql" and is_ours and len(entries) <= _LINKED_THERE:
        link_and_commit(connection, _LOCK, entries)
    else:
        rows = _linked(entries, _last_alone(connection))
        connection.execute(_ADDS[connection.dialect.name], rows)
    pending.clear()


def _linked(entries: Iterable[Pending], before: Anchor) -> list[dict[str, Any]]:
    """The rows of entries that come behind `before`."""
    rows = []
    for entry in entries:
        sequence = before.sequence + 1
        after = Anchor(sequence, digest_of(before.hash, sequence, entry.said))
        row = {name: getattr(entry.draft, name) for name in ("created_at", "actor", "act")}
        row |= {"sequence": sequence, "subject": entry.draft.subject, "detail": entry.detail}
        rows.append(row | {"previous_hash": before.hash, "hash": after.hash})
        before = after
    return rows


def _forget(session: Session, ended: SessionTransaction) -> None:
    """Drop the entries of what was rolled back: a savepoint's, or all."""
    pending: _Waiting = session.info.get(_PENDING, [])
    pending[:] = [(each, draft) for each, draft in pending if ended.nested and each is not ended]


def _last_alone(connection: Connection) -> Anchor:
    """The newest entry, with nobody else about to add one until the transaction ends.

    SQLite has one writer anyway. To PostgreSQL two statements go in one trip; the second one sees
    what was committed while the first one waited.
    """
    if connection.dialect.name != "postgresql":
        return _last(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(_LOCK_AND_LAST)
        cursor.nextset()
        row = cursor.fetchone()
    finally:
        cursor.close()
    return Anchor(row[0], row[1]) if row else Anchor(0, GENESIS)


def _last(connection: Connection) -> Anchor:
    newest = select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
    row = connection.execute(newest).first()
    return Anchor(row.sequence, row.hash) if row else Anchor(0, GENESIS)


event.listen(Session, "before_commit", _write)
event.listen(Session, "after_soft_rollback", _forget)
