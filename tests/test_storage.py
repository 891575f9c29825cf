import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import seeded_factory
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

import ostraka.access.tables
import ostraka.review.tables
import ostraka.suggestions.tables
import ostraka.trees.background_tables
import ostraka.trees.tables
import ostraka.work.tables  # noqa: F401  (declares its tables)
from ostraka.access.keys import Scope
from ostraka.access.store import all_keys, create_key
from ostraka.access.tables import ApiKeyRow
from ostraka.errors import SettingsError, StorageError
from ostraka.factory.tables import BatchRow, JobEventRow
from ostraka.storage import schema
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.storage.location import Location
from ostraka.storage.tables import Base
from ostraka.work.queue import enqueue
from ostraka.work.tables import StepRow

MIGRATIONS = schema.__file__.removesuffix("schema.py") + "migrations"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    """All tables but those of SQLite's full-text search, which only its triggers know."""
    names = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    return {name for name in names if not name.startswith("items_search")}


def is_declared(name: str | None, kind: str, parents: object) -> bool:
    return not (name or "").startswith(("items_search", "ix_items_search"))


def test_migrations_make_what_the_code_declares(database: Database) -> None:
    database.prepare()
    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_name": is_declared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        assert schema.current(connection) == schema.HEAD


def test_newest_revision_is_the_head() -> None:
    scripts = ScriptDirectory(schema.__file__.removesuffix("schema.py") + "migrations")
    assert scripts.get_current_head() == schema.HEAD


def test_back_and_forward_again(database: Database) -> None:
    with database.writing() as session:
        create_key(session, "kept", [Scope.MODERATE], NOW)
    schema.upgrade(database.engine)
    with database.reading() as session:
        assert len(all_keys(session)) == 1
    schema.downgrade(database.engine, "base")
    assert tables(database) == set()
    schema.upgrade(database.engine)
    assert tables(database) == set(Base.metadata.tables)


def test_down_and_up_with_jobs_batches_and_work_in_it(database: Database, tmp_path: Path) -> None:
    """What older revisions know stays when newer ones go; what comes back works."""
    file, job, model = seeded_factory.rows()
    with database.writing() as session:
        create_key(session, "kept", [Scope.MODERATE], NOW)
        session.add_all([file, job])
        session.flush()
        session.add(model)
        session.add(JobEventRow(job_id=job.id, created_at=NOW, name="e", data={"a": [1]}))
        work_id = enqueue(session, queue="q", kind="k", payload={"job_id": job.id})
        session.add(StepRow(work_id=work_id, name="s", result={"b": 2}))
        session.add(_batch(work_id))
    revisions = [each.revision for each in ScriptDirectory(MIGRATIONS).walk_revisions()]
    for revision in [*revisions[1:], "base"]:  # newest first, one by one
        schema.downgrade(database.engine, revision)
        left = tables(database)
        if "api_keys" in left:
            with database.engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM api_keys")) == 1
        if "work" in left:
            with database.engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM work")) == 1
    assert tables(database) == set()
    schema.upgrade(database.engine)
    with database.writing() as session:
        session.add_all([*seeded_factory.rows()[:2], _batch(None)])
        enqueue(session, queue="q", kind="k", payload={})
    with database.reading() as session:
        assert session.query(BatchRow).one().endpoint == "/v1/moderations"


def _batch(work_id: str | None) -> BatchRow:
    return BatchRow(
        id="0f6d7a1c-9b3e-4d52-8e1f-2a3b4c5d6e7f",
        created_at=NOW,
        endpoint="/v1/moderations",
        status="QUEUED",
        input_files=[],
        input_keys=[],
        timeout_hours=24,
        errors=[],
        total_requests=1,
        succeeded_requests=0,
        failed_requests=0,
        work_id=work_id,
    )


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    database.prepare()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    again = Database(database.location)
    with pytest.raises(StorageError, match="newer Ostraka"):
        again.prepare()
    again.close()
    assert tables(database) == set(Base.metadata.tables)


