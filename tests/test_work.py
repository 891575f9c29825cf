"""The contract of leased work, on both databases."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest
from sqlalchemy import create_engine, text
from working import NOW, add, row, states

from ostraka.access.keys import Scope
from ostraka.access.store import all_keys, create_key
from ostraka.errors import LostLeaseError
from ostraka.storage import schema
from ostraka.storage.database import Database
from ostraka.storage.location import Location
from ostraka.work.leases import Lease, Leases, complete, give_up, guard, remember, step
from ostraka.work.queue import cancel, enqueue, forget, retry

LONG = 60.0
OVER = 0.0
"""A lease that has run out at once."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


def claim(leases: Leases, seconds: float = LONG, queue: str = "q") -> Lease:
    [lease] = leases.claim([queue], "me", seconds)
    return lease


def test_claims_are_persisted(database: Database, leases: Leases) -> None:
    """An engine whose `begin` event and isolation level disagree loses writes without a word."""
    add(database, 3)
    claimed = leases.claim(["q"], "me", LONG, limit=2)
    assert len(claimed) == 2
    other = create_engine(Location.parse(database.location.url).url)
    with other.connect() as connection:
        found = connection.execute(text("SELECT id, token, worker FROM work WHERE state='leased'"))
        assert {tuple(each) for each in found} == {(each.work_id, 1, "me") for each in claimed}
    other.dispose()


def test_highest_priority_then_oldest_first(database: Database, leases: Leases) -> None:
    low = add(database, 2, priority=-1)
    middle = add(database, 2)
    high = add(database, 2, priority=7)
    assert [each.work_id for each in leases.claim(["q"], "me", LONG, 10)] == high + middle + low
    assert leases.claim(["q"], "me", LONG) == []


def test_queues_in_order(database: Database, leases: Leases) -> None:
    [second] = add(database, queue="second", priority=100)
    [first] = add(database, queue="first")
    add(database, queue="other")
    claimed = leases.claim(["first", "second"], "me", LONG, 10)
    assert [each.work_id for each in claimed] == [first, second]
    assert leases.claim(["first", "second"], "me", LONG) == []
    assert leases.is_ready(["other"])
    assert not leases.is_ready(["first", "second"])


def test_a_lease_knows_its_work(database: Database, leases: Leases) -> None:
    payload = {"text": "ä'\\\"", "deep": [1, {"b": None}]}
    [work_id] = add(database, payload=payload, kind="kind")
    lease = claim(leases)
    assert lease == Lease(work_id, "q", "kind", payload, 1, 1, "me", LONG)
    kept = row(database, work_id)
    left = kept.lease_until - datetime.now(UTC)
    assert timedelta(seconds=LONG - 30) < left < timedelta(seconds=LONG + 30)


def test_work_commits_with_what_it_follows_from(database: Database, leases: Leases) -> None:
    with pytest.raises(RuntimeError), database.writing() as session:
        enqueue(session, queue="q", kind="k", payload={})
        raise RuntimeError
    assert leases.claim(["q"], "me", LONG) == []


def test_a_key_is_there_once(database: Database, leases: Leases) -> None:
    [first] = add(database, key="once")
    assert add(database, 3, key="once") == [first] * 3
    lease = claim(leases)
    with database.writing() as session:
        complete(session, lease)
    assert add(database, key="once") == [first]
    assert states(database) == {first: "done"}
    assert add(database, key="another") != [first]


def test_what_is_to_come_waits(database: Database, leases: Leases) -> None:
    database.prepare()  # on a busy machine that may take longer than what is to come
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    [due] = add(database, run_at=datetime.now(UTC) - timedelta(hours=1))
    [waiting] = add(database, run_at=soon)
    assert states(database) == {due: "ready", waiting: "waiting"}
    assert not leases.is_due()
    assert leases.sweep() == 0
    while not leases.is_due():
        threading.Event().wait(0.05)
    assert datetime.now(UTC) > soon - timedelta(seconds=0.05)
    assert leases.sweep() == 1
    assert [each.work_id for each in leases.claim(["q"], "me", LONG, 5)] == [due, waiting]


def test_a_lost_lease_can_write_nothing(database: Database, leases: Leases) -> None:
    [work_id] = add(database)
    old = claim(leases, OVER)
    assert leases.sweep() == 1
    new = claim(leases)
    assert (new.token, new.attempt) == (2, 2)
    with pytest.raises(LostLeaseError):
        leases.extend(old)
    with pytest.raises(LostLeaseError):
        leases.fail(old, "late", NOW)
    leases.release(old)
    for fenced in (
        lambda session: guard(session, old),
        lambda session: complete(session, old),
        lambda session: give_up(session, old, "late"),
        lambda session: step(session, old, "one"),
        lambda session: remember(session, old, "one", {}),
    ):
        with pytest.raises(LostLeaseError), database.writing() as session:
            create_key(session, "effect", [Scope.ADMIN], datetime.now(UTC))
            fenced(session)
    with database.reading() as session:
        assert all_keys(session) == [], "what came before the guard rolled back with it"
    kept = row(database, work_id)
    assert (kept.state, kept.token, kept.last_error[:13]) == ("leased", 2, "The lease ran")
    assert leases.held([old, new]) == {new}


