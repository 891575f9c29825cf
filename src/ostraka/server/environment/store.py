"""Sessions that outlive the server's process: their logs in a SQLite file of their own.

A log is written with each answer, without waiting for the disk: `kill -9` loses nothing, a loss of
power at most the last moments, of which a play can be repeated.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ostraka.environment.environment import Log
from ostraka.environment.generator import VERSION
from ostraka.environment.randomness import digest
from ostraka.errors import StorageError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    used REAL NOT NULL,
    origin TEXT NOT NULL,
    log BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_use ON sessions (used);
"""
_BUSY_SECONDS: Final = 5.0


class StoredSession(NamedTuple):
    """A session of the file. `used` is when somebody was last there, in seconds."""

    id: str
    caller: str
    used: float
    log: Log


class SessionStore:
    """The sessions in `file`, made if need be.

    Those of another secret, generator or collection of real `items` are dropped.

    Raises:
        StorageError: the file cannot be used; so do all methods.
    """

    def __init__(self, file: Path, secret: str = "", items: str = "") -> None:
        self._origin = digest(VERSION, secret, items)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"sessions cannot be kept in {file}: {error}") from error

    def load(self, since: float) -> Iterator[StoredSession]:
        """Sessions that were used at `since` or later, oldest first; older ones are deleted."""
        self._do("DELETE FROM sessions WHERE used < ? OR origin != ?", since, self._origin)
        rows = self._do("SELECT id, caller, used, log FROM sessions ORDER BY used, id")
        for session_id, caller, used, log in rows:
            yield StoredSession(session_id, caller, used, msgspec.json.decode(log, type=Log))

    def save(self, session: StoredSession) -> None:
        """Write a session, or write it anew."""
        self._do(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)",
            session.id,
            session.caller,
            session.used,
            self._origin,
            msgspec.json.encode(session.log),
        )

    def delete(self, session_id: str) -> None:
        """Forget a session."""
        self._do("DELETE FROM sessions WHERE id = ?", session_id)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _do(self, statement: str, *values: object) -> list[tuple[str, str, float, bytes]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"sessions cannot be kept: {error}") from error
