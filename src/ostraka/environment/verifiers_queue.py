"""The environment as a task set of verifiers, as Prime-RL takes it (extra `verifiers`).

A server plays: start `ostraka env serve`, and give the task set its address.

    config = ModerationQueueConfig(base_url="http://127.0.0.1:7860", resets=resets_of("task_easy"))
    taskset = ModerationQueueTaskset(config)

verifiers sums the rewards of steps; with the scale `episode` the sum lies in [0, 1].
"""

from typing import Any

import verifiers.v1 as vf
from pydantic import Field
from verifiers.v1.tasksets.openenv import OpenEnvConfig, OpenEnvTask, OpenEnvTaskset


def resets_of(
    task_id: str = "task_hard", first_seed: int = 0, episodes: int = 100, split: str = "train"
) -> list[dict[str, Any]]:
    """What each episode is reset with."""
    return [
        {"task_id": task_id, "seed": seed, "split": split, "reward_scale": "episode"}
        for seed in range(first_seed, first_seed + episodes)
    ]


class ModerationQueueConfig(OpenEnvConfig):
    """Where the server is, and which episodes are played."""

    base_url: str = "http://127.0.0.1:7860"
    resets: list[dict[str, Any]] = Field(default_factory=resets_of)


class ModerationQueueTaskset(OpenEnvTaskset, vf.Taskset[OpenEnvTask, ModerationQueueConfig]):
    """The episodes of the configuration, each a task."""
