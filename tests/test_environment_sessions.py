"""Sessions of the environment's server: how many are kept, where, and for how long."""

import pytest

from ostraka.environment.environment import Environment
from ostraka.errors import NotFoundError
from ostraka.server.environment.sessions import Sessions


def test_a_session_that_made_room_goes_on_where_it_stood() -> None:
    sessions = Sessions(lambda: 0.0, alive=2)
    ids = []
    for seed in range(5):
        environment = sessions.environment()
        environment.reset("task_hard", seed=seed)
        environment.step({"action_type": "remove", "violation_type": "spam"})
        ids.append(sessions.add(environment, "me"))
    assert (len(sessions), sessions.alive) == (5, 2)
    expected = Environment()
    expected.reset("task_hard", seed=0)
    expected.step({"action_type": "remove", "violation_type": "spam"})
    assert sessions.get(ids[0]).state() == expected.state()
    assert sessions.alive == 2
    assert sessions.last_of("me") == ids[-1]


def test_sessions_end_when_nobody_comes_back() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0], idle_seconds=1800)
    session_id = sessions.add(Environment(), "me")
    now[0] = 1799.0
    sessions.get(session_id)
    now[0] = 3500.0
    sessions.get(session_id)
    now[0] = 5301.0
    with pytest.raises(NotFoundError):
        sessions.get(session_id)
    assert sessions.last_of("me") is None


def test_sessions_are_limited() -> None:
    sessions = Sessions(lambda: 0.0, alive=2, kept=3)
    ids = [sessions.add(environment_of(seed), "me") for seed in range(5)]
    assert len(sessions) == 3
    with pytest.raises(NotFoundError):
        sessions.get(ids[0])


def environment_of(seed: int) -> Environment:
    environment = Environment()
    environment.reset("task_easy", seed=seed)
    return environment
