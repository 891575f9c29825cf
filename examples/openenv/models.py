"""Types of actions and observations, for OpenEnv's typed clients."""

from typing import Any

from openenv.core.env_server.types import Action, Observation


class ModerationAction(Action):
    """A decision about the post that was observed last."""

    action_type: str
    violation_type: str = "none"
    confidence: float | None = None
    reasoning: str = ""


class ModerationObservation(Observation):
    """A post with everything that is known of it; fields of shifts are absent elsewhere."""

    model_config = {"extra": "allow"}

    post_id: str
    content: str
    author_id: str
    author_history: dict[str, Any] = {}
    is_appeal: bool = False
    appeal_reason: str | None = None
    context_thread: list[dict[str, Any]] = []
    available_actions: list[str] = []
    policy: str = ""
