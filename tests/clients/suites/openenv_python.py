"""OpenEnv's clients, validators and graders against `ostraka env serve`; static checks of ours."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openenv.core.generic_client import GenericEnvClient

SERVER = os.environ["OSTRAKA_TEST_ENVIRONMENT"]
EXAMPLE = Path(os.environ["OSTRAKA_TEST_OPENENV"])
ACTION = {"action_type": "remove", "violation_type": "spam"}
SIZES = {"task_easy": 8, "task_medium": 10, "task_hard": 12}


async def played(seed: int, steps: list[str]) -> list[Any]:
    """Everything that a client sees of an episode; it pauses after each step."""
    async with GenericEnvClient(base_url=SERVER) as queue:
        result = await queue.reset(task_id="task_hard", seed=seed)
        seen: list[Any] = [result.observation]
        for action in steps:
            result = await queue.step({"action_type": action, "violation_type": "spam"})
            seen.append((result.observation, result.reward, result.done))
            await asyncio.sleep(0)
        return seen


@pytest.mark.parametrize("task", list(SIZES))
def test_an_episode_is_played_to_its_end(task: str) -> None:
    with GenericEnvClient(base_url=SERVER).sync() as queue:
        result = queue.reset(task_id=task, seed=42, episode_id="mine")
        assert result.observation["task_id"] == task
        assert not result.done and result.reward is None
        steps = 0
        while not result.done:
            result = queue.step(ACTION)
            steps += 1
            assert type(result.reward) is float and 0.0 <= result.reward <= 1.0
        assert steps == SIZES[task]
        state = queue.state()
        assert (state["episode_id"], state["step_count"]) == ("mine", steps)


def test_sessions_that_interleave_are_what_each_is_alone() -> None:
    actions = ["approve", "warn", "remove", "escalate"] * 3

    async def together() -> list[Any]:
        return await asyncio.gather(*(played(seed, actions) for seed in range(64)))

    async def one_by_one() -> list[Any]:
        return [await played(seed, actions) for seed in range(64)]

    assert json.dumps(asyncio.run(together())) == json.dumps(asyncio.run(one_by_one()))


def test_a_running_server_is_valid() -> None:
    validation = pytest.importorskip("openenv.cli._validation")
    report = validation.validate_running_environment(SERVER)
    assert report["passed"], report
    assert len([each for each in report["criteria"] if each["passed"]]) == 6


def test_the_package_has_the_layout_that_push_wants() -> None:
    utils = pytest.importorskip("openenv.cli._cli_utils")
    utils.validate_env_structure(EXAMPLE)


def test_the_folder_stands_what_older_validators_ask(tmp_path: Path) -> None:
    validation = pytest.importorskip("openenv.cli._validation")
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "queue"))
    (folder / "uv.lock").touch()  # `make openenv` writes it
    assert validation.validate_multi_mode_deployment(folder) == (True, [])


def test_push_takes_the_wheel_and_opens_at_the_first_page(tmp_path: Path) -> None:
    push = pytest.importorskip("openenv.cli.commands.push")
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "queue"))
    (folder / "wheels").mkdir(exist_ok=True)
    (folder / "wheels/ostraka-0-py3-none-any.whl").touch()
    patterns = push._load_ignore_patterns(folder, None)
    staged = tmp_path / "staged"
    push._prepare_staging_directory(folder, "queue", staged, ignore_patterns=patterns)
    assert (staged / "wheels/ostraka-0-py3-none-any.whl").exists()
    assert re.findall("base_path: .*", (staged / "README.md").read_text("utf-8")) == [
        "base_path: /"
    ]


def parsed() -> Any:
    parsers = pytest.importorskip("openenv.validation.parsers.openenv_yaml")
    (parser,) = (each for name, each in vars(parsers).items() if name.endswith("YamlParser"))
    return parser().parse(EXAMPLE)


def test_the_manifest_is_valid() -> None:
    manifest = parsed()
    assert tuple(manifest.reward.range) == (0.0, 1.0)
    raw = (EXAMPLE / "openenv.yaml").read_text("utf-8")
    assert "name: ostraka_moderation_queue" in raw and "app: server.app:app" in raw


@pytest.mark.parametrize("task", [*SIZES, "task_queue"])
def test_the_runtime_graders_find_no_fault(task: str) -> None:
    contracts = pytest.importorskip("openenv.validation.runtime.contracts")
    from openenv.validation.graders.runtime import basic
    from openenv.validation.runtime.collector import collect_runtime_evidence

    plan = json.loads((EXAMPLE / "validation/runtime.json").read_text("utf-8"))
    plan["reset"]["options"] = {"task_id": task}
    checked = contracts.RuntimePlan.model_validate(plan)
    evidence = collect_runtime_evidence(SERVER, checked, episode_timeout_s=60)
    assert evidence.failure_reason is None
    subject = SimpleNamespace(runtime_evidence=evidence, manifest=parsed())
    graders = ("RewardWellFormedGrader", "ObservationSchemaGrader", "StateContractGrader")
    for name in graders:
        result = getattr(basic, name)().run(subject)
        assert result.status.value == "pass", (name, result.evidence)