def test_effects_commit_with_the_end_of_the_work(database: Database, leases: Leases) -> None:
    [work_id] = add(database)
    lease = claim(leases)
    with pytest.raises(RuntimeError), database.writing() as session:
        complete(session, lease)
        raise RuntimeError
    assert states(database) == {work_id: "leased"}
    with database.writing() as session:
        create_key(session, "effect", [Scope.ADMIN], datetime.now(UTC))
        complete(session, lease)
    kept = row(database, work_id)
    assert kept.state == "done"
    assert kept.lease_until is None
    assert abs(kept.finished_at - datetime.now(UTC)) < timedelta(seconds=30)
    with pytest.raises(LostLeaseError), database.writing() as session:
        complete(session, lease)


def test_a_lease_held_by_an_open_transaction_is_not_taken(
    database: Database, leases: Leases
) -> None:
    if database.location.file is not None:
        pytest.skip("SQLite has one writer: nobody else can take anything meanwhile")
    add(database)
    lease = claim(leases, OVER)
    with database.writing() as session:
        step(session, lease, "one")
        assert leases.sweep() == 0
        assert leases.claim(["q"], "other", LONG) == []
        complete(session, lease)


def test_steps_are_remembered_for_the_next_attempt(database: Database, leases: Leases) -> None:
    add(database, 2)
    lease = claim(leases, OVER)
    with database.writing() as session:
        assert step(session, lease, "one") is None
        remember(session, lease, "one", {"rows": 3})
        assert step(session, lease, "one") == {"rows": 3}
    with pytest.raises(RuntimeError), database.writing() as session:
        remember(session, lease, "two", {})
        raise RuntimeError
    assert leases.sweep() == 1
    again = claim(leases)
    with database.writing() as session:
        assert step(session, again, "one") == {"rows": 3}
        assert step(session, again, "two") is None
    other = claim(leases)
    with database.writing() as session:
        assert step(session, other, "one") is None


def test_extending_keeps_a_lease(database: Database, leases: Leases) -> None:
    [work_id] = add(database)
    lease = claim(leases, OVER)
    leases.extend(lease, LONG)
    assert not leases.is_due()
    assert leases.sweep() == 0
    assert row(database, work_id).lease_until > datetime.now(UTC) + timedelta(seconds=LONG / 2)


def test_released_work_is_as_it_was(database: Database, leases: Leases) -> None:
    [work_id] = add(database, max_attempts=1)
    for token in range(1, 4):
        lease = claim(leases)
        assert (lease.token, lease.attempt) == (token, 1)
        leases.release(lease)
        leases.release(lease)
    kept = row(database, work_id)
    assert (kept.state, kept.attempts, kept.lease_until) == ("ready", 0, None)


def test_failed_work_waits_and_then_dies(database: Database, leases: Leases) -> None:
    [work_id] = add(database, max_attempts=2)
    leases.fail(claim(leases), "first", NOW)
    assert states(database) == {work_id: "waiting"}
    assert leases.sweep() == 1
    leases.fail(claim(leases), "second " + "x" * 10_000, timedelta(hours=1))
    kept = row(database, work_id)
    assert (kept.state, kept.attempts, kept.last_error[:7]) == ("dead", 2, "second ")
    assert len(kept.last_error) < 5000
    assert kept.finished_at is not None


def test_failed_work_is_not_due_before_its_time(database: Database, leases: Leases) -> None:
    [work_id] = add(database)
    leases.fail(claim(leases), "later", timedelta(hours=1))
    assert leases.sweep() == 0
    assert row(database, work_id).run_at > datetime.now(UTC) + timedelta(minutes=59)


def test_dead_at_once(database: Database, leases: Leases) -> None:
    one, two = add(database, 2)
    leases.fail(claim(leases), "of no use", None)
    lease = claim(leases)
    with database.writing() as session:
        give_up(session, lease, "of no use")
    assert states(database) == {one: "dead", two: "dead"}


def test_leases_that_run_out_use_up_attempts(database: Database, leases: Leases) -> None:
    [work_id] = add(database, max_attempts=2)
    for expected in ("ready", "dead"):
        claim(leases, OVER)
        assert leases.is_due()
        assert leases.sweep() == 1
        assert states(database) == {work_id: expected}
    assert "me did not extend" in row(database, work_id).last_error


