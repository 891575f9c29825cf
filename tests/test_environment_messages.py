"""`/ws` message by message: OpenEnv's envelopes, and our own for many actions or queues."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from serving import served
from websockets.sync.client import connect

from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate
from ostraka.server.environment.sessions import Sessions
from ostraka.server.environment.socket import Talk

PROGRAM = ("-m", "ostraka", "env", "serve", "--port", "PORT")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("environment"), program=PROGRAM) as address:
        yield address


def test_a_socket_is_a_session(address: str) -> None:
    url = address.replace("http", "ws") + "/ws"
    with connect(url) as one, connect(url) as other:

        def ask(socket: Any, kind: str, **data: Any) -> dict[str, Any]:
            socket.send(json.dumps({"type": kind, "data": data}))
            return json.loads(socket.recv())

        for socket, seed in ((one, 5), (other, 6)):
            answer = ask(socket, "reset", task_id="task_easy", seed=seed, episode_id=f"e{seed}")
            assert answer["type"] == "observation"
            assert answer["data"].keys() == {"observation", "reward", "done"}
            first = generate("task_easy", "train", seed).items[0]
            assert answer["data"]["observation"]["post_id"] == first.post_id
        answer = ask(one, "step", action_type="remove", violation_type="spam")
        assert type(answer["data"]["reward"]) is float
        assert ask(one, "state")["data"]["step_count"] == 1
        assert ask(other, "state")["data"]["episode_id"] == "e6"
        batch = ask(other, "batch_step", actions=[{"action_type": "approve"}] * 20)
        results = batch["data"]["results"]
        assert [each["done"] for each in results] == [False] * 7 + [True]


def test_faults_keep_the_socket_open(address: str) -> None:
    with connect(address.replace("http", "ws") + "/ws") as socket:

        def code(message: str) -> str:
            socket.send(message)
            answer = json.loads(socket.recv())
            assert answer["type"] == "error" and answer["data"]["message"]
            return str(answer["data"]["code"])

        assert code("{") == "INVALID_JSON"
        assert code("[]") == "INVALID_JSON"
        assert code('{"type": "dance"}') == "UNKNOWN_TYPE"
        assert code('{"type": "step", "data": {"action_type": "approve"}}') == "EXECUTION_ERROR"
        assert code('{"type": "reset", "data": {"seed": -1}}') == "VALIDATION_ERROR"
        assert code('{"type": "reset", "data": 5}') == "VALIDATION_ERROR"
        socket.send('{"type": "reset"}')
        assert json.loads(socket.recv())["type"] == "observation"
        assert code('{"type": "step", "data": {}}') == "VALIDATION_ERROR"
        assert code('{"type": "batch_step", "data": {"actions": []}}') == "VALIDATION_ERROR"


def test_many_queues_step_together(address: str) -> None:
    with connect(address.replace("http", "ws") + "/ws") as socket:

        def ask(kind: str, **data: Any) -> dict[str, Any]:
            socket.send(json.dumps({"type": kind, "data": data}))
            return json.loads(socket.recv())

        assert ask("vector_step", actions=[])["data"]["code"] == "EXECUTION_ERROR"
        begun = ask("vector_reset", task_id="task_easy", seeds=[4, 5, 6])
        alone = [Environment() for _ in range(3)]
        expected = [each.reset("task_easy", seed=4 + n) for n, each in enumerate(alone)]
        assert [each["observation"] for each in begun["data"]["results"]] == expected
        actions = [{"action_type": "remove", "violation_type": "spam"}, {"action_type": 5}]
        for _ in range(8):
            given = [actions[0], actions[1], actions[0]]
            told = ask("vector_step", actions=given)["data"]["results"]
            for result, environment, action in zip(told, alone, given, strict=True):
                step = environment.step(action)
                assert (result["reward"], result["done"]) == (step.reward, step.done)
                assert result["observation"] == step.observation
        assert ask("vector_step", actions=[None] * 3)["data"]["results"] == [None] * 3
        assert ask("vector_step", actions=[actions[0]] * 3)["data"]["code"] == "EXECUTION_ERROR"
        assert ask("vector_step", actions=[None])["data"]["code"] == "VALIDATION_ERROR"
        assert ask("vector_reset", seeds=[])["data"]["code"] == "VALIDATION_ERROR"
        assert ask("vector_reset", seeds=[1, -1])["data"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("task", ["task_hard", "task_queue"])
def test_the_quick_way_of_a_step_is_the_readable_one(task: str) -> None:
    """A plain step is read by a decoder of its own; one with a field of any other kind is not."""
    quick, readable = (Talk(Sessions(lambda: 0.0)) for _ in range(2))
    reset = json.dumps({"type": "reset", "data": {"task_id": task, "seed": 3}})
    assert quick.answer_to(reset) == readable.answer_to(reset)
    given = ["approve", "Remove ", None, 5, ["warn"], {"a": 1}, "escalate", "defer", ""]
    for action in given * 2:
        data = {"action_type": action, "violation_type": action, "confidence": 0.5}
        plain = quick.answer_to(json.dumps({"type": "step", "data": data}))
        # `batch_step` reads every action the readable way.
        batch = readable.answer_to(json.dumps({"type": "batch_step", "data": {"actions": [data]}}))
        assert plain is not None and batch is not None
        told = json.loads(plain)
        if told["type"] == "error":
            assert json.loads(batch)["data"] == told["data"]
            break
        assert json.loads(batch)["data"]["results"] == [told["data"]]
