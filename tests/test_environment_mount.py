"""The environment inside `ostraka serve`, and sessions that outlive their server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import make_key, start_server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ostraka.access.keys import Scope
from ostraka.environment.environment import Environment
from ostraka.errors import StorageError
from ostraka.server.environment.sessions import Sessions
from ostraka.server.environment.store import SessionStore, StoredSession
from ostraka.settings import Settings

PREFIX = "/env/moderation"
ALONE = ("-m", "ostraka", "env", "serve", "--port", "PORT", "--sessions", "kept/sessions.db")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mounted")
    process, address = start_server(folder, environment_path=PREFIX)
    yield address + PREFIX
    process.terminate()
    assert process.wait(20) == 0


def step(address: str, session: str, action: str = "remove") -> dict[str, Any]:
    body = {"action_type": action, "violation_type": "spam"}
    answer = httpx.post(f"{address}/step?session_id={session}", json=body)
    answer.raise_for_status()
    return answer.json()


def test_it_is_served_below_its_path(address: str) -> None:
    assert httpx.get(f"{address}/health").json() == {"status": "healthy"}
    reset = httpx.post(f"{address}/reset?task_id=task_hard&seed=42").json()
    assert reset["observation"] == Environment().reset("task_hard", seed=42)
    result = step(address, reset["session_id"])
    assert 0.0 <= result["reward"] <= 1.0
    assert httpx.get(f"{address}/state").json()["step_count"] == 1
    assert httpx.post(f"{address}/reset?task_id=none").status_code == 422
    assert httpx.post(f"{address}/mcp", json={}).json()["jsonrpc"] == "2.0"
    described = httpx.get(f"{address}/openapi.json").json()
    assert {"/reset", "/step", "/state"} <= described["paths"].keys()


def test_its_socket_answers_below_the_path(address: str) -> None:
    with connect(address.replace("http", "ws") + "/ws") as socket:
        socket.send(json.dumps({"type": "reset", "data": {"seed": 1}}))
        assert json.loads(socket.recv())["type"] == "observation"


def test_metrics_count_it_under_its_path(address: str) -> None:
    metrics = httpx.get(f"{address.removesuffix(PREFIX)}/metrics").text
    assert f'path="{PREFIX}"' in metrics or f'route="{PREFIX}"' in metrics


def test_by_default_it_is_not_served(server: str) -> None:
    assert httpx.post(f"{server}{PREFIX}/reset").status_code == 404


@pytest.mark.parametrize("path", ["env", "/v1", "/env/", "/ENV", "/env//x"])
def test_its_path_begins_with_env(path: str) -> None:
    with pytest.raises(ValueError, match="environment_path"):
        Settings(environment_path=path)


def test_keys_are_the_platform_s_own(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'keys.db'}"
    _, moderates = make_key(database, Scope.MODERATE)
    _, trains = make_key(database, Scope.TRAIN)
    process, address = start_server(tmp_path, database_url=database, environment_path=PREFIX)
    try:
        reset = f"{address}{PREFIX}/reset"
        assert httpx.get(f"{address}{PREFIX}/health").status_code == 200
        assert httpx.post(reset).status_code == 401
        assert httpx.post(reset, auth=("x", trains)).status_code == 403
        begun = httpx.post(reset, auth=("x", moderates))
        assert begun.status_code == 200
        bearer = {"authorization": f"Bearer {moderates}"}
        assert httpx.get(f"{address}{PREFIX}/state", headers=bearer).status_code == 200
        # The password of an address opens nothing else.
        assert httpx.get(f"{address}/v1/models", auth=("x", moderates)).status_code == 401
        socket = f"{address.replace('http', 'ws')}{PREFIX}/ws"
        with pytest.raises(InvalidStatus), connect(socket):
            pass
        with connect(socket, additional_headers=bearer):
            pass
    finally:
        process.terminate()
        process.wait(20)


def served(folder: Path, *, inside: bool) -> tuple["subprocess.Popen[bytes]", str]:
    if inside:
        process, address = start_server(folder, environment_path=PREFIX)
        return process, address + PREFIX
    return start_server(folder, program=ALONE)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside"])
def test_a_killed_server_loses_no_session(tmp_path: Path, inside: bool) -> None:
    process, address = served(tmp_path, inside=inside)
    reset = httpx.post(f"{address}/reset?task_id=task_hard&seed=7").json()
    session = reset["session_id"]
    for _ in range(5):
        step(address, session)
    before = httpx.get(f"{address}/state?session_id={session}").json()
    process.kill()
    process.wait(20)
    process, address = served(tmp_path, inside=inside)
    try:
        assert httpx.get(f"{address}/state?session_id={session}").json() == before
        assert httpx.get(f"{address}/state").json()["session_id"] == session
        assert step(address, session)["done"] is False
        with connect(address.replace("http", "ws") + f"/ws?session_id={session}") as socket:
            socket.send('{"type": "state"}')
            assert json.loads(socket.recv())["data"]["step_count"] == 6
            socket.send('{"type": "step", "data": {"action_type": "warn"}}')
            assert json.loads(socket.recv())["data"]["done"] is False
        assert httpx.get(f"{address}/state").json()["step_count"] == 7
        with connect(address.replace("http", "ws") + "/ws?session_id=none") as socket:
            assert json.loads(socket.recv())["data"]["code"] == "SESSION_ERROR"
    finally:
        process.terminate()
        process.wait(20)


def played(seed: int) -> Environment:
    environment = Environment()
    environment.reset("task_easy", seed=seed)
    environment.step({"action_type": "remove"})
    return environment


def test_the_store_keeps_what_is_young_and_its_own(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    store = SessionStore(file, "secret")
    for used in (1.0, 5000.0, 6000.0):
        store.save(StoredSession(f"s{used:g}", "me", used, played(1).log()))
    assert [each.id for each in store.load(2.0)] == ["s5000", "s6000"]
    store.delete("s5000")
    store.close()
    assert [each.id for each in SessionStore(file, "secret").load(0.0)] == ["s6000"]
    assert list(SessionStore(file, "another").load(0.0)) == []


def test_sessions_expire_on_disk_too(tmp_path: Path) -> None:
    now = [10_000.0]
    file = tmp_path / "sessions.db"
    sessions = Sessions(lambda: now[0], idle_seconds=1800, store=SessionStore(file))
    old = sessions.add(played(1), "me")
    now[0] += 1000
    young = sessions.add(played(2), "")
    now[0] += 1000
    again = Sessions(lambda: now[0], idle_seconds=1800, store=SessionStore(file))
    assert len(again) == 1 and again.last_of("me") is None
    assert again.get(young).state() == played(2).state()
    assert old != young


def test_a_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database, but long enough to be looked at" * 30)
    with pytest.raises(StorageError, match="cannot be kept"):
        SessionStore(tmp_path / "file")


def test_credentials_are_not_kept(tmp_path: Path) -> None:
    process, address = served(tmp_path, inside=False)
    try:
        httpx.post(f"{address}/reset", headers={"authorization": "Bearer verysecret"})
    finally:
        process.terminate()
        process.wait(20)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
    assert b"verysecret" not in kept
