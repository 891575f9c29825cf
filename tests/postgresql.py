"""A private PostgreSQL cluster in a temporary folder."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Cluster:
    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)

    def address(self, database: str) -> str:
        return f"postgresql://ostraka@127.0.0.1:{self._port}/{database}"

    def new_database(self) -> str:
        import psycopg

        name = f"ostraka_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)


def missing(what: str) -> None:
    """Skip; fail where everything must be there."""
    message = f"{what} is missing: run scripts/install-test-dependencies as root"
    if os.environ.get("OSTRAKA_TEST_REQUIRE_ALL"):
        pytest.fail(message)
    pytest.skip(message)


def _binaries() -> Path:
    found = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found and not debian:
        missing("PostgreSQL")
    return Path(found).resolve().parent if found else debian[-1].parent


@contextmanager
def started() -> Iterator[Cluster]:
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="ostraka-postgresql-"))
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    initialize = [binaries / "initdb", "-D", data, "-U", "ostraka", "-A", "trust"]
    subprocess.run(
        [*initialize, "-E", "UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "--no-sync"],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        **who,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            **who,
        )
    try:
        _wait_for(process, port, folder / "log")
        yield Cluster(port)
    finally:
        process.send_signal(signal.SIGINT)  # ends connections, where SIGTERM would wait
        process.wait(30)
        shutil.rmtree(folder)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
