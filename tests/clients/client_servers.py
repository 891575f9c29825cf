"""The servers that client suites talk to."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 30


@contextmanager
def serving(folder: Path, *command: str, settings: Mapping[str, str]) -> Iterator[str]:
    """The address of `command` run in `folder` with a free port as its last argument."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *command, str(port)], cwd=folder, env=os.environ | settings
    )
    try:
        yield _answering(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _answering(process: "subprocess.Popen[bytes]", address: str) -> str:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            httpx.get(f"{address}/health").raise_for_status()
            return address
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not answer (exit status {process.poll()})")
