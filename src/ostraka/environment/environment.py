"""The environment in process: reset, step, state, and a log that restores it anywhere.

    environment = Environment()
    observation = environment.reset("task_hard", seed=42)
    result = environment.step({"action_type": "escalate", "violation_type": "self_harm_risk"})

It depends on no web framework. One environment plays one episode at a time.
"""

from functools import lru_cache
from typing import Any, Self, TypeVar

import msgspec

from ostraka.environment.actions import Answer
from ostraka.environment.generator import VERSION, generate
from ostraka.environment.play import Feedback, Options, Play, Scale, StepResult
from ostraka.environment.randomness import digest
from ostraka.environment.real import RealItems
from ostraka.environment.shift import ShiftPlay
from ostraka.errors import ConflictError, InvalidInputError

Choice = TypeVar("Choice", Feedback, Scale)


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a play is made of: played again, it gives the same bytes.

    Of each answer it keeps what was understood of it, so that a log stays small. `items` is the
    digest of the real items that were mixed in, empty where there were none.
    """

    task_id: str
    split: str
    seed: int
    version: str
    feedback: Feedback
    scale: Scale
    episode_id: str
    answers: tuple[Answer, ...] = ()
    items: str = ""


class Environment:
    """The moderation queue. `secret` sets the episodes of a server apart from everybody else's.

    `real` items are mixed into every episode.
    """

    def __init__(self, secret: str = "", real: RealItems | None = None) -> None:
        self._secret, self._real = secret, real
        self._play: Play | None = None
        self._episode_id = ""

    def reset(
        self,
        task_id: str = "task_easy",
        *,
        seed: int = 0,
        split: str = "train",
        feedback: str = "immediate",
        reward_scale: str = "decision",
        episode_id: str = "",
    ) -> dict[str, Any]:
        """Begin an episode; returns the first observation.

        Raises:
            InvalidInputError: an argument that cannot be; the error names it.
        """
        return self.begin(
            task_id,
            seed=seed,
            split=split,
            feedback=feedback,
            reward_scale=reward_scale,
            episode_id=episode_id,
        ).observe()

    def begin(
        self,
        task_id: str = "task_easy",
        *,
        seed: int = 0,
        split: str = "train",
        feedback: str = "immediate",
        reward_scale: str = "decision",
        episode_id: str = "",
    ) -> Play:
        """`reset` without a look at the first observation; returns the play."""
        episode = generate(task_id, split, seed, self._secret, self._real)
        options = Options(
            _option(Feedback, feedback, "feedback"), _option(Scale, reward_scale, "reward_scale")
        )
        shift = episode.task.shift
        self._play = ShiftPlay(episode, shift, options) if shift else Play(episode, options)
        self._episode_id = episode_id or _episode_id(episode.key, options)
        return self._play

    def step(self, action: Any) -> StepResult:
        """Decide about the item that was observed last.

        Raises:
            InvalidInputError: no object, or one without `action_type`.
            ConflictError: no episode was begun, or it is over.
        """
        return self.play.step(action)

    def state(self) -> dict[str, Any]:
        """What may be known of the play; before any reset, an empty one."""
        if self._play is None:
            return {"episode_id": None, "step_count": 0, "done": False, "decisions": []}
        return {"episode_id": self._episode_id, **self._play.state()}

    @property
    def episode_id(self) -> str:
        """The id of the episode."""
        return self._episode_id

    @property
    def has_begun(self) -> bool:
        """Whether an episode was begun, so that there is a play."""
        return self._play is not None

    @property
    def play(self) -> Play:
        """The play itself, with everything that is hidden: for graders, never for agents."""
        if self._play is None:
            raise ConflictError("no episode was begun; reset begins one", code="not_reset")
        return self._play

    def log(self) -> Log:
        """What `restore` needs."""
        play = self.play
        return Log(
            task_id=play.episode.task.id,
            split=play.episode.split.value,
            seed=play.episode.seed,
            version=VERSION,
            feedback=play.options.feedback,
            scale=play.options.scale,
            episode_id=self._episode_id,
            answers=tuple(each.answer for each in play.decisions),
            items=_digest(self._real),
        )

    @classmethod
    def restore(cls, log: Log, secret: str = "", real: RealItems | None = None) -> Self:
        """The environment that wrote `log`, as it stood.

        Raises:
            ConflictError: another version of the generator wrote it, or one with other items.
        """
        if log.items != _digest(real):
            raise ConflictError("the log is of a play with other real items", code="other_items")
        if log.version != VERSION:
            raise ConflictError(
                f"the log is of version {log.version} of the generator, this is {VERSION}",
                code="other_version",
            )
        environment = cls(secret, real)
        environment.begin(
            log.task_id,
            seed=log.seed,
            split=log.split,
            feedback=log.feedback,
            reward_scale=log.scale,
            episode_id=log.episode_id,
        )
        for answer in log.answers:
            environment.play.advance(answer)
        return environment


def _digest(real: RealItems | None) -> str:
    return "" if real is None else real.digest


def _option(kind: type[Choice], value: str, field: str) -> Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidInputError(
            f"'{value}' is no {field}; there are {', '.join(kind)}", field=field
        ) from error


@lru_cache(maxsize=1024)
def _episode_id(key: str, options: Options) -> str:
    return f"episode_{digest(key, options)[:16]}"
