"""A really started server for the whole run, and the bundled moderator."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ostraka.moderator import Moderator


@pytest.fixture(scope="session")
def moderator() -> Moderator:
    return Moderator.default()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(folder: Path, **settings: str) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    environment = os.environ | {
        f"OSTRAKA_{name.upper()}": value for name, value in settings.items()
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ostraka", "serve", "--port", str(port)],
        cwd=folder,
        env=environment,
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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, address = start_server(
        tmp_path_factory.mktemp("server"), max_items="8", max_body_bytes="200000"
    )
    yield address
    process.terminate()
    assert process.wait(20) in (0, -15)
