"""How old a running server's keys may be."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostraka.access import ring as module
from ostraka.access.keys import ApiKey, KeyTable, Scope, digest_of, new_secret
from ostraka.access.ring import FRESH, GRACE, MAX_AGE, KeyRing
from ostraka.errors import StorageError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = new_secret()
KEY = ApiKey("key_1", "a", digest_of(SECRET), frozenset({Scope.MODERATE}), NOW)


class Store:
    """Keys in memory, and a database that can be pulled out."""

    def __init__(self) -> None:
        self.keys = [KEY]
        self.used: list[Mapping[str, datetime]] = []
        self.loads = 0
        self.failure: Exception | None = None

    def load(self) -> KeyTable:
        self.loads += 1
        if self.failure:
            raise self.failure
        return KeyTable.of(self.keys, NOW)

    def note_use(self, used: Mapping[str, datetime]) -> None:
        if self.failure:
            raise self.failure
        self.used.append(used)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ring() -> tuple[KeyRing, Store, Clock]:
    store, clock = Store(), Clock()
    return KeyRing(store, store.load(), clock), store, clock


def test_requests_share_one_reading() -> None:
    async def run() -> None:
        keys, store, clock = ring()
        for _ in range(100):
            await keys.current()
        assert store.loads == 1
        clock.now = FRESH
        for _ in range(100):
            await keys.current()
        await asyncio.sleep(0.05)
        assert store.loads == 2

    asyncio.run(run())


def test_an_old_table_is_never_used() -> None:
    async def run() -> None:
        keys, store, clock = ring()
        store.keys = [replace(KEY, revoked_at=NOW)]
        clock.now = MAX_AGE
        table = await keys.current()
        assert table.find(SECRET, NOW) is None
        assert table.any_made

    asyncio.run(run())


@pytest.mark.parametrize("failure", [StorageError(), RuntimeError("unforeseen")])
def test_a_database_that_is_away_gets_some_grace_and_then_nobody_passes(
    failure: Exception,
) -> None:
    async def run() -> None:
        keys, store, clock = ring()
        store.failure = failure
        clock.now = GRACE - 1
        assert (await keys.current()).find(SECRET, NOW) == KEY
        clock.now = GRACE
        with pytest.raises(StorageError):
            await keys.current()
        store.failure = None
        assert (await keys.current()).find(SECRET, NOW) == KEY

    asyncio.run(run())


def test_a_request_waits_for_a_silent_database_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.01)

    async def run() -> None:
        keys, _, clock = ring()
        asleep = asyncio.Event()

        async def sleep() -> None:
            await asleep.wait()

        monkeypatch.setattr(keys, "_refresh", sleep)
        clock.now = GRACE - 1
        assert await keys.current()
        clock.now = GRACE
        with pytest.raises(StorageError):
            await keys.current()
        asleep.set()
        await keys.close()

    asyncio.run(run())


def test_last_use_is_written_once_a_minute_and_at_the_end() -> None:
    async def run() -> None:
        keys, store, clock = ring()
        for second in range(0, 90, 10):
            keys.use(KEY, NOW + timedelta(seconds=second))
            clock.now += FRESH
            await keys.current()
            await asyncio.sleep(0.02)
        assert [used["key_1"] for used in store.used] == [NOW, NOW + timedelta(seconds=60)]
        keys.use(KEY, NOW + timedelta(seconds=300))
        await keys.close()
        assert store.used[-1]["key_1"] == NOW + timedelta(seconds=300)

    asyncio.run(run())


def test_expiry_needs_no_reading() -> None:
    key = replace(KEY, expires_at=NOW + timedelta(seconds=1))
    table = KeyTable.of([key], NOW)
    assert table.find(SECRET, NOW) == key
    assert table.find(SECRET, NOW + timedelta(seconds=1)) is None


def test_admin_may_do_everything_and_others_what_they_name() -> None:
    for scope in Scope:
        assert replace(KEY, scopes=frozenset({Scope.ADMIN})).allows(scope)
        assert KEY.allows(scope) == (scope is Scope.MODERATE)
