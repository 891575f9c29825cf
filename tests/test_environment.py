"""Plays of the environment, through its public classes."""

from typing import Any

import msgspec
import pytest
from playing import play_rightly, right

from ostraka.environment.environment import Environment
from ostraka.environment.play import StepResult
from ostraka.environment.tasks import TASKS
from ostraka.errors import ConflictError, InvalidInputError
from ostraka.taxonomy import Action


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_oracle_reaches_the_maximum(task: str) -> None:
    for seed in range(15):
        environment = Environment()
        environment.reset(task, seed=seed, split="test")
        results = play_rightly(environment)
        assert environment.play.score == pytest.approx(1.0)
        assert environment.state()["final_score"] == pytest.approx(1.0)
        assert len(environment.state()["decisions"]) == len(results)


def test_observations_have_the_fields_of_the_contract() -> None:
    environment = Environment()
    observation: dict[str, Any] = environment.reset("task_hard", seed=42)
    for place in range(12):
        for name in ("post_id", "content", "author_id", "task_description"):
            assert isinstance(observation[name], str) and observation[name]
        assert " " not in observation["post_id"]
        for prior in observation["author_history"]["prior_actions"]:
            assert prior.keys() == {"date", "action", "violation_type"}
        history = observation["author_history"]
        assert history["total_violations"] == len(history["prior_actions"])
        for each in observation["context_thread"]:
            assert isinstance(each["content"], str)
        assert observation["available_actions"][0] == "approve"
        assert (observation["queue_position"], observation["current_step"]) == (place + 1, place)
        observation = environment.step(right(environment)).observation
    assert observation["content"] == "" and observation["author_history"]["prior_actions"] == []


def test_changing_an_observation_changes_nobody_elses() -> None:
    first, second = Environment(), Environment()
    observation = first.reset("task_medium", seed=5)
    observation["available_actions"].clear()
    observation["author_history"]["prior_actions"] = None
    assert second.reset("task_medium", seed=5)["available_actions"]
    assert second.play.observe()["author_history"]["prior_actions"] is not None


def test_no_step_before_a_reset_or_after_the_end() -> None:
    environment = Environment()
    assert environment.state()["decisions"] == []
    with pytest.raises(ConflictError):
        environment.step({"action_type": "approve"})
    environment.reset("task_easy")
    play_rightly(environment)
    with pytest.raises(ConflictError) as caught:
        environment.step({"action_type": "approve"})
    assert caught.value.code == "episode_is_done"


def test_feedback_at_the_end_has_the_same_sum() -> None:
    told = {}
    for feedback in ("immediate", "terminal", "none"):
        environment = Environment()
        environment.reset("task_easy", seed=7, feedback=feedback)
        answer = {"action_type": "remove", "violation_type": "spam"}
        results = [environment.step(answer) for _ in range(8)]
        told[feedback] = [result.reward for result in results]
        shown = [each["reward"] for each in environment.state()["decisions"]]
        assert (shown == [None] * 8) == (feedback == "none")
    assert sum(told["terminal"]) == pytest.approx(sum(told["immediate"]))
    assert told["terminal"][:-1] == [0.0] * 7
    assert told["none"] == [0.0] * 8


def test_rewards_of_an_episode_can_sum_to_its_score() -> None:
    environment = Environment()
    environment.reset("task_easy", seed=7, reward_scale="episode")
    assert sum(each.reward for each in play_rightly(environment)) == pytest.approx(1.0)
    with pytest.raises(InvalidInputError) as caught:
        environment.reset("task_easy", reward_scale="week")
    assert caught.value.field == "reward_scale"


def test_sessions_do_not_meet() -> None:
    def answer(number: int, step: int) -> dict[str, str]:
        kinds = list(Action)
        return {"action_type": kinds[(number + step) % 6].value, "violation_type": "spam"}

    def alone(number: int) -> list[StepResult]:
        environment = Environment()
        environment.reset("task_hard", seed=number % 5)
        return [environment.step(answer(number, step)) for step in range(12)]

    environments = [Environment() for _ in range(64)]
    for number, environment in enumerate(environments):
        environment.reset("task_hard", seed=number % 5)
    together: list[list[StepResult]] = [[] for _ in environments]
    for step in range(12):
        for number, environment in enumerate(environments):
            together[number].append(environment.step(answer(number, step)))
    assert together == [alone(number) for number in range(64)]


def test_a_log_of_another_version_is_refused() -> None:
    environment = Environment()
    environment.reset("task_easy")
    log = environment.log()
    with pytest.raises(ConflictError):
        Environment.restore(msgspec.structs.replace(log, version="0"))
