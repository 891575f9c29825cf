"""A person's play, made anew from what its page sends along, and held against agents' plays.

Nothing of a play is kept on the server: the task, the seed and the answers so far are all of it.
Whoever changes them fools nobody but themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ostraka.environment.actions import answer_of
from ostraka.environment.agents import OracleAgent, PolicyAgent
from ostraka.environment.environment import Environment
from ostraka.environment.generator import LARGEST_SEED
from ostraka.environment.items import Item
from ostraka.environment.play import Decision, Play
from ostraka.environment.running import Played, mean_score, play_episode
from ostraka.environment.scores import cascade_scores, keyword_scores
from ostraka.environment.tasks import task_of
from ostraka.environment.zoo import constants
from ostraka.errors import ConflictError, InvalidInputError
from ostraka.moderator import Moderator

SPLIT: Final = "train"
"""What agents are trained on may be told; the other splits are for measuring."""
_MOST_ANSWERS: Final = 400
_CONSTANT_SEEDS: Final = range(10)

Given = tuple[str, str]
"""An action and a violation type, as they were chosen."""


@dataclass(frozen=True, slots=True)
class Practice:
    """A play as it stands. `answers` is what the page sends along."""

    environment: Environment
    task_id: str
    seed: int
    answers: tuple[Given, ...]

    @property
    def play(self) -> Play:
        """The play itself."""
        return self.environment.play

    @property
    def written_answers(self) -> str:
        """The answers for a field of the form."""
        return msgspec.json.encode(self.answers).decode()


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody decided about an item; `reward` is None where it was not decided."""

    action: str
    violation: str
    reward: float | None
    is_right: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An item with the decision that is right, and everybody's own by name."""

    item: Item
    choices: Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody did: the score, and how many decisions were right."""

    name: str
    score: float
    right: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A play that is over, beside those of agents."""

    lines: tuple[Line, ...]
    standings: tuple[Standing, ...]


def practice_of(task_id: str, seed: str, written: str = "[]") -> Practice:
    """The play that a page names.

    Raises:
        InvalidInputError: no such task, no seed, or answers that are none.
        ConflictError: more answers than the play takes.
    """
    task = task_of(task_id)
    if not (seed.isascii() and seed.isdigit() and len(seed) < 17 and int(seed) <= LARGEST_SEED):
        raise InvalidInputError(f"A seed is a whole number from 0 to {LARGEST_SEED}.", field="seed")
    try:
        answers = msgspec.json.decode(written, type=tuple[Given, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError("These are not the answers of a play.", field="answers") from error
    if len(answers) > _MOST_ANSWERS:
        raise ConflictError("This play is longer than any shift.", code="episode_is_done")
    environment = Environment()
    environment.reset(task.id, seed=int(seed), split=SPLIT)
    for action, violation in answers:
        environment.play.advance(answer_of(action, violation))
    return Practice(environment, task.id, int(seed), answers)


def outcome_of(practice: Practice, moderator: Moderator) -> Outcome:
    """The end of a play beside what agents make of the same items; takes some milliseconds."""
    play = practice.play
    agents = {
        "Policy": PolicyAgent(keyword_scores),
        "Cascade": PolicyAgent(cascade_scores(moderator, _without_judge(moderator))),
    }
    played = {
        name: play_episode(agent, practice.task_id, practice.seed, SPLIT)
        for name, agent in agents.items()
    }
    mine = Played(play.episode, tuple(play.decisions), play.score)
    everybody = {"You": mine, **played}
    by_place = {name: _by_place(each.decisions) for name, each in everybody.items()}
    lines = tuple(
        Line(item, {name: _choice(item, found.get(place)) for name, found in by_place.items()})
        for place, item in enumerate(play.episode.items)
    )
    standings = [
        Standing(name, each.score, sum(line.choices[name].is_right for line in lines))
        for name, each in everybody.items()
    ]
    return Outcome(lines, (*standings, *_yardsticks(practice)))


def _without_judge(moderator: Moderator) -> str | None:
    """The model that answers at once: a page does not wait for an LLM."""
    if moderator.judge is None:
        return None
    return moderator.last_stage.pinned_name.partition("@")[0]


def _yardsticks(practice: Practice) -> list[Standing]:
    task = task_of(practice.task_id)
    best = max(
        mean_score(agent, task.id, _CONSTANT_SEEDS, SPLIT) for agent in constants(task).values()
    )
    oracle = play_episode(OracleAgent(), task.id, practice.seed, SPLIT)
    return [
        Standing("Always the same answer, at best", best, None),
        Standing("All that can be had", oracle.score, None),
    ]


def _by_place(decisions: Sequence[Decision]) -> dict[int, Decision]:
    return {each.place: each for each in decisions if each.decides}


def _choice(item: Item, decision: Decision | None) -> Choice:
    if decision is None:
        return Choice("", "", None, False)
    answer = decision.answer
    right = decision.valid and answer.action == item.action and answer.violation == item.violation
    return Choice(answer.action, answer.violation, decision.reward, right)


def shown(observation: Mapping[str, Any]) -> dict[str, Any]:
    """An observation with what only the shift has, absent elsewhere."""
    absent = dict.fromkeys(
        ("minutes_left", "deadline_in", "escalations_left", "backlog", "reach", "looked_up")
    )
    return {**absent, "policy_changed": False, **observation}
