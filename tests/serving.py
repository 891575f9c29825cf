"""Start the real server, and make keys for it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx

from ostraka.access.keys import Scope
from ostraka.access.store import create_key
from ostraka.storage.database import Database


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(
    folder: Path,
    *,
    log: IO[bytes] | None = None,
    program: Sequence[str] = ("-m", "ostraka", "serve", "--port", "PORT"),
    environment: Mapping[str, str] | None = None,
    **settings: str,
) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    # Only the factory's tests have work for workers.
    named = {
        f"OSTRAKA_{name.upper()}": value for name, value in ({"workers": "0"} | settings).items()
    }
    process = subprocess.Popen(
        [sys.executable, *(str(port) if word == "PORT" else word for word in program)],
        cwd=folder,
        env=os.environ | (environment or {}) | named,
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


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[str]:
    """The address of a server that runs as long as the block does, and then ends in good order."""
    process, address = start_server(folder, **options)
    try:
        yield address
    finally:
        process.terminate()
        status = process.wait(30)
    assert status in (0, -signal.SIGTERM)  # uvicorn by itself hands the signal on when it is done


def make_key(database_url: str, *scopes: Scope) -> tuple[str, str]:
    """Id and secret of a new key."""
    database = Database.at(database_url)
    with database.writing() as session:
        key, secret = create_key(session, "test", scopes, datetime.now(UTC))
    database.close()
    return key.id, secret
