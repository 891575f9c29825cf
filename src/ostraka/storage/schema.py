"""Bring a database's schema forward or back, one process at a time.

The whole way is one transaction, and that transaction is the lock: SQLite has one writer, and on
PostgreSQL an advisory lock ends with it. What fails half-way leaves the old schema.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import Connection

from ostraka.errors import StorageError

HEAD: Final = "0015"
"""The newest revision; kept here so that a start need not load Alembic to compare."""

_LOCK: Final = 0x0057_7261_6B61
"""Number of the advisory lock on PostgreSQL."""


def upgrade(engine: Engine, revision: str = HEAD) -> None:
    """Bring the schema forward to `revision`; costs one query when it is there already.

    Raises:
        StorageError: the database was changed by a newer Ostraka.
    """
    with _alone(engine) as connection:
        if current(connection) != revision:
            _run("upgrade", connection, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision`, `base` for nothing; what has no place there is lost."""
    with _alone(engine) as connection:
        _run("downgrade", connection, revision)


def current(connection: Connection) -> str | None:
    """The revision that the database is at, None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # Changing a table on SQLite means copying it, which needs foreign keys off; that
            # switch only works outside of a transaction, so it goes to the driver.
            driver = connection.connection
            driver.cursor().execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.execution_options(sqlite_begin="IMMEDIATE").begin():
                    yield connection
                    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise StorageError("A migration would break references between rows.")
            finally:
                driver.cursor().execute("PRAGMA foreign_keys = ON")
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection


def _run(command: str, connection: Connection, revision: str) -> None:
    # Alembic takes 0.4 s to import and is needed only when the schema changes.
    from alembic import command as commands
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "ostraka.storage:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        getattr(commands, command)(config, revision)
    except CommandError as error:
        raise StorageError(
            f"The database's schema is not one that this version knows ({error}). "
            "Was it changed by a newer Ostraka?"
        ) from error
