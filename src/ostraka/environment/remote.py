"""An agent plays on a server, as published baseline agents do."""

from typing import Any, Final

import httpx

from ostraka.environment.agents import Agent
from ostraka.environment.environment import Environment
from ostraka.environment.play import StepResult
from ostraka.environment.running import Watch
from ostraka.errors import NotFoundError, StorageError

_SECONDS: Final = 30.0


class RemotePlay:
    """Plays over HTTP at `address`, which may have a path and credentials in it."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address.rstrip("/"), timeout=_SECONDS)

    def play(self, agent: Agent, task_id: str, seed: int, split: str, watch: Watch) -> float:
        """Let `agent` play one episode; returns its score.

        Raises:
            StorageError: the server does not answer.
            NotFoundError: it answers with an error.
        """
        asked = {"task_id": task_id, "seed": seed, "split": split}
        observation = self._call("POST", "/reset", params=asked)
        session = {"session_id": observation.get("session_id", "")}
        agent.begin(Environment(), seed)
        total, done = 0.0, False
        while not done:
            action = agent.decide(observation)
            told = self._call("POST", "/step", params=session, json=action)
            result = StepResult(
                told["observation"], float(told["reward"]), bool(told["done"]), told.get("info", {})
            )
            watch(observation["post_id"], action, result)
            total += result.reward
            observation, done = result.observation, result.done
        state = self._call("GET", "/state", params=session)
        score = state.get("final_score")
        return total / max(len(state["decisions"]), 1) if score is None else float(score)

    def _call(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **given)
        except httpx.TransportError as error:
            raise StorageError(f"the environment's server does not answer: {error}") from error
        if answer.status_code >= 400:
            raise NotFoundError(f"the environment's server refuses {path}: {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found
