"""`ostraka env serve`, by its real address: plain REST clients, MCP, keys."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from serving import served, start_server
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate
from ostraka.server.environment.app import create_environment_app
from ostraka.server.environment.description import schemas

AWKWARD = [None, ["spam"], "not_a_category", 5, {"a": 1}, "spam", "none"]
PROGRAM = ("-m", "ostraka", "env", "serve", "--port", "PORT")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("environment"), program=PROGRAM) as address:
        yield address


def play_as_baseline(address: str, task: str, seed: int = 42) -> tuple[list[str], dict[str, Any]]:
    """As the published REST client does: a new connection for every call, values of any kind."""
    observation = httpx.post(f"{address}/reset?task_id={task}&seed={seed}").json()
    session = observation.get("session_id", "")
    lines, done, number = [], False, 0
    while not done:
        history = observation.get("author_history", {})
        assert isinstance(history.get("prior_actions", [])[-3:], list)
        assert all(each["content"][:120] for each in observation.get("context_thread", []))
        body = {
            "action_type": "approve" if number % 2 else "remove",
            "reasoning": AWKWARD[number % 7],
            "violation_type": AWKWARD[number % 7],
        }
        answer = httpx.post(f"{address}/step?session_id={session}", json=body)
        answer.raise_for_status()
        result = answer.json()
        lines.append(f"{observation['post_id']} {result['reward']:.4f}")
        done, number = result["done"], number + 1
        if not done:
            observation = result["observation"]
    return lines, httpx.get(f"{address}/state?session_id={session}").json()


@pytest.mark.parametrize(("task", "size"), [("task_easy", 8), ("task_medium", 10)])
def test_a_plain_client_plays_to_the_end(address: str, task: str, size: int) -> None:
    lines, state = play_as_baseline(address, task)
    again, _ = play_as_baseline(address, task)
    assert lines == again and len(lines) == size == len(state["decisions"])
    assert state["final_score"] == pytest.approx(state["cumulative_reward"] / size, abs=1e-5)
    assert httpx.post(f"{address}/step?session_id={state['session_id']}", json={
        "action_type": "approve"
    }).status_code == 409  # fmt: skip


def test_answers_hold_both_clients_forms(address: str) -> None:
    reset = httpx.post(f"{address}/reset", json={"task_id": "task_hard", "seed": 7}).json()
    assert reset["observation"]["post_id"] == reset["post_id"]
    assert (reset["reward"], reset["done"]) == (None, False)
    assert reset["metadata"]["session_id"] == reset["session_id"]
    wrapped = {"action": {"action_type": "escalate"}, "session_id": reset["session_id"]}
    step = httpx.post(f"{address}/step", json=wrapped).json()
    assert step.keys() == {"observation", "reward", "done", "info", "metadata", "session_id"}
    assert step["info"]["valid_action"] is True


def test_the_query_wins_over_the_body(address: str) -> None:
    answer = httpx.post(f"{address}/reset?seed=3", json={"seed": 4, "task_id": "task_easy"}).json()
    expected = Environment().reset("task_easy", seed=3)
    assert answer["observation"] == expected


def test_who_names_no_session_means_the_last_one(address: str) -> None:
    httpx.post(f"{address}/reset?task_id=task_easy&seed=1")
    reset = httpx.post(f"{address}/reset?task_id=task_easy&seed=2").json()
    httpx.post(f"{address}/step", json={"action_type": "approve"})
    state = httpx.get(f"{address}/state").json()
    assert (state["session_id"], state["seed"]) == (reset["session_id"], 2)
    assert state["step_count"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/reset?task_id=task_none", "", 422, "task_id"),
        ("/reset?seed=-1", "", 422, "seed"),
        ("/reset?seed=1.5", "", 422, "seed"),
        ("/reset?seed=99999999999999999999", "", 422, "seed"),
        ("/reset", '{"seed": true}', 422, "seed"),
        ("/reset", '{"task_id": 5}', 422, "task_id"),
        ("/reset?split=all", "", 422, "split"),
        ("/reset?feedback=soon", "", 422, "feedback"),
        ("/reset", "{", 422, None),
        ("/reset", "[1]", 422, None),
        ("/reset?session_id=unknown", "", 404, "session_id"),
        ("/step?session_id=unknown", '{"action_type": "approve"}', 404, "session_id"),
        ("/step", '{"violation_type": "spam"}', 422, "action_type"),
        ("/step", '{"action_type": "approve", "session_id": 5}', 422, "session_id"),
        ("/step", "nonsense", 422, None),
    ],
)
def test_faults_are_named(
    address: str, path: str, body: str, status: int, field: str | None
) -> None:
    httpx.post(f"{address}/reset")
    answer = httpx.post(f"{address}{path}", content=body)
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert error["error"]["field"] == field
    assert error["detail"] == error["error"]["message"] != ""


def test_the_validator_s_questions_are_answered(address: str) -> None:
    assert httpx.get(f"{address}/health").json() == {"status": "healthy"}
    metadata = httpx.get(f"{address}/metadata").json()
    assert isinstance(metadata["name"], str) and isinstance(metadata["description"], str)
    schema = httpx.get(f"{address}/schema").json()
    assert schema["action"]["required"] == ["action_type"]
    assert {"action", "observation", "state"} <= schema.keys()
    document = httpx.get(f"{address}/openapi.json").json()
    assert document["info"]["version"] == "1.0.0"
    assert {"/reset", "/step", "/state"} <= document["paths"].keys()
    empty = httpx.post(f"{address}/mcp", json={})
    assert (empty.status_code, empty.json()["jsonrpc"]) == (200, "2.0")
    assert [each["size"] for each in httpx.get(f"{address}/tasks").json()["tasks"]][:3] == [
        8,
        10,
        12,
    ]


@pytest.mark.parametrize("path", ["/", "/web", "/docs"])  # a Space of OpenEnv's opens at /web
def test_people_find_a_page(address: str, path: str) -> None:
    page = httpx.get(f"{address}{path}").text
    assert "<th scope=row>task_hard</th>" in page
    for asked in httpx.get(f"{address}/openapi.json").json()["paths"]:
        assert f" {asked}</th>" in page
    assert {f"{address}/{each}" for each in ("schema", "tasks", "openapi.json")} == {
        str(httpx.URL(f"{address}{path}").join(link)) for link in re.findall("href='(.*?)'", page)
    }


def test_observations_and_states_satisfy_their_schemas() -> None:
    schema = schemas()
    for task in ("task_easy", "task_queue"):
        environment = Environment()
        observation: dict[str, Any] = environment.reset(task, seed=1)
        done = False
        while not done:
            jsonschema.validate(observation, schema["observation"])
            jsonschema.validate(environment.state(), schema["state"])
            observation, _, done, _ = environment.step({"action_type": "remove"})
        jsonschema.validate(observation, schema["observation"])


# MCP


def test_an_agent_plays_by_tools(address: str) -> None:
    def call(method: str, session: str = "", **params: Any) -> httpx.Response:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"mcp-session-id": session} if session else {}
        return httpx.post(f"{address}/mcp?task_id=task_easy&seed=9", json=message, headers=headers)

    begun = call("initialize", protocolVersion="2025-03-26")
    assert begun.json()["result"]["protocolVersion"] == "2025-03-26"
    session = begun.headers["mcp-session-id"]
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert httpx.post(f"{address}/mcp", json=note).status_code == 202
    names = [each["name"] for each in call("tools/list", session).json()["result"]["tools"]]
    assert names == ["observe", "decide"]
    seen = call("tools/call", session, name="observe").json()["result"]["structuredContent"]
    assert seen["post_id"] == generate("task_easy", "train", 9).items[0].post_id
    decided = call("tools/call", session, name="decide", arguments={"action_type": "approve"})
    assert decided.json()["result"]["structuredContent"]["done"] is False
    assert call("tools/call", session, name="decide").json()["result"]["isError"] is True
    assert call("tools/call", session, name="reset").json()["result"]["isError"] is True
    assert call("tools/call", name="observe").json()["error"]["code"] == -32602
    assert call("ping").json()["result"] == {}
    assert call("dance").json()["error"]["code"] == -32601


# Keys and prefixes


def test_a_key_comes_as_bearer_or_in_the_address(tmp_path: Path) -> None:
    process, address = start_server(tmp_path, program=PROGRAM, environment_key="letmein")
    try:
        assert httpx.post(f"{address}/reset").status_code == 401
        assert httpx.get(f"{address}/health").status_code == 200
        bearer = {"authorization": "Bearer letmein"}
        assert httpx.post(f"{address}/reset", headers=bearer).status_code == 200
        assert httpx.post(f"{address}/reset", auth=("x", "letmein")).status_code == 200
        assert httpx.post(f"{address}/reset", auth=("letmein", "x")).status_code == 401
    finally:
        process.terminate()
        process.wait(20)


def test_nobody_listens_to_others_without_a_key() -> None:
    client = TestClient(create_environment_app(key="k"))
    assert client.get("/state").json()["error"]["code"] == "invalid_api_key"


def test_it_can_be_mounted_below_a_prefix() -> None:
    whole = Starlette(routes=[Mount("/env/moderation", create_environment_app())])
    client = TestClient(whole)
    session = client.post("/env/moderation/reset?seed=1").json()["session_id"]
    answer = client.post(
        f"/env/moderation/step?session_id={session}", json={"action_type": "approve"}
    )
    assert answer.status_code == 200
    with client.websocket_connect("/env/moderation/ws") as socket:
        socket.send_json({"type": "reset"})
        assert socket.receive_json()["type"] == "observation"