def test_servers_that_start_together_do_not_race(database_url: str) -> None:
    code = (
        "import sys; from datetime import UTC, datetime\n"
        "from ostraka.storage.database import Database\n"
        "from ostraka.access.store import create_key\n"
        "database = Database.at(sys.argv[1])\n"
        "print('loaded', flush=True)\n"
        "sys.stdin.readline()\n"
        "with database.writing() as session:\n"
        "    create_key(session, 'one', ['admin'], datetime.now(UTC))\n"
    )
    command = [sys.executable, "-c", code, database_url]
    pipe = subprocess.PIPE
    starting = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(4)]
    for process in starting:
        assert process.stdout.readline() == b"loaded\n"
    for process in starting:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in starting:
        process.communicate()
    assert [process.returncode for process in starting] == [0] * 4
    database = Database.at(database_url)
    with database.reading() as session:
        assert len(all_keys(session)) == 4
    database.close()


def test_nothing_stays_of_a_write_that_fails(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as session:
        create_key(session, "never", [Scope.MODERATE], NOW)
        raise RuntimeError
    with database.reading() as session:
        assert all_keys(session) == []


def test_moments_come_back_in_utc(database: Database) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with database.writing() as session:
        create_key(session, "east", [Scope.MODERATE], east)
    with database.reading() as session:
        [key] = all_keys(session)
    assert key.created_at == NOW
    assert key.created_at.tzinfo is UTC
    with pytest.raises(Exception, match="time zone"), database.writing() as session:
        create_key(session, "nowhere", [Scope.MODERATE], NOW.replace(tzinfo=None))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}")
    yield database
    database.close()


def test_sqlite_holds_references_and_reads_beside_the_writer(sqlite: Database) -> None:
    with sqlite.writing() as writer:
        create_key(writer, "unseen", [Scope.MODERATE], NOW)
        with sqlite.reading() as reader:
            assert all_keys(reader) == []
            assert reader.scalar(text("PRAGMA foreign_keys")) == 1
            assert reader.scalar(text("PRAGMA journal_mode")) == "wal"


def test_no_file_before_the_first_session(sqlite: Database) -> None:
    assert not sqlite.location.exists()
    sqlite.prepare()
    assert sqlite.location.exists()
    assert sqlite.location.file.parent.stat().st_mode & 0o077 == 0


def test_what_does_not_answer_is_an_error(tmp_path: Path) -> None:
    nobody = Database.at("postgresql://ostraka@127.0.0.1:1/nothing")
    with pytest.raises(StorageError, match="does not answer"):
        nobody.prepare()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="folder"):
        Database.at(f"sqlite:///{tmp_path}/file/ostraka.db").prepare()


def test_errors_quote_neither_passwords_nor_values(database: Database) -> None:
    with pytest.raises(SettingsError) as wrong:
        Database.at("postgresql://ostraka:secret@127.0.0.1:port/x").prepare()
    assert "secret" not in str(wrong.value)
    assert wrong.value.__cause__ is None
    with pytest.raises(IntegrityError) as twice, database.writing() as session:
        for _ in range(2):
            session.add(
                ApiKeyRow(id=new_id("key"), created_at=NOW, name="me", digest="private", scopes=[])
            )
    assert "private" not in str(twice.value).partition("DETAIL")[0]


@pytest.mark.parametrize("url", ["", "mysql://a/b", "sqlite://", "sqlite:///:memory:", "a.db"])
def test_addresses_that_cannot_be(url: str) -> None:
    with pytest.raises(SettingsError, match="database_url"):
        Location.parse(url)


def test_addresses_name_their_driver() -> None:
    for given in ("postgres://a/b", "postgresql://a/b", "postgresql+psycopg://a/b"):
        assert Location.parse(given).url == "postgresql+psycopg://a/b"


def test_ids_sort_by_time() -> None:
    ids = [new_id("key") for _ in range(1000)]
    assert len(set(ids)) == 1000
    # Two of the same quarter of a microsecond may stand in any order.
    assert [each[:19] for each in ids] == sorted(each[:19] for each in ids)
    assert all(len(each) <= ApiKeyRow.id.type.length for each in ids)


def test_a_server_that_keeps_nothing_does_not_load_sqlalchemy() -> None:
    code = (
        "import sys, ostraka.server.app as app; print({'sqlalchemy', 'alembic'} & {*sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"set()"
