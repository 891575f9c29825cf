"""One database: its engine, made on first use, and sessions for reading and writing."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, Self

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from ostraka.errors import MissingExtraError, SettingsError, StorageError
from ostraka.storage import documents, schema
from ostraka.storage.location import Location
from ostraka.storage.turns import Turns

BUSY_SECONDS: Final = 10.0
"""How long to wait for another writer (SQLite) or a connection (PostgreSQL)."""
_CACHE_KIBIBYTES: Final = 16 * 1024
"""Of a SQLite connection. In the 2 MiB that it has by itself, the queue's indexes find no room from
some 100 thousand open cases on, and claims took half as long again at a million."""


class Database:
    """SQLite or PostgreSQL behind one face. Threads may share it.

    Nothing is opened before the first session; that one brings the schema up to date.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._lock = threading.Lock()
        self._turns = Turns()
        self._ready = False
        self._engine: Engine | None = None

    @classmethod
    def at(cls, url: str) -> Self:
        """The database at an address of the setting `database_url`."""
        return cls(Location.parse(url))

    @property
    def engine(self) -> Engine:
        """The engine, its schema not looked at."""
        if self._engine is None:
            self._engine = _make_engine(self.location)
        return self._engine

    @cached_property
    def _writer(self) -> Engine:
        return self.engine.execution_options(sqlite_begin="IMMEDIATE")

    def prepare(self) -> None:
        """Bring the schema up to date, once; many processes may do so at the same time.

        Raises:
            StorageError: the database does not answer, or a newer Ostraka has changed it.
        """
        with self._lock:
            if not self._ready:
                with _failures():
                    schema.upgrade(self.engine)
                self._ready = True

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        self.prepare()
        with _failures(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at its end, or leaves no trace if anything fails.

        On SQLite it is the one writer from its beginning, so that no two wait for each other.
        """
        self.prepare()
        with self._taking_turns(), _failures(), Session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def writing_statements(self) -> Iterator[Connection]:
        """Like `writing`, without the session's unit of work: for statements on hot paths."""
        self.prepare()
        with self._taking_turns(), _failures(), self._writer.begin() as connection:
            yield connection

    def revision(self) -> str | None:
        """The schema's revision, None where there is nothing yet."""
        with _failures(), self.engine.connect() as connection:
            return schema.current(connection)

    def downgrade(self, revision: str) -> None:
        """Take the schema back to `revision`, `base` for nothing."""
        with self._lock, _failures():
            schema.downgrade(self.engine, revision)
            self._ready = False

    @contextmanager
    def committing_each(self) -> Iterator[Connection]:
        """Like `writing_statements`, but what a statement did may stay although a later one fails.

        Saves PostgreSQL two round trips. SQLite has none, and there each transaction is begun by
        us: without one, its writes would be rolled back when the connection goes home.
        """
        if self.location.file is not None:
            with self.writing_statements() as connection:
                yield connection
            return
        self.prepare()
        writer = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with _failures(), writer.connect() as connection:
            yield connection

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """On SQLite, let the threads of this process write one after the other.

        SQLite makes waiting writers sleep and try again, in no order: with many of them one may
        wait for seconds. Ours come in the order in which they asked.
        """
        if self.location.file is None:
            yield
            return
        if not self._turns.take(BUSY_SECONDS):
            raise StorageError("The database is busy: another write takes too long.")
        try:
            yield
        finally:
            self._turns.pass_on()

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageError from error
    except (OperationalError, InterfaceError) as error:
        raise StorageError(f"The database does not answer: {error.orig}") from error
    except sqlite3.OperationalError as error:  # of the statement that begins a transaction
        raise StorageError(f"The database does not answer: {error}") from error


def _make_engine(location: Location) -> Engine:
    """An engine whose errors never quote the values of a statement: they may end in a log."""
    if location.file is None:
        return _make_postgresql(location.url)
    try:
        location.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"No folder for the database: {error}") from error
    engine = create_engine(
        location.url,
        hide_parameters=True,
        json_serializer=documents.written,
        connect_args={"timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_postgresql(url: str) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            json_serializer=documents.written,
            pool_pre_ping=True,
            pool_timeout=BUSY_SECONDS,
            connect_args={"connect_timeout": int(BUSY_SECONDS)},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("postgresql", "A PostgreSQL database") from error
    except (ArgumentError, ValueError):  # they may quote the address, password and all
        raise SettingsError("setting 'database_url': not a PostgreSQL address") from None


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Foreign keys held, readers beside the writer, and transactions begun by us alone."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:
    """Turn on the write-ahead log; costs nothing where it is on.

    Where two processes do so at once, SQLite fails instead of waiting, so the waiting is ours.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"BEGIN {kind}")  # by the driver: it stands before every transaction
