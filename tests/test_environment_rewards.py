"""What decisions of the environment are worth, and how any answer at all is read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.environment.actions import DEFER, LOOK_UPS, answer_of, parse_action
from ostraka.environment.environment import Environment
from ostraka.environment.library import Split
from ostraka.environment.reward import UTILITIES, utilities_under
from ostraka.environment.tasks import TASKS
from ostraka.errors import InvalidInputError
from ostraka.taxonomy import Action, ViolationType

tasks = st.sampled_from(sorted(TASKS))
splits = st.sampled_from([each.value for each in Split])
seeds = st.integers(0, 10_000)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=80),
    st.sampled_from([*Action, *ViolationType, "Remove ", "ban temporary", "defer"]),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
answers = st.fixed_dictionaries(
    {"action_type": values}, optional={"violation_type": values, "reasoning": values}
)


@given(st.dictionaries(st.sampled_from(list(Action)), st.integers(1, 20), min_size=1))
def test_the_best_action_is_worth_one(votes: dict[Action, int]) -> None:
    worth = utilities_under(votes)
    assert max(worth.values()) == 1.0
    assert min(worth.values()) >= 0.0


def test_the_matrix_prizes_what_is_right() -> None:
    for action, row in UTILITIES.items():
        assert max(row, key=row.__getitem__) is action
        assert all(0.0 <= worth <= 1.0 for worth in row.values())
    assert UTILITIES[Action.BAN_PERMANENT][Action.APPROVE] == 0.0
    assert UTILITIES[Action.APPROVE][Action.REMOVE] < UTILITIES[Action.REMOVE][Action.WARN]


def test_escalation_is_best_where_people_disagree() -> None:
    split = utilities_under({Action.ESCALATE: 3, Action.APPROVE: 2, Action.REMOVE: 2})
    assert max(split, key=split.__getitem__) == "escalate"
    agreed = utilities_under({Action.REMOVE: 6, Action.WARN: 1})
    assert max(agreed, key=agreed.__getitem__) == "remove"


@settings(max_examples=60, deadline=None)
@given(tasks, st.integers(0, 50), st.lists(answers, min_size=1, max_size=12))
def test_any_answer_is_answered(task: str, seed: int, given: list[dict[str, Any]]) -> None:
    environment = Environment()
    environment.reset(task, seed=seed)
    for answer in given:
        if environment.play.done:
            break
        result = environment.step(answer)
        assert type(result.reward) is float and 0.0 <= result.reward <= 1.0
        assert isinstance(result.observation, dict)
    json.dumps(environment.state())
    restored = Environment.restore(environment.log())
    assert restored.state() == environment.state()
    assert restored.play.observe() == environment.play.observe()
    assert json.loads(environment.play.observe_encoded()) == environment.play.observe()


@settings(max_examples=20, deadline=None)
@given(values)
def test_reasoning_never_counts(reasoning: Any) -> None:
    environment = Environment()
    environment.reset("task_easy", seed=3)
    plain = environment.step({"action_type": "remove", "violation_type": "spam"})
    environment.reset("task_easy", seed=3)
    action = {"action_type": "remove", "violation_type": "spam", "reasoning": reasoning}
    assert environment.step(action) == plain


def test_nonsense_is_marked_and_never_approval() -> None:
    environment = Environment()
    environment.reset("task_easy", seed=1)
    result = environment.step({"action_type": ["approve"], "violation_type": None})
    assert result.reward == 0.0
    assert result.info == {"valid_action": False, "valid_violation_type": False}
    assert environment.state()["decisions"][0]["action_type"] == "['approve']"
    assert environment.step({"action_type": "escalate"}).info["valid_action"] is False


@pytest.mark.parametrize("action", [None, [], "remove", {}, {"violation_type": "spam"}])
def test_a_shape_that_is_no_action_is_refused(action: Any) -> None:
    environment = Environment()
    environment.reset("task_easy")
    with pytest.raises(InvalidInputError) as caught:
        environment.step(action)
    assert caught.value.field in ("action", "action_type")
    assert environment.state()["step_count"] == 0


@pytest.mark.parametrize("spelled", ["Ban Temporary", " ban-temporary\n", "BAN_TEMPORARY"])
def test_spelling_is_forgiven(spelled: str) -> None:
    assert parse_action({"action_type": spelled}).action == "ban_temporary"


def test_answers_that_are_written_as_they_should_be_are_read_as_any_other() -> None:
    for action in (*Action, *LOOK_UPS, DEFER):
        for violation in ViolationType:
            short = answer_of(str(action), str(violation))
            # A confidence that is none is left out, but the answer is read word by word.
            assert short == answer_of(str(action), str(violation), "high")
            assert short.action == short.given == action
