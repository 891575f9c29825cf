"""OpenEnv's own server around an environment that does nothing but echo: `openenv_echo.py PORT`.

Run by the Python of an environment that has `openenv`; nothing of ours is imported.
"""

import sys
from typing import Any

import uvicorn
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class EchoAction(Action):
    """What is echoed."""

    message: str


class EchoObservation(Observation):
    """The echo."""

    message: str = ""


class EchoEnvironment(Environment[EchoAction, EchoObservation, State]):
    """Never over."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State(episode_id="echo", step_count=0)

    def reset(self, seed: Any = None, episode_id: Any = None, **given: Any) -> EchoObservation:
        """Begin."""
        return EchoObservation(message="", done=False, reward=0.0)

    def step(self, action: EchoAction, timeout_s: Any = None, **given: Any) -> EchoObservation:
        """Echo."""
        return EchoObservation(message=action.message, done=False, reward=1.0)

    @property
    def state(self) -> State:
        """The state."""
        return self._state


def main() -> None:
    """Serve until stopped."""
    application = create_fastapi_app(
        EchoEnvironment, EchoAction, EchoObservation, max_concurrent_envs=256
    )
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
