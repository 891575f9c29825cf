"""A server that speaks S3, moto's, in a process of its own; and one bucket in it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import free_port

BUCKET = "moderation"


@contextmanager
def started(folder: Path) -> Iterator[dict[str, str]]:
    """What must stand in the environment of those who use it."""
    pytest.importorskip("moto", reason="needs moto, a server that speaks S3")
    pytest.importorskip("s3fs", reason="needs the s3 extra")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(process, address, folder / "s3.log")
        assert httpx.put(f"{address}/{BUCKET}").status_code == 200
        yield {
            "AWS_ACCESS_KEY_ID": "an-id",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address,
        }
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            httpx.get(address)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text()}")
