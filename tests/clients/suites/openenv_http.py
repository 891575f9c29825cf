"""`openenv-core` 0.1's client over HTTP, which names no session: the one begun last is meant."""

import os
from typing import Any

from openenv_core.client_types import StepResult
from openenv_core.http_env_client import HTTPEnvClient

SERVER = os.environ["OSTRAKA_TEST_ENVIRONMENT"]


class Queue(HTTPEnvClient):
    """The client with plain dictionaries for types."""

    def _step_payload(self, action: dict[str, Any]) -> dict[str, Any]:
        return action

    def _parse_result(self, payload: dict[str, Any]) -> StepResult:
        return StepResult(payload["observation"], payload.get("reward"), payload["done"])

    def _parse_state(self, payload: dict[str, Any]) -> dict[str, Any]:
        return payload


def test_an_episode_is_played_to_its_end() -> None:
    queue = Queue(base_url=SERVER)
    result = queue.reset()
    assert result.observation["task_id"] == "task_easy"
    steps = 0
    while not result.done:
        result = queue.step({"action_type": "approve", "violation_type": "none"})
        steps += 1
        assert 0.0 <= result.reward <= 1.0
    assert steps == 8
    assert queue.state()["step_count"] == 8
