"""The open-ended shift: a clock, items that arrive, deadlines, look-ups with a price.

The most urgent item that has arrived is dealt first. Records and threads are hidden until they are
looked up, which costs time and earns nothing. What is decided after its deadline counts half; what
is left when the shift ends counts nothing, so that stalling and asking are never worth their while.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ostraka.environment.actions import DEFER, LOOK_UPS, Answer
from ostraka.environment.generator import Episode
from ostraka.environment.play import Decision, Options, Play
from ostraka.environment.randomness import Draw
from ostraka.environment.tasks import Shift
from ostraka.taxonomy import Action

_ALLOWANCE: Final = (30, 70)
"""Minutes from arrival to deadline, drawn without a look at the item: they must not tell what is
right.
"""
_LATE: Final = 0.5
_AT_ONCE: Final = 10


@dataclass(slots=True)
class Waiting:
    """An item on its way to a decision. `reach` people see it when it arrives."""

    place: int
    arrives: float
    deadline: float
    reach: int
    growth: int
    deferred: int = 0
    looked_up: tuple[str, ...] = ()


class ShiftPlay(Play):
    """A play of `task_queue`."""

    def __init__(self, episode: Episode, shift: Shift, options: Options = Options()) -> None:  # noqa: B008  (frozen)
        super().__init__(episode, options)
        self._shift = shift
        self.minute = 0.0
        self.waiting = _arrivals(episode)
        needed = sum(item.action is Action.ESCALATE for item in episode.items)
        self.escalations_left = needed + shift.spare_escalations
        self._next = self._most_urgent()

    @property
    def place(self) -> int:
        """The place of the current item in the episode."""
        return self._next.place

    def observe(self) -> dict[str, Any]:
        """The current item as far as it was looked up, and how the shift stands."""
        observation = super().observe()
        looked_up = () if self.done else self._next.looked_up
        if "look_up_author" not in looked_up:
            observation["author_history"] = {"total_violations": 0, "prior_actions": []}
        if "look_up_thread" not in looked_up:
            observation["context_thread"] = []
        observation |= {
            "current_step": len(self.decisions),
            "max_steps": int(self._shift.minutes / self._shift.defer),
            "minute": self.minute,
            "minutes_left": max(0.0, self._shift.minutes - self.minute),
            "escalations_left": self.escalations_left,
            "backlog": sum(each.arrives <= self.minute for each in self.waiting),
            "looked_up": list(looked_up),
        }
        if not self.done:
            observation |= self._of_item()
        return observation

    def observe_encoded(self) -> bytes:
        """`observe` as JSON."""
        return msgspec.json.encode(self.observe())

    def _of_item(self) -> dict[str, Any]:
        waiting, episode = self._next, self.episode
        minutes = max(0.0, self.minute - waiting.arrives)
        changed = waiting.place >= len(episode.items) // 2
        kept = [
            action.value
            for action in episode.task.actions
            if action is not Action.ESCALATE or self.escalations_left
        ]
        look_ups = [each for each in LOOK_UPS if each not in waiting.looked_up]
        return {
            "available_actions": [*kept, *look_ups, DEFER],
            "deadline_in": waiting.deadline - self.minute,
            "reach": waiting.reach + int(minutes * waiting.growth),
            "policy_changed": changed,
        }

    def _decided(self, answer: Answer) -> Decision:
        waiting, shift = self._next, self._shift
        place, post_id = waiting.place, self.current.post_id
        if answer.action in LOOK_UPS or answer.action == DEFER:
            if answer.action == DEFER:
                waiting.deferred += 1
                self.minute += shift.defer
            else:
                self.minute += shift.look_up
                # A set would give them in another order in every process.
                waiting.looked_up = tuple(dict.fromkeys((*waiting.looked_up, answer.action)))
            return Decision(place, post_id, answer, True, 0.0, False, minute=self.minute)
        self.minute += shift.decision
        valid = answer.action in self._allowed
        if valid and answer.action == Action.ESCALATE:
            valid = self.escalations_left > 0
            self.escalations_left -= valid
        late = self.minute > waiting.deadline
        in_time = self.minute <= shift.minutes
        reward = self._reward(self.current, answer, valid) * (_LATE if late else 1.0) * in_time
        self.waiting.remove(waiting)
        return Decision(place, post_id, answer, valid, reward, True, late, self.minute)

    def _is_over(self) -> bool:
        if not self.waiting or self.minute >= self._shift.minutes:
            return True
        answer = self.decisions[-1].answer
        if answer.action not in LOOK_UPS:  # who looks something up keeps the item
            self._next = self._most_urgent()
        return False

    def _most_urgent(self) -> Waiting:
        arrived = [each for each in self.waiting if each.arrives <= self.minute]
        if not arrived:
            self.minute = min(each.arrives for each in self.waiting)
            arrived = [each for each in self.waiting if each.arrives <= self.minute]
        return min(arrived, key=lambda each: (each.deferred, each.deadline, each.place))


def _arrivals(episode: Episode) -> list[Waiting]:
    """When each item arrives and is due: some wait at the start, the others come one by one."""
    draw = Draw(episode.key, "arrivals")
    spacing = 50.0 / len(episode.items)
    found = []
    for place in range(len(episode.items)):
        arrives = 0.0 if place < _AT_ONCE else round(place * spacing + draw.share(), 1)
        deadline = arrives + draw.between(*_ALLOWANCE)
        reach, growth = draw.between(5, 400), draw.between(1, 40)
        found.append(Waiting(place, arrives, deadline, reach, growth))
    return found
