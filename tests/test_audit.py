"""The audit log: nothing in it can be changed unseen, and nobody's entry is lost."""

import hashlib
import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import environment
from sqlalchemy import delete, select, update

from ostraka.errors import InvalidInputError
from ostraka.storage import audit
from ostraka.storage.audit import EntryFilter
from ostraka.storage.chain import GENESIS, Anchor, Draft, Entry, check, link
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    entries: list[Entry] = []
    before = Anchor(0, GENESIS)
    for number in range(length):
        draft = Draft(NOW, "person_1", "decision.made", f"case_{number}", {"number": number})
        entries.append(link(draft, before))
        before = Anchor(entries[-1].sequence, entries[-1].hash)
    return entries


def anchor(entry: Entry) -> Anchor:
    return Anchor(entry.sequence, entry.hash)


logs = st.integers(2, 30).flatmap(
    lambda length: st.tuples(st.just(length), st.integers(0, length - 1))
)


@settings(deadline=None)
@given(st.integers(0, 40))
def test_an_untouched_log_is_whole(length: int) -> None:
    entries = chain(length)
    found = check(entries, [anchor(each) for each in entries])
    assert found.whole
    assert found.entries == length
    assert found.head == (anchor(entries[-1]) if entries else None)


@settings(deadline=None)
@given(logs, st.sampled_from(["actor", "act", "subject", "detail", "created_at", "hash"]))
def test_a_changed_entry_is_named(log: tuple[int, int], name: str) -> None:
    length, place = log
    entries = chain(length)
    other = {"detail": {"number": -1}, "created_at": NOW + timedelta(microseconds=1)}
    entries[place] = replace(entries[place], **{name: other.get(name, "f" * 64)})
    found = check(entries)
    assert found.broken is not None
    assert (found.broken.sequence, found.broken.damage) == (place + 1, "changed")
    assert found.entries == place


@settings(deadline=None)
@given(logs)
def test_a_removed_entry_is_named(log: tuple[int, int]) -> None:
    length, place = log
    entries = chain(length)
    last = anchor(entries[-1])
    del entries[place]
    found = check(entries, [last])
    assert found.broken is not None
    damage = "truncated" if place == length - 1 else "removed"
    assert (found.broken.sequence, found.broken.damage) == (place + 1, damage)


@settings(deadline=None)
@given(logs, st.integers(1, 5))
def test_a_missing_end_is_seen_against_a_head_kept_elsewhere(
    log: tuple[int, int], cut: int
) -> None:
    entries = chain(log[0])
    kept = entries[: max(0, len(entries) - cut)]
    assert check(kept).whole
    found = check(kept, [anchor(entries[-1])])
    assert found.broken is not None
    assert (found.broken.sequence, found.broken.damage) == (len(kept) + 1, "truncated")


@settings(deadline=None)
@given(logs)
def test_an_inserted_entry_is_named(log: tuple[int, int]) -> None:
    length, place = log
    entries = chain(length)
    forged = link(Draft(NOW, "person_2", "forged", "case_x", {}), anchor(entries[place]))
    moved = [replace(each, sequence=each.sequence + 1) for each in entries[place + 1 :]]
    found = check([*entries[: place + 1], forged, *moved])
    if place == length - 1:
        assert found.whole  # it is simply the next entry, but see the test of heads
        return
    assert found.broken is not None
    assert found.broken.sequence == place + 3
    again = check([*entries[: place + 1], entries[place], *entries[place + 1 :]])
    assert again.broken is not None
    assert (again.broken.sequence, again.broken.damage) == (place + 1, "inserted")


@settings(deadline=None)
@given(logs, st.integers(0, 29))
def test_entries_that_changed_places_are_named(log: tuple[int, int], other: int) -> None:
    length, place = log
    other %= length
    entries = chain(length)
    first, second = sorted((place, other))
    entries[first], entries[second] = (
        replace(entries[second], sequence=first + 1),
        replace(entries[first], sequence=second + 1),
    )
    found = check(entries)
    if first == second:
        assert found.whole
    else:
        assert found.broken is not None
        assert found.broken.sequence == first + 1


@settings(deadline=None)
@given(logs)
def test_a_log_that_was_written_anew_is_seen_against_a_head(log: tuple[int, int]) -> None:
    length, place = log
    entries = chain(length)
    head = anchor(entries[-1])
    before = anchor(entries[place - 1]) if place else Anchor(0, GENESIS)
    for number in range(place, length):
        draft = Draft(NOW, "person_2", "forged", f"case_{number}", {})
        entries[number] = link(draft, before)
        before = anchor(entries[number])
    assert check(entries).whole
    found = check(entries, [head])
    assert found.broken is not None
    assert (found.broken.sequence, found.broken.damage) == (length, "rewritten")


@pytest.mark.parametrize(
    "text", ["", "7", "7:xyz", "-1:" + "0" * 64, "7:" + "G" * 64, "²:" + GENESIS]
)
def test_heads_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="ostraka audit head"):
        Anchor.parse(text)


def test_a_head_reads_as_it_is_written() -> None:
    head = anchor(chain(7)[-1])
    assert Anchor.parse(f" {head}\n") == head


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def add(database: Database, count: int = 1, actor: str = "person_1") -> None:
    for number in range(count):
        with database.writing() as session:
            detail = {"number": number, "name": "ä\ud800", "parts": (1, 2.5), "none": None}
            moment = NOW.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=number)
            audit.append(session, actor, "decision.made", f"case_{number}", detail, moment)


