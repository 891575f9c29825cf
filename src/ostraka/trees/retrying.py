"""Do a unit of work again where somebody else was in its way: no work is lost to a conflict."""

import time
from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, StorageError
from ostraka.storage.database import Database

T = TypeVar("T")
_JITTER: Final = Random()
"""Pauses alone are drawn from it: no outcome depends on it."""

ATTEMPTS: Final = 6
FIRST_PAUSE: Final = 0.02
"""Seconds; each further pause is up to twice as long."""
PATIENCE: Final = 30.0
"""Seconds after which it is not tried again: on SQLite each try may wait for ten by itself."""

_TRANSIENT: Final = frozenset({"40001", "40P01", "55P03", "23505"})
"""SQLSTATE: serialization failure, deadlock, lock not available, unique violation."""


def retried(
    unit: Callable[[], T],
    random: Random,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """What a unit of work gives; it is rolled back and done again where it met a conflict.

    Raises:
        ConflictError: it met one every time, or had to wait for too long.
    """
    began, met = clock(), None
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + random.random()))
        try:
            return unit()
        except (StorageError, IntegrityError) as error:
            if not is_transient(error):
                raise
            met = error
        if clock() - began > PATIENCE:
            break
    raise ConflictError(
        "Others changed the same conversation at the same moment; nothing was done, send it again.",
        code="busy",
    ) from met


def retried_unit(
    database: Database, unit: Callable[[Session], T], random: Random | None = None
) -> T:
    """What a unit of work in one transaction of a database gives, as `retried` does it."""

    def once() -> T:
        with database.writing() as session:
            return unit(session)

    return retried(once, random or _JITTER)


def is_transient(error: Exception) -> bool:
    """Whether another try may go well: two wanted the same row at once."""
    cause = error.__cause__ if isinstance(error, StorageError) else error
    if not isinstance(cause, DBAPIError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    if state is not None:
        return state in _TRANSIENT
    words = str(cause.orig)
    return "UNIQUE constraint failed" in words or "database is locked" in words
