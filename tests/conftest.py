"""A really started server for the whole run, and the bundled moderator."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import httpx
import postgresql
import pytest

from ostraka.access.keys import Scope
from ostraka.access.store import create_key
from ostraka.moderator import Moderator
from ostraka.storage.database import Database


@pytest.fixture(scope="session")
def moderator() -> Moderator:
    return Moderator.default()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(
    folder: Path, *, log: IO[bytes] | None = None, **settings: str
) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    environment = os.environ | {
        f"OSTRAKA_{name.upper()}": value for name, value in settings.items()
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ostraka", "serve", "--port", str(port)],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"server ended with {process.returncode}")
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return process, address
        except httpx.TransportError:
            time.sleep(0.1)
    process.terminate()
    raise RuntimeError("server did not answer in 30 s")


def make_key(database_url: str, *scopes: Scope) -> tuple[str, str]:
    """Id and secret of a new key."""
    database = Database.at(database_url)
    with database.writing() as session:
        key, secret = create_key(session, "test", scopes, datetime.now(UTC))
    database.close()
    return key.id, secret


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, address = start_server(
        tmp_path_factory.mktemp("server"), max_items="8", max_body_bytes="200000"
    )
    yield address
    process.terminate()
    assert process.wait(20) in (0, -15)


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[postgresql.Cluster]:
    """A private PostgreSQL, or a skip that says what is missing."""
    with postgresql.started() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}"
    cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
    return cluster.new_database()
