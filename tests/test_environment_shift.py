"""The shift: a clock, look-ups with a price, limited escalations, a policy that changes."""

import pytest
from playing import right

from ostraka.environment.environment import Environment
from ostraka.environment.shift import ShiftPlay


def shift(seed: int = 1) -> tuple[Environment, ShiftPlay]:
    environment = Environment()
    environment.reset("task_queue", seed=seed)
    play = environment.play
    assert isinstance(play, ShiftPlay)
    return environment, play


def test_looking_up_shows_what_was_hidden_and_costs_time() -> None:
    for seed in range(20):
        environment, play = shift(seed)
        if play.current.draft.record:
            break
    before = play.observe()
    assert before["author_history"]["prior_actions"] == []
    result = environment.step({"action_type": "look_up_author"})
    assert result.reward == 0.0
    assert result.observation["post_id"] == before["post_id"]
    history = result.observation["author_history"]
    assert history["total_violations"] == len(play.current.draft.record)
    assert result.observation["minute"] == before["minute"] + 1.0
    assert "look_up_author" not in result.observation["available_actions"]


def test_who_defers_gets_another_item_and_stalling_ends_the_shift() -> None:
    environment, play = shift()
    first = play.observe()["post_id"]
    result = environment.step({"action_type": "defer"})
    assert result.observation["post_id"] != first
    while not result.done:
        result = environment.step({"action_type": "defer"})
    assert environment.state()["final_score"] == 0.0


def test_escalations_are_limited() -> None:
    environment, play = shift()
    left = play.escalations_left
    results = [environment.step({"action_type": "escalate"}) for _ in range(left + 1)]
    assert [each.info["valid_action"] for each in results] == [True] * left + [False]
    assert "escalate" not in results[-1].observation["available_actions"]


def test_late_decisions_count_half() -> None:
    environment, play = shift()
    for _ in range(120):
        environment.step({"action_type": "look_up_author"})
        if play.minute > 72:
            break
    result = environment.step(right(environment))
    assert result.reward == pytest.approx(0.5)


def test_the_policy_changes_in_the_middle() -> None:
    environment, play = shift()
    observation, names = play.observe(), set()
    done = False
    while not done:
        names.add((observation["policy_changed"], observation["policy_name"]))
        observation, _, done, _ = environment.step(right(environment))
    assert {changed for changed, _ in names} == {False, True}
    assert len(names) == 2


def test_look_ups_are_told_in_the_order_in_which_they_were_made() -> None:
    """In every process: the order of a set is another one in each."""
    names = ["look_up_author", "look_up_thread"]
    for order in (names, names[::-1]):
        environment, _ = shift()
        for name in (*order, order[0]):
            observation = environment.step({"action_type": name}).observation
        assert observation["looked_up"] == order
