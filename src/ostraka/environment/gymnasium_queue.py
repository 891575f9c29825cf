"""The environment as Gymnasium's `Env` and `VectorEnv` (extra `environment`).

    environment = gymnasium.make(
        "ostraka.environment.gymnasium_queue:Ostraka/ModerationQueue-v0", task_id="task_hard"
    )

An answer is two numbers, the action and the violation type (`vectors.ACTIONS`, `VIOLATIONS`).
"""

from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ostraka.environment.environment import Environment
from ostraka.environment.generator import LARGEST_SEED
from ostraka.environment.tasks import task_of
from ostraka.environment.vectors import (
    ACTIONS,
    CLOCK,
    RECORD,
    VIOLATIONS,
    View,
    answer_at,
    view_of,
    views_of,
)

ID: Final = "Ostraka/ModerationQueue-v0"
_LONGEST: Final = 100_000
_CHARACTERS: Final = "".join(map(chr, (*range(9, 11), *range(32, 0x2FFF))))
_MOST: Final = 1e6


def _text() -> spaces.Text:
    return spaces.Text(max_length=_LONGEST, min_length=0, charset=_CHARACTERS)


def observation_space() -> spaces.Dict:
    """The space of one observation."""
    return spaces.Dict(
        {
            "content": _text(),
            "policy": _text(),
            "thread": _text(),
            "appeal": _text(),
            "record": spaces.Box(0.0, _MOST, (len(RECORD),), np.float32),
            "available": spaces.MultiBinary(len(ACTIONS)),
            "clock": spaces.Box(-_MOST, _MOST, (len(CLOCK),), np.float32),
        }
    )


def action_space() -> spaces.MultiDiscrete:
    """The space of one answer: an action and a violation type."""
    return spaces.MultiDiscrete([len(ACTIONS), len(VIOLATIONS)])


class ModerationQueueEnv(gymnasium.Env[dict[str, Any], npt.NDArray[np.int64]]):
    """One queue. `reset(seed=…)` deals the episode of that seed; without one, a drawn one."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, task_id: str = "task_hard", split: str = "train", secret: str = "") -> None:
        self._task_id, self._split = task_of(task_id).id, split
        self._environment = Environment(secret)
        self.observation_space = observation_space()
        self.action_space = action_space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; `options` are those of `Environment.reset`, such as `feedback`."""
        super().reset(seed=seed)
        dealt = int(self.np_random.integers(LARGEST_SEED)) if seed is None else seed
        observation = self._environment.reset(
            self._task_id, seed=dealt, split=self._split, **(options or {})
        )
        return view_of(observation)._asdict(), {"seed": dealt}

    def step(
        self, action: npt.NDArray[np.int64]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Decide about the post that was observed last."""
        result = self._environment.play.take(answer_at(int(action[0]), int(action[1])))
        observed = view_of(result.observation)._asdict()
        return observed, result.reward, result.done, False, result.info


class ModerationQueueVectorEnv(VectorEnv[dict[str, Any], npt.NDArray[np.int64], Any]):
    """Many queues that are stepped together.

    They take their episodes in turn from the seeds `first_seed` up to `first_seed + episodes`; a
    queue that is over begins its next episode with the step that follows (`NEXT_STEP`).
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 64,
        task_id: str = "task_hard",
        split: str = "train",
        secret: str = "",
        first_seed: int = 0,
        episodes: int = 512,
    ) -> None:
        self.num_envs = num_envs
        self._task, self._split, self._secret = task_of(task_id), split, secret
        self._first_seed, self._episodes = first_seed, episodes
        self.single_observation_space = observation_space()
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._queues = [Environment(secret) for _ in range(num_envs)]
        self._views: list[tuple[View, ...]] = [()] * num_envs
        self._dealt = 0
        self._over = np.zeros(num_envs, np.bool_)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin anew with the first episodes, or from `seed` on."""
        if isinstance(seed, int):
            self._first_seed = seed
        self._dealt = 0
        for number in range(self.num_envs):
            self._deal(number)
        self._over[:] = False
        return self._observed(), {}

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[dict[str, Any], Any, Any, Any, dict[str, Any]]:
        """Decide in all queues at once; `actions` has the shape (num_envs, 2)."""
        rewards = np.zeros(self.num_envs, np.float64)
        over = np.zeros(self.num_envs, np.bool_)
        for number, (action, violation) in enumerate(np.asarray(actions).tolist()):
            if self._over[number]:
                self._deal(number)
                continue
            play = self._queues[number].play
            rewards[number] = play.advance(answer_at(action, violation))
            over[number] = play.done
        self._over = over
        return self._observed(), rewards, over, np.zeros(self.num_envs, np.bool_), {}

    def _deal(self, number: int) -> None:
        seed = self._first_seed + self._dealt % self._episodes
        self._dealt += 1
        self._queues[number].begin(self._task.id, seed=seed, split=self._split)
        if not self._task.shift:
            self._views[number] = views_of(self._task.id, self._split, seed, self._secret)

    def _observed(self) -> dict[str, Any]:
        views = [self._view(number) for number in range(self.num_envs)]
        content, policy, thread, appeal, record, available, clock = zip(*views, strict=True)
        return {
            "content": content,
            "policy": policy,
            "thread": thread,
            "appeal": appeal,
            "record": np.stack(record),
            "available": np.stack(available),
            "clock": np.stack(clock),
        }

    def _view(self, number: int) -> View:
        """What a queue shows; one that is over shows its last post once more."""
        play = self._queues[number].play
        if self._task.shift:
            return view_of(play.observe())
        views = self._views[number]
        return views[min(len(play.decisions), len(views) - 1)]


gymnasium.register(
    id=ID,
    entry_point=ModerationQueueEnv,
    vector_entry_point=ModerationQueueVectorEnv,
)
