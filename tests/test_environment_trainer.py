"""The tool class for trainers."""

import pytest

from ostraka.environment.environment import Environment
from ostraka.environment.trainer import ModerationQueue


def test_a_rollout_decides_the_whole_queue() -> None:
    right = Environment()
    right.reset("task_hard", seed=3)
    queue = ModerationQueue()
    shown = queue.reset(prompt="unused column", task_id="task_hard", seed=3, split="train")
    for _ in range(12):
        item = right.play.current
        assert item.draft.text in shown
        shown = queue.decide(item.action.value, item.violation.value, "because")
        right.step({"action_type": item.action, "violation_type": item.violation})
    assert shown == "The queue is done."
    assert queue.get_reward() == pytest.approx(1.0)
    assert "over" in queue.decide("approve")


def test_the_reward_lies_between_0_and_1_at_any_time() -> None:
    queue = ModerationQueue()
    queue.reset()
    assert queue.get_reward() == 0.0
    queue.decide("no such action")
    queue.decide("remove", "spam")
    assert 0.0 <= queue.get_reward() <= 1.0


def test_looking_up_shows_the_same_post_again() -> None:
    queue = ModerationQueue()
    shown = queue.reset(task_id="task_queue", seed=1)
    again = queue.look_up("author")
    assert again.split("<post>")[1] == shown.split("<post>")[1]
    assert "look_up_author" in again


def test_tools_have_schemas() -> None:
    utils = pytest.importorskip("transformers.utils", reason="needs the train extra")
    schema = utils.get_json_schema(ModerationQueue().decide)["function"]
    parameters = schema["parameters"]
    assert parameters["required"] == ["action_type"]
    assert "escalate" in parameters["properties"]["action_type"]["enum"]
    assert "csam" in parameters["properties"]["violation_type"]["enum"]
