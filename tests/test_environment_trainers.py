"""What trainers take: Gymnasium's classes, and episodes as rows."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ostraka.environment.agents import agent_of
from ostraka.environment.environment import Environment
from ostraka.environment.exporting import CANARY, RowKind, rows_of
from ostraka.environment.generator import generate
from ostraka.environment.prompts import answer_in, fenced
from ostraka.environment.tasks import TASKS
from ostraka.environment.vectors import ACTIONS, VIOLATIONS, view_of
from ostraka.errors import ConflictError, InvalidInputError

gymnasium = pytest.importorskip("gymnasium", reason="needs the environment extra")

NAME = "ostraka.environment.gymnasium_queue:Ostraka/ModerationQueue-v0"


def rightly(task: str, seed: int) -> list[tuple[int, int]]:
    return [
        (ACTIONS.index(item.action), VIOLATIONS.index(item.violation))
        for item in generate(task, "train", seed).items
    ]


@pytest.mark.parametrize("task", list(TASKS))
def test_it_is_an_environment_of_gymnasium(task: str) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(NAME, task_id=task).unwrapped, skip_render_check=True)


def test_an_episode_of_right_answers_earns_everything() -> None:
    environment = gymnasium.make(NAME, task_id="task_hard")
    observation, info = environment.reset(seed=42)
    assert info == {"seed": 42}
    expected = view_of(Environment().reset("task_hard", seed=42))
    assert observation["content"] == expected.content
    total, over = 0.0, False
    for answer in rightly("task_hard", 42):
        observation, reward, over, truncated, _ = environment.step(np.array(answer))
        assert not truncated
        total += reward
    assert over and total == pytest.approx(12.0)


@pytest.mark.parametrize("task", ["task_medium", "task_queue"])
def test_many_queues_are_what_each_is_alone(task: str) -> None:
    from gymnasium.vector import AutoresetMode

    many = gymnasium.make_vec(
        NAME, num_envs=5, vectorization_mode="vector_entry_point", task_id=task, episodes=7
    ).unwrapped
    assert many.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    alone = [Environment() for _ in range(5)]
    dealt = 5
    observed, _ = many.reset(seed=100)
    shown = [each.reset(task, seed=100 + number) for number, each in enumerate(alone)]
    over = [False] * 5
    draws = np.random.default_rng(1)
    for _ in range(60):
        assert list(observed["content"]) == [each["content"] for each in shown] or any(over)
        answers = np.stack([draws.integers(6, size=5), draws.integers(9, size=5)], axis=1)
        observed, rewards, ended, truncated, _ = many.step(answers)
        assert not truncated.any()
        for number, each in enumerate(alone):
            if over[number]:
                shown[number] = each.reset(task, seed=100 + dealt % 7)
                dealt += 1
                assert rewards[number] == 0.0 and not ended[number]
                over[number] = False
                continue
            action, violation = answers[number]
            given = {"action_type": ACTIONS[action], "violation_type": VIOLATIONS[violation]}
            shown[number], reward, over[number], _ = each.step(given)
            assert rewards[number] == reward and ended[number] == over[number]
    assert many.observation_space["record"].contains(observed["record"])
    assert observed["available"].shape == (5, len(ACTIONS))


# Rows


@pytest.mark.parametrize("task", ["task_easy", "task_hard", "task_queue"])
def test_right_answers_are_rows_to_imitate(task: str) -> None:
    rows = list(rows_of(RowKind.SFT, task, range(2), "train", lambda: agent_of("random")))
    assert len(rows) == 2 * TASKS[task].size
    environment = Environment()
    environment.reset(task, seed=0)
    for row in rows[: TASKS[task].size]:
        answer = answer_in(row["messages"][-1]["content"])
        assert answer is not None
        assert environment.play.current.draft.text in row["messages"][1]["content"]
        assert environment.step(answer).reward == pytest.approx(1.0)
        assert row["canary"] == CANARY


@pytest.mark.parametrize("rejected", ["policy", "random", "constant"])
def test_rejected_answers_earn_less_than_chosen_ones(rejected: str) -> None:
    seeds = range(4)
    for row in rows_of(RowKind.DPO, "task_hard", seeds, "validation", lambda: agent_of(rejected)):
        good, bad = (answer_in(row[name][0]["content"]) for name in ("chosen", "rejected"))
        assert good is not None and bad is not None
        environment = Environment()
        environment.reset("task_hard", seed=row["seed"], split="validation")
        for _ in range(row["step"] - 1):
            environment.step({"action_type": "remove"})
        log = environment.log()
        rewards = [Environment.restore(log).step(each).reward for each in (good, bad)]
        assert rewards[0] > rewards[1]


def test_an_episode_is_one_row_for_who_plays_it() -> None:
    rows = list(
        rows_of(RowKind.GRPO, "task_easy", range(3), "train", lambda: agent_of("random"))
    )  # fmt: skip
    assert [row["seed"] for row in rows] == [0, 1, 2]
    assert all(row["prompt"][0]["role"] == "user" for row in rows)


def test_what_measures_is_not_exported() -> None:
    with pytest.raises(InvalidInputError, match="for measuring"):
        next(rows_of(RowKind.SFT, "task_easy", [0], "test", lambda: agent_of("random")))


def test_rows_are_written_as_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ostraka", "env", "export"]
    options = ["dpo", "--task", "task_easy", "--seeds", "3", "-o", str(tmp_path / "rows.jsonl")]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "24 rows" in done.stderr
    lines = (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 24 and "rejected" in json.loads(lines[0])
    refused = subprocess.run(
        [*command, *options, "--rejected", "oracle"], capture_output=True, text=True
    )
    assert refused.returncode == 2


def test_no_post_leaves_its_marks() -> None:
    text = "over </post> and </post_> out"
    shown = fenced(text)
    mark = shown.splitlines()[0].strip("<>")
    assert shown.count(f"</{mark}>") == 1 and text in shown


def test_a_play_that_is_over_takes_no_answer() -> None:
    environment = gymnasium.make(NAME, task_id="task_easy").unwrapped
    environment.reset(seed=1)
    for answer in rightly("task_easy", 1):
        environment.step(answer)
    with pytest.raises(ConflictError):
        environment.step((0, 0))
