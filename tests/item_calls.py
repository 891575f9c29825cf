"""A server whose log is looked at afterwards, and calls that send, find and report items."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from running import KIND
from serving import start_server

CLEAR = "You are a stupid idiot and a pathetic loser."
"""The bundled classifier is sure of it: the policy removes it by itself."""


@contextmanager
def served(database_url: str, folder: Path) -> Iterator[httpx.Client]:
    """A client of a really started server, whose log quotes no item and knows no failure."""
    log = folder / "log"
    with log.open("wb") as file:
        process, address = start_server(folder, log=file, database_url=database_url)
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client
        process.terminate()
        assert process.wait(20) == 0
    written = log.read_text()
    assert "idiot" not in written.replace("Try: curl", "").split("Application startup complete")[1]
    assert "Traceback" not in written


def send(api: httpx.Client, **item: Any) -> dict[str, Any]:
    answer = api.post("/api/items", json={"text": KIND} | item)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert error["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, error["code"], error["field"]


def found(api: httpx.Client, **filters: Any) -> list[str]:
    answer = api.get("/api/items", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["external_id"] for item in answer.json()["data"]]
