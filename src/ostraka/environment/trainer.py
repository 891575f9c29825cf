"""The environment as a class of tools, as trainers like TRL's `GRPOTrainer` take it.

    trainer = GRPOTrainer(..., environment_factory=ModerationQueue)

It needs no library of a trainer: a constructor without arguments, `reset` with a row's columns,
and every other public method is a tool whose types and docstring make its schema.
"""

from typing import Any

from ostraka.environment.environment import Environment
from ostraka.environment.prompts import prompt_of
from ostraka.errors import CallerError


class ModerationQueue:
    """One rollout's queue."""

    def __init__(self) -> None:
        self._environment = Environment()

    def reset(self, **row: Any) -> str:
        """Begin the episode that the row's `task_id`, `seed` and `split` name."""
        names = ("task_id", "seed", "split", "feedback")
        observation = self._environment.reset(
            **{name: row[name] for name in names if row.get(name) is not None}
        )
        return prompt_of(observation)

    def decide(self, action_type: str, violation_type: str = "none", reasoning: str = "") -> str:
        """Decide about the post that was shown last, and see the next one.

        Args:
            action_type: What to do. (choices: ["approve", "warn", "remove", "ban_temporary", "ban_permanent", "escalate", "defer"])
            violation_type: What it violates. (choices: ["spam", "hate_speech", "harassment", "misinformation", "csam", "illegal_services", "doxxing", "self_harm_risk", "none"])
            reasoning: Why, in a sentence. It is not graded.

        Returns:
            The next post, or that the queue is done.
        """  # noqa: E501  # a choice must stand on one line to become part of the schema
        return self._answered({"action_type": action_type, "violation_type": violation_type})

    def look_up(self, what: str) -> str:
        """Look something up about the post that was shown last. It costs time.

        Args:
            what: What to look up. (choices: ["author", "thread"])

        Returns:
            The post with what was found.
        """
        return self._answered({"action_type": f"look_up_{what}"})

    def get_reward(self) -> float:
        """The mean reward of the queue's items so far, those that wait included."""
        return self._environment.play.score

    def _answered(self, action: dict[str, Any]) -> str:
        try:
            result = self._environment.step(action)
        except CallerError as error:
            return error.message
        return "The queue is done." if result.done else prompt_of(result.observation)
