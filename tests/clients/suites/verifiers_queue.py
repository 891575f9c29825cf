"""The task set of verifiers: its tasks name our episodes, and what models say is understood."""

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from verifiers.v1.tasksets.openenv.taskset import parse_action
from websockets.sync.client import connect

SERVER = os.environ["OSTRAKA_TEST_ENVIRONMENT"]
MODULE = Path(__file__).parents[3] / "src/ostraka/environment/verifiers_queue.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verifiers_queue", MODULE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tasks_are_episodes_of_the_server() -> None:
    module = loaded()
    resets = module.resets_of("task_hard", first_seed=5, episodes=3)
    config = module.ModerationQueueConfig(base_url=SERVER, resets=resets)
    tasks = list(module.ModerationQueueTaskset(config).load())
    assert [task.data.reset["seed"] for task in tasks] == [5, 6, 7]
    assert all(task.data.base_url == SERVER for task in tasks)


@pytest.mark.parametrize("said", ["remove", '{"action_type": "remove"}', "```json\n{}\n```"])
def test_what_models_say_becomes_an_action(said: str) -> None:
    """verifiers reads a bare word as an action where a schema asks for one field alone."""
    schema = httpx.get(f"{SERVER}/schema").json()["action"]
    said = said.replace("{}", '{"action_type": "remove"}')
    assert parse_action(said, schema) == {"action_type": "remove"}


def test_an_episode_is_worth_its_sum() -> None:
    """What verifiers' engine does with a task, message by message; its rewards are summed."""
    schema = httpx.get(f"{SERVER}/schema").json()["action"]
    (reset,) = loaded().resets_of("task_hard", first_seed=5, episodes=1)
    total, done, turns = 0.0, False, 0
    with connect(f"{SERVER.replace('http', 'ws')}/ws") as socket:
        socket.send(json.dumps({"type": "reset", "data": reset}))
        assert json.loads(socket.recv())["data"]["done"] is False
        while not done:
            data = parse_action("remove", schema)
            socket.send(json.dumps({"type": "step", "data": data}))
            answer = json.loads(socket.recv())["data"]
            total, done, turns = total + (answer["reward"] or 0.0), answer["done"], turns + 1
    assert turns == 12
    assert 0.0 < total <= 1.0
