"""One play of an episode: answers in, rewards out, and a log from which it can be played again."""

from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from ostraka.environment.actions import Answer, parse_action
from ostraka.environment.generator import Episode
from ostraka.environment.items import Item
from ostraka.environment.reward import reward_of
from ostraka.errors import ConflictError


class Feedback(StrEnum):
    """When the agent learns its reward: at every step, in one sum at the end, or never."""

    IMMEDIATE = "immediate"
    TERMINAL = "terminal"
    NONE = "none"


class Scale(StrEnum):
    """Whether each decision's reward lies in [0, 1], or the sum of an episode's."""

    DECISION = "decision"
    EPISODE = "episode"


class Options(NamedTuple):
    """How rewards are told."""

    feedback: Feedback = Feedback.IMMEDIATE
    scale: Scale = Scale.DECISION


class StepResult(NamedTuple):
    """What comes of a step. `observation` is an object also when nothing is left to decide."""

    observation: dict[str, Any]
    reward: float
    done: bool
    info: dict[str, Any]


class Decision(NamedTuple):
    """One step, as it is kept. `reward` is in [0, 1] whatever was told; `minute` is the clock's."""

    place: int
    post_id: str
    answer: Answer
    valid: bool
    reward: float
    decides: bool = True
    late: bool = False
    minute: float = 0.0


_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Play:
    """A queue that is dealt in order. Not safe to share between threads."""

    def __init__(self, episode: Episode, options: Options = Options()) -> None:  # noqa: B008  (frozen)
        self.episode, self.options = episode, options
        self.decisions: list[Decision] = []
        self.total = 0.0
        self.done = False
        self._allowed = frozenset(map(str, episode.task.actions))
        self._told = 0.0
        self._share = 1.0 / episode.task.size if options.scale is Scale.EPISODE else 1.0

    def observe(self) -> dict[str, Any]:
        """The item that is to be decided."""
        return _decode(self._encoded())

    @property
    def current(self) -> Item:
        """The item that is to be decided, with everything that is hidden of it."""
        return self.episode.items[self.place]

    @property
    def place(self) -> int:
        """The place of the current item in the episode."""
        return len(self.decisions)

    def step(self, action: Any) -> StepResult:
        """Answer for the current item.

        Raises:
            InvalidInputError: the answer has not the shape of one.
            ConflictError: everything is decided already.
        """
        return self.take(parse_action(action))

    def take(self, answer: Answer) -> StepResult:
        """`step` with an answer that was read already, as logs hold it."""
        told = self.advance(answer)
        valid = self.decisions[-1].valid
        info = {"valid_action": valid, "valid_violation_type": bool(answer.violation)}
        return StepResult(self.observe(), told, self.done, info)

    def observe_encoded(self) -> bytes:
        """`observe` as JSON, without a detour over objects."""
        return self._encoded()

    def advance(self, answer: Answer) -> float:
        """Take an answer, without a look at what comes next; returns the reward that is told."""
        if self.done:
            raise ConflictError(
                "this episode is over; reset begins another", code="episode_is_done"
            )
        decision = self._decided(answer)
        self.decisions.append(decision)
        self.total += decision.reward
        self.done = self._is_over()
        return self._tell(decision.reward)

    @property
    def score(self) -> float:
        """The mean reward of the items, decided or not."""
        return self.total / self.episode.task.size

    def state(self) -> dict[str, Any]:
        """What a client may know of the play. Nothing of it says what is right."""
        episode, shown = self.episode, self._rewards_are_shown
        return {
            "task_id": episode.task.id,
            "seed": episode.seed,
            "split": episode.split.value,
            "step_count": len(self.decisions),
            "done": self.done,
            "feedback": self.options.feedback.value,
            "reward_scale": self.options.scale.value,
            "cumulative_reward": self._told,
            "final_score": round(self.score, 6) if self.done and shown else None,
            "decisions": [
                {
                    "step": number,
                    "post_id": each.post_id,
                    "action_type": each.answer.given,
                    "violation_type": each.answer.given_violation,
                    "valid_action": each.valid,
                    "reward": each.reward * self._share if shown else None,
                }
                for number, each in enumerate(self.decisions, start=1)
            ],
        }

    def _encoded(self) -> bytes:
        begun = self.episode.encoded_end if self.done else self.current.encoded
        return b"%b%a}" % (begun, self._told)

    def _decided(self, answer: Answer) -> Decision:
        place = self.place
        item = self.episode.items[place]
        valid = answer.action in self._allowed
        return Decision(place, item.post_id, answer, valid, self._reward(item, answer, valid))

    def _reward(self, item: Item, answer: Answer, valid: bool) -> float:
        if not valid:
            return 0.0
        return reward_of(
            self.episode.task.weights,
            item.utilities[answer.action],
            answer.violation == item.violation,
        )

    def _is_over(self) -> bool:
        return len(self.decisions) >= len(self.episode.items)

    def _tell(self, reward: float) -> float:
        """The reward that the agent is told now."""
        feedback = self.options.feedback
        if feedback is Feedback.IMMEDIATE:
            told = reward * self._share
        elif feedback is Feedback.TERMINAL and self.done:
            told = self.total * self._share
        else:
            return 0.0
        self._told += told
        return told

    @property
    def _rewards_are_shown(self) -> bool:
        feedback = self.options.feedback
        return feedback is Feedback.IMMEDIATE or (feedback is Feedback.TERMINAL and self.done)
