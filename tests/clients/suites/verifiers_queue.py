"""verifiers' own engine plays our queue: as our task set, and as any OpenEnv server's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ostraka.environment.environment import Environment
from ostraka.environment.prompts import SYSTEM
from ostraka.testing.openai_server import ScriptedServer, scripted_server

SERVER = os.environ["OSTRAKA_TEST_ENVIRONMENT"]
ANSWER = '```json\n{"action_type": "remove", "violation_type": "spam"}\n```'
PLAYER = '[env.player.harness]\nid = "null"\n[env.player.runtime]\ntype = "subprocess"\n'


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with scripted_server({"default": {"content": ANSWER}}) as server:
        yield server


def played(taskset: str, model: ScriptedServer, folder: Path) -> list[dict[str, Any]]:
    """The traces of a run of `vf-eval`, in the order of their tasks."""
    client = f'[client]\nbase_url = "{model.base_url}"\napi_key_var = "KEY"\n'
    configuration = f'model = "scripted"\npush = false\n[env.taskset]\n{taskset}\n{PLAYER}{client}'
    (folder / "run.toml").write_text(configuration)
    command = [str(Path(sys.executable).parent / "vf-eval"), "@", "run.toml"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"KEY": "none"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [written] = folder.glob("outputs/*/traces.jsonl")
    episodes = [json.loads(line) for line in written.read_text().splitlines()]
    traces = [trace for episode in episodes for trace in episode["traces"]]
    assert not any(trace["errors"] for trace in traces), traces
    return sorted(traces, key=lambda trace: str(trace["task"]))


def score_of_removing(task_id: str, seed: int) -> float:
    environment = Environment()
    environment.reset(task_id, seed=seed, split="train")
    while not environment.step({"action_type": "remove", "violation_type": "spam"}).done:
        pass
    return environment.play.score


def test_an_episode_is_worth_what_it_is_here(model: ScriptedServer, tmp_path: Path) -> None:
    taskset = 'id = "ostraka-queue"\ntask_id = "task_hard"\nfirst_seed = 5\nepisodes = 2'
    traces = played(taskset, model, tmp_path)
    expected = [score_of_removing("task_hard", seed) for seed in (5, 6)]
    assert [trace["rewards"]["score"]["score"] for trace in traces] == pytest.approx(expected)
    assert [trace["metrics"] for trace in traces] == [{"steps": 12.0, "invalid": 0.0}] * 2
    first, *_ = model.state()["last"]["messages"]
    assert first == {"role": "system", "content": SYSTEM}


def test_an_answer_without_a_decision_earns_nothing(tmp_path: Path) -> None:
    with scripted_server({"default": {"content": "I would rather not say."}}) as model:
        [trace] = played('id = "ostraka-queue"\nepisodes = 1', model, tmp_path)
    assert trace["rewards"]["score"]["score"] == 0.0
    assert trace["metrics"] == {"steps": 12.0, "invalid": 12.0}


def test_its_engine_for_openenv_plays_on_our_server(model: ScriptedServer, tmp_path: Path) -> None:
    """The rewards of steps are summed there; with the scale `episode` that is a mean."""
    reset = '{task_id = "task_easy", seed = 5, split = "train", reward_scale = "episode"}'
    taskset = f'id = "openenv"\nbase_url = "{SERVER}"\nresets = [{reset}]'
    [trace] = played(taskset, model, tmp_path)
    score = trace["rewards"]["openenv_reward"]["score"]
    assert score == pytest.approx(score_of_removing("task_easy", 5))
