"""The keys of a running server: in memory, never older than a few seconds.

No request asks the database. A table of all active keys is read again in the background once it
is a second old and requests come in; a request waits for that only if the table is older than
`MAX_AGE`, so a new or revoked key is noticed within that time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ostraka.access.keys import ApiKey, KeyTable
from ostraka.errors import StorageError

FRESH: Final = 1.0
"""Seconds for which a table is taken as it is."""

MAX_AGE: Final = 3.0
"""Seconds after which requests wait for a new table."""

GRACE: Final = 30.0
"""Seconds for which the last table serves while the database does not answer: a fail-over takes
about that long. After that requests are refused."""

WAIT: Final = 2.0
"""Seconds that a request waits for a new table."""

_NOTE_USE_EVERY: Final = timedelta(minutes=1)

_log = logging.getLogger("ostraka.access")


class KeyStore(Protocol):
    """Where keys are kept. Both calls may block; they run in a thread."""

    def load(self) -> KeyTable:
        """All keys, as of now."""

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """Remember when keys were last used."""


class KeyRing:
    """Finds a request's key. One per application; used from its event loop only."""

    def __init__(
        self, store: KeyStore, table: KeyTable, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._table = table
        self._clock = clock
        self._loaded = clock()
        self._refreshing: asyncio.Task[None] | None = None
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}

    @property
    def table(self) -> KeyTable:
        """The table as it was last read."""
        return self._table

    def fresh(self) -> KeyTable | None:
        """The table, where it need not be read again; nearly every request is served by this."""
        return self._table if self._clock() - self._loaded < FRESH else None

    async def current(self) -> KeyTable:
        """The table, at most `MAX_AGE` old while the database answers.

        Raises:
            StorageError: the database has not answered for longer than `GRACE`.
        """
        age = self._clock() - self._loaded
        if age < FRESH:
            return self._table
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        if age >= MAX_AGE:
            await asyncio.wait({self._refreshing}, timeout=WAIT)
            if self._clock() - self._loaded >= GRACE:
                raise StorageError
        return self._table

    async def renew(self) -> None:
        """Read the table again now: a key or person was changed by this very process."""
        if self._refreshing is not None:
            await asyncio.wait({self._refreshing})
        self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.wait({self._refreshing})

    def use(self, key: ApiKey, now: datetime) -> None:
        """Remember that a key was used; written at most once a minute."""
        noted = self._noted.get(key.id, key.last_used_at)
        if noted is None or now - noted >= _NOTE_USE_EVERY:
            self._used[key.id] = now

    async def close(self) -> None:
        """Write what is still to be remembered."""
        if self._refreshing is not None:
            await self._refreshing
        await asyncio.to_thread(self._note_use)

    async def _refresh(self) -> None:
        try:
            table = await asyncio.to_thread(self._store.load)
        except Exception as error:  # whatever it was, `current` must see the table grow old
            _log.warning("keys could not be read again: %s", error)
            return
        self._table = table
        self._loaded = self._clock()
        if self._used:
            await asyncio.to_thread(self._note_use)

    def _note_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            self._store.note_use(used)
        except Exception as error:  # a nicety that must not end the refreshing
            _log.warning("the last use of keys could not be kept: %s", error)
        self._noted |= used


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)
