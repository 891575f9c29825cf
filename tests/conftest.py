"""A really started server for the whole run, and the bundled moderator."""

from collections.abc import Iterator
from pathlib import Path

import postgresql
import pytest
import s3_server
from growing import SMALL
from serving import start_server

from ostraka.moderator import Moderator
from ostraka.storage.database import Database
from ostraka.trees.store import TreeStore


@pytest.fixture(scope="session")
def moderator() -> Moderator:
    return Moderator.default()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, address = start_server(
        tmp_path_factory.mktemp("server"), max_items="8", max_body_bytes="200000"
    )
    yield address
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[postgresql.Cluster]:
    """A private PostgreSQL, or a skip that says what is missing."""
    with postgresql.started() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that speaks S3: what its users need in their environment."""
    with s3_server.started(tmp_path_factory.mktemp("s3")) as variables:
        yield variables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}"
    cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
    return cluster.new_database()


@pytest.fixture
def store(database_url: str) -> Iterator[TreeStore]:
    """No trees yet, in each kind of database; those to come are small."""
    database = Database.at(database_url)
    yield TreeStore(database, SMALL)
    database.close()