def test_what_was_written_verifies(database: Database) -> None:
    with database.reading() as session:
        assert audit.head(session) is None
        assert audit.verify(session).whole
    add(database, 5)
    with database.reading() as session:
        head = audit.head(session)
        assert head is not None and head.sequence == 5
        found = audit.verify(session, [head])
        assert (found.whole, found.entries, found.head) == (True, 5, head)
        newest = audit.list_entries(session, EntryFilter(actor="person_1", before=5), 2)
        assert [each.sequence for each in newest] == [4, 3]
        assert newest[0].detail["parts"] == [1, 2.5]
        assert audit.list_entries(session, EntryFilter(subject="case_9"), 2) == []
        since = EntryFilter(since=NOW + timedelta(microseconds=2), act="decision.made")
        assert [each.sequence for each in audit.every_entry(session, since)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "place", "damage"),
    [
        (update(AuditRow).where(AuditRow.sequence == 3).values(actor="person_2"), 3, "changed"),
        (delete(AuditRow).where(AuditRow.sequence == 3), 3, "removed"),
        (delete(AuditRow).where(AuditRow.sequence >= 4), 4, "truncated"),
    ],
    ids=["changed", "removed", "truncated"],
)
def test_meddling_with_the_table_is_found_out(
    database: Database, change: object, place: int, damage: str
) -> None:
    add(database, 5)
    with database.writing() as session:
        head = audit.head(session)
        assert head is not None
        session.execute(change)  # type: ignore[call-overload]
    with database.reading() as session:
        broken = audit.verify(session, [head]).broken
    assert broken is not None
    assert (broken.sequence, broken.damage) == (place, damage)


def test_entries_share_the_fate_of_their_transaction(database: Database) -> None:
    def entry(session: object, subject: str) -> None:
        audit.append(session, "system", "tested", subject, {}, NOW)  # type: ignore[arg-type]

    with pytest.raises(ZeroDivisionError), database.writing() as session:
        entry(session, "lost")
        raise ZeroDivisionError
    with database.writing() as session:
        entry(session, "first")
        with session.begin_nested() as savepoint:
            entry(session, "rolled back")
            savepoint.rollback()
        with session.begin_nested():
            entry(session, "kept")
            with session.begin_nested() as inner:
                entry(session, "rolled back too")
                inner.rollback()
            with session.begin_nested():
                entry(session, "kept too")
        with session.begin_nested() as outer:
            with session.begin_nested():
                entry(session, "rolled back with what is around it")
            outer.rollback()
    with database.reading() as session:
        subjects = [each.subject for each in audit.every_entry(session)]
    assert subjects == ["first", "kept", "kept too"]


@pytest.mark.parametrize("detail", [{"figure": float("nan")}, {"thing": object()}])
def test_a_detail_that_is_no_json_is_refused_at_once(database: Database, detail: dict) -> None:
    with pytest.raises((TypeError, ValueError)), database.writing() as session:
        audit.append(session, "system", "tested", "x", detail, NOW)
    with pytest.raises(ValueError, match="time zone"), database.writing() as session:
        audit.append(session, "system", "tested", "x", {}, datetime(2026, 1, 1))


RACER = textwrap.dedent("""
    import sys, threading
    from datetime import UTC, datetime
    from ostraka.storage import audit
    from ostraka.storage.database import Database

    url, name, threads, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    database = Database.at(url)

    def append(thread):
        for number in range(each):
            with database.writing() as session:
                subject = f"{name}-{thread}-{number}"
                audit.append(session, name, "raced", subject, {}, datetime.now(UTC))
                if number % 2:
                    audit.append(session, name, "raced", subject, {"n": 2}, datetime.now(UTC))

    running = [threading.Thread(target=append, args=(n,)) for n in range(threads)]
    [thread.start() for thread in running]
    [thread.join() for thread in running]
""")


def test_concurrent_transactions_never_fork_the_chain(
    database: Database, database_url: str
) -> None:
    """Four processes with sixteen threads altogether, and readers that verify meanwhile."""
    database.prepare()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, database_url, f"key_{number}", "4", "10"],
            env=environment(),
        )
        for number in range(4)
    ]
    while any(process.poll() is None for process in processes):
        with database.reading() as session:
            assert audit.verify(session).whole
    assert [process.wait(60) for process in processes] == [0] * 4
    with database.reading() as session:
        found = audit.verify(session)
        subjects = session.scalars(select(AuditRow.subject)).all()
    assert found.whole
    assert found.entries == 4 * 4 * 15
    assert len(set(subjects)) == 4 * 4 * 10


def test_a_transaction_that_waits_for_another_s_row_does_not_deadlock(database: Database) -> None:
    """The log's lock is taken last, whatever the order of `append` and of other writes."""
    add(database, 2)
    errors: list[BaseException] = []

    def touch(first: bool) -> None:
        try:
            for _ in range(20):
                with database.writing() as session:
                    if first:
                        audit.append(session, "system", "touched", "x", {}, NOW)
                    change = update(AuditRow).where(AuditRow.sequence == 1)
                    session.execute(change.values(act=AuditRow.act))
                    if not first:
                        audit.append(session, "system", "touched", "x", {}, NOW)
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=touch, args=(n % 2 == 0,)) for n in range(6)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert errors == []
    with database.reading() as session:
        found = audit.verify(session)
    assert (found.whole, found.entries) == (True, 122)


def test_the_hash_is_what_the_documentation_says(database: Database) -> None:
    """So that somebody else's program can check an export."""
    entry = chain(1)[0]
    content = [
        GENESIS,
        1,
        "2026-11-21T12:00:00.000000+00:00",
        "person_1",
        "decision.made",
        "case_0",
        {"number": 0},
    ]
    written = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert entry.hash == hashlib.sha256(written.encode()).hexdigest()