def test_a_sweep_is_bounded(database: Database, leases: Leases) -> None:
    add(database, 5)
    leases.claim(["q"], "me", OVER, 5)
    assert [leases.sweep(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_cancelling(database: Database, leases: Leases) -> None:
    leased, ready = add(database, 2)
    [waiting] = add(database, run_at=datetime.now(UTC) + timedelta(hours=1))
    lease = claim(leases)
    with database.writing() as session:
        assert [cancel(session, each) for each in (leased, ready, waiting)] == [True] * 3
        assert not cancel(session, leased)
        assert not cancel(session, "work_nothing")
    assert set(states(database).values()) == {"cancelled"}
    assert leases.held([lease]) == set()
    with pytest.raises(LostLeaseError):
        leases.extend(lease)


def test_the_dead_can_be_tried_again(database: Database, leases: Leases) -> None:
    [work_id] = add(database, max_attempts=1)
    leases.fail(claim(leases), "dead", None)
    with database.writing() as session:
        assert retry(session, work_id)
        assert not retry(session, work_id)
        assert not retry(session, "work_nothing")
    lease = claim(leases)
    assert (lease.token, lease.attempt) == (2, 1)


def test_what_is_done_can_be_forgotten(database: Database, leases: Leases) -> None:
    done, dead, ready = add(database, 3)
    lease = claim(leases)
    with database.writing() as session:
        remember(session, lease, "step", {})
        complete(session, lease)
    leases.fail(claim(leases), "dead", None)
    assert set(states(database)) == {done, dead, ready}
    with database.writing() as session:
        assert forget(session, datetime.now(UTC) - timedelta(hours=1)) == 0
        assert forget(session, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert states(database) == {dead: "dead", ready: "ready"}


def test_no_row_is_claimed_twice_by_threads(database: Database, leases: Leases) -> None:
    count, claimers = 200, 12
    add(database, count)
    barrier = threading.Barrier(claimers)
    claimed: list[str] = []

    def run() -> None:
        barrier.wait()
        while found := leases.claim(["q"], threading.current_thread().name, LONG, limit=3):
            claimed.extend(each.work_id for each in found)

    threads = [threading.Thread(target=run) for _ in range(claimers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(claimed) == dict.fromkeys(states(database), 1)


def _claim_all(url: str, together: object, results: object) -> None:
    database = Database.at(url)
    leases = Leases(database)
    leases.is_due()
    together.wait()
    claimed = []
    while found := leases.claim(["q"], "me", LONG):
        claimed += [each.work_id for each in found]
    results.put(claimed)
    database.close()


def test_no_row_is_claimed_twice_by_processes(database: Database) -> None:
    count, claimers = 150, 4
    add(database, count)
    spawn = get_context("spawn")
    together, results = spawn.Barrier(claimers), spawn.Queue()
    url = database.location.url
    processes = [
        spawn.Process(target=_claim_all, args=(url, together, results)) for _ in range(claimers)
    ]
    for process in processes:
        process.start()
    claimed = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert Counter(each for part in claimed for each in part) == dict.fromkeys(states(database), 1)


def test_the_claim_reads_its_index(database: Database) -> None:
    """What keeps claims as fast with a million rows as with ten."""
    add(database, 50)
    with database.writing() as session:
        session.execute(text("UPDATE work SET state = 'done' WHERE priority = 0"))
        explain = "EXPLAIN" if database.location.file is None else "EXPLAIN QUERY PLAN"
        if database.location.file is None:
            session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(
            text(
                f"{explain} SELECT id FROM work WHERE queue = 'q' AND state = 'ready' "
                "ORDER BY priority DESC, id LIMIT 1"
            )
        ).all()
    shown = str(plan)
    assert "ix_work_ready" in shown
    assert "SORT" not in shown.upper().replace("SORTED", "")
    assert "TEMP B-TREE" not in shown


def test_the_schema_goes_up_and_down_with_data(database: Database, leases: Leases) -> None:
    schema.upgrade(database.engine, "0001")
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO api_keys (id, created_at, name, digest, scopes) VALUES "
                "('key_1', '2026-11-21 12:00:00.000000+00:00', 'kept', 'digest', '[\"admin\"]')"
            )
        )
    add(database)
    lease = claim(leases)
    with database.writing() as session:
        remember(session, lease, "step", {"a": 1})
    database.downgrade("0001")
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM api_keys")).scalars().all() == ["kept"]
    database.prepare()
    assert states(database) == {}
    with database.reading() as session:
        assert [key.name for key in all_keys(session)] == ["kept"]
