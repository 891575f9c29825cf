"""The environment for verifiers and Prime-RL (extra `verifiers`), found under `ostraka-queue`.

    vf-eval ostraka-queue --env.taskset.task-id task_easy --env.taskset.episodes 20

Episodes are played in the process of verifiers; no server is asked. A rollout's reward is the mean
reward of its decisions, in [0, 1].
"""

from collections.abc import Iterator
from typing import Literal

import verifiers.v1 as vf
from pydantic import Field

from ostraka.environment.environment import Environment
from ostraka.environment.play import StepResult
from ostraka.environment.prompts import SYSTEM, decision_in, prompt_of


class QueueData(vf.TaskData):
    """Which episode a rollout plays."""

    task_id: str
    seed: int
    split: str


class QueueTask(vf.Task[QueueData]):
    """One episode."""


class ModerationQueueConfig(vf.TasksetConfig):
    """Which episodes there are: `episodes` of them, with seeds from `first_seed`."""

    task_id: Literal["task_easy", "task_medium", "task_hard", "task_queue"] = "task_hard"
    split: Literal["train", "validation", "test"] = "train"
    first_seed: int = Field(0, ge=0)
    episodes: int = Field(100, ge=1)


class ModerationQueueTaskset(vf.Taskset[QueueTask, ModerationQueueConfig]):
    """The episodes of the configuration, each a task."""

    def load(self) -> Iterator[QueueTask]:
        """In the order of their seeds."""
        config = self.config
        for seed in range(config.first_seed, config.first_seed + config.episodes):
            yield QueueTask(
                QueueData(
                    name=f"{config.task_id} {config.split} {seed}",
                    system_prompt=SYSTEM,
                    task_id=config.task_id,
                    seed=seed,
                    split=config.split,
                ),
                config.task,
            )


class ModerationQueueEnvConfig(vf.EnvConfig):
    """Who plays."""

    player: vf.AgentConfig = vf.AgentConfig()


class ModerationQueueEnv(vf.Env[ModerationQueueEnvConfig]):
    """Shows the player one post after the other, and takes its answers as decisions."""

    async def run(self, task: QueueTask, agents: vf.Agents) -> None:
        """Play the task's episode; a player that is stopped leaves the rest undecided."""
        environment = Environment()
        data = task.data
        observation = environment.reset(data.task_id, seed=data.seed, split=data.split)
        results: list[StepResult] = []
        async with agents.player.interaction(task) as interaction:
            while not (results and results[-1].done):
                segment = await interaction.turn(prompt_of(observation))
                if segment.terminated:
                    break
                results.append(environment.step(decision_in(segment.last_reply)))
                observation = results[-1].observation
        trace = interaction.trace
        trace.record_reward("score", environment.play.score)
        invalid = sum(not result.info["valid_action"] for result in results)
        trace.record_metrics({"steps": len(results), "invalid": invalid})
