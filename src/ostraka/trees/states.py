"""The life of a tree, as one table of transitions. Pure data: nothing here looks at a tree.

initial_prompt_review -> prompt_lottery_waiting -(draw)-> growing -> ranking
    -> ready_for_scoring -> ready_for_export | scoring_failed
imported: backlog_ranking -(activate)-> ranking
at any time: aborted_low_grade -(reopen)-> back to work, halted_by_moderator -(resume)-> back
without room to grow again: prompt_lottery_waiting -(draw)-> growing
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a tree is."""

    INITIAL_PROMPT_REVIEW = "initial_prompt_review"
    """There is only the prompt, which collects reviews."""
    PROMPT_LOTTERY_WAITING = "prompt_lottery_waiting"
    """The prompt is accepted and waits to be drawn, for the first time or to grow on."""
    GROWING = "growing"
    """Replies are written and reviewed."""
    RANKING = "ranking"
    """Replies to the same message are ranked."""
    READY_FOR_SCORING = "ready_for_scoring"
    """There are enough rankings; the same act goes on to their consensus."""
    READY_FOR_EXPORT = "ready_for_export"
    """Finished."""
    SCORING_FAILED = "scoring_failed"
    """The rankings could not be put together."""
    ABORTED_LOW_GRADE = "aborted_low_grade"
    """The prompt was rejected or flagged, or too many replies were rejected."""
    HALTED_BY_MODERATOR = "halted_by_moderator"
    """Stopped by a moderator or by contributors' marks; it knows where it was."""
    BACKLOG_RANKING = "backlog_ranking"
    """Imported and parked until it is activated."""


WORKING: Final = frozenset(
    {State.INITIAL_PROMPT_REVIEW, State.GROWING, State.RANKING, State.READY_FOR_SCORING}
)
"""Work is done on trees in these; the API calls them active."""
ENDED: Final = frozenset(
    {
        State.READY_FOR_EXPORT,
        State.SCORING_FAILED,
        State.ABORTED_LOW_GRADE,
        State.HALTED_BY_MODERATOR,
    }
)
"""Nothing happens to a tree in these unless somebody asks for it."""
CLOSED: Final = frozenset({State.ABORTED_LOW_GRADE, State.HALTED_BY_MODERATOR})
"""What is written for a tree in these is refused, and its leases end."""


class Event(StrEnum):
    """What moves a tree."""

    CHECK = "check"
    """Asked after every act, until nothing moves any more."""
    DRAW = "draw"
    ACTIVATE = "activate"
    WAIT = "wait"
    """As many trees of its language grow as may: one that would grow again waits for its turn."""
    HALT = "halt"
    RESUME = "resume"
    REOPEN = "reopen"
    RECONSIDER = "reconsider"
    """Something that was settled is open again: a message restored, edited or purged, votes
    withdrawn."""
    RETRY_SCORING = "retry_scoring"


class Guard(StrEnum):
    """When a transition applies, in words; `advance` knows what each looks at."""

    ALWAYS = "asked for"
    PROMPT_DELETED = "the prompt is deleted"
    PROMPT_THERE = "the prompt is not deleted"
    PROMPT_FLAGGED = "too many red flags on the prompt"
    PROMPT_REJECTED = "the prompt is rejected"
    PROMPT_ACCEPTED = "the prompt is accepted"
    PROMPT_UNDECIDED = "the prompt has lost its decision"
    SKIPPED_TOO_OFTEN = "too many contributors would not answer a message"
    TOO_MANY_REJECTED = "too many replies were rejected"
    REVIEW_MISSING = "a message waits for review again"
    GROWN_UP = "enough messages are accepted, or there is no room for more, and none is under way"
    NOT_GROWN_UP = "messages are missing or wait for review"
    NOTHING_TO_RANK = "no message has two replies to rank"
    RANKED = "every message with two replies or more is ranked often enough"
    SCORABLE = "the rankings have a consensus"
    NOT_SCORABLE = "the rankings contradict the tree"
    HAD_GROWN = "it had begun to grow"
    LANGUAGE_FULL = "as many trees of its language grow as may"


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from a state to another; without a target it goes back to where the tree was."""

    source: State
    event: Event
    guard: Guard
    target: State | None


def _check(source: State, guard: Guard, target: State) -> Transition:
    return Transition(source, Event.CHECK, guard, target)


_LOST_PROMPT: Final = (
    (Guard.PROMPT_DELETED, State.HALTED_BY_MODERATOR),
    (Guard.PROMPT_FLAGGED, State.ABORTED_LOW_GRADE),
    (Guard.PROMPT_REJECTED, State.ABORTED_LOW_GRADE),
)
_CAN_LOSE_PROMPT: Final = (
    State.INITIAL_PROMPT_REVIEW,
    State.PROMPT_LOTTERY_WAITING,
    State.GROWING,
    State.RANKING,
    State.READY_FOR_EXPORT,
    State.SCORING_FAILED,
    State.BACKLOG_RANKING,
)

TRANSITIONS: Final[tuple[Transition, ...]] = (
    *(_check(state, *lost) for state in _CAN_LOSE_PROMPT for lost in _LOST_PROMPT),
    _check(State.INITIAL_PROMPT_REVIEW, Guard.SKIPPED_TOO_OFTEN, State.HALTED_BY_MODERATOR),
    _check(State.INITIAL_PROMPT_REVIEW, Guard.PROMPT_ACCEPTED, State.PROMPT_LOTTERY_WAITING),
    _check(State.PROMPT_LOTTERY_WAITING, Guard.PROMPT_UNDECIDED, State.INITIAL_PROMPT_REVIEW),
    _check(State.GROWING, Guard.SKIPPED_TOO_OFTEN, State.HALTED_BY_MODERATOR),
    _check(State.GROWING, Guard.TOO_MANY_REJECTED, State.ABORTED_LOW_GRADE),
    _check(State.GROWING, Guard.GROWN_UP, State.RANKING),
    _check(State.RANKING, Guard.REVIEW_MISSING, State.GROWING),
    _check(State.READY_FOR_EXPORT, Guard.REVIEW_MISSING, State.GROWING),
    _check(State.SCORING_FAILED, Guard.REVIEW_MISSING, State.GROWING),
    _check(State.RANKING, Guard.RANKED, State.READY_FOR_SCORING),
    _check(State.READY_FOR_SCORING, Guard.SCORABLE, State.READY_FOR_EXPORT),
    _check(State.READY_FOR_SCORING, Guard.NOT_SCORABLE, State.SCORING_FAILED),
    Transition(State.PROMPT_LOTTERY_WAITING, Event.DRAW, Guard.PROMPT_ACCEPTED, State.GROWING),
    Transition(State.GROWING, Event.WAIT, Guard.LANGUAGE_FULL, State.PROMPT_LOTTERY_WAITING),
    Transition(
        State.BACKLOG_RANKING, Event.ACTIVATE, Guard.NOTHING_TO_RANK, State.ABORTED_LOW_GRADE
    ),
    Transition(State.BACKLOG_RANKING, Event.ACTIVATE, Guard.ALWAYS, State.RANKING),
    *(
        Transition(state, Event.HALT, Guard.ALWAYS, State.HALTED_BY_MODERATOR)
        for state in State
        if state is not State.HALTED_BY_MODERATOR
    ),
    Transition(State.HALTED_BY_MODERATOR, Event.RESUME, Guard.PROMPT_THERE, None),
    Transition(State.ABORTED_LOW_GRADE, Event.REOPEN, Guard.HAD_GROWN, State.GROWING),
    Transition(
        State.ABORTED_LOW_GRADE, Event.REOPEN, Guard.PROMPT_THERE, State.INITIAL_PROMPT_REVIEW
    ),
    Transition(State.RANKING, Event.RECONSIDER, Guard.NOT_GROWN_UP, State.GROWING),
    Transition(State.READY_FOR_EXPORT, Event.RECONSIDER, Guard.NOT_GROWN_UP, State.GROWING),
    Transition(State.READY_FOR_EXPORT, Event.RECONSIDER, Guard.ALWAYS, State.RANKING),
    Transition(State.SCORING_FAILED, Event.RECONSIDER, Guard.NOT_GROWN_UP, State.GROWING),
    Transition(State.SCORING_FAILED, Event.RECONSIDER, Guard.ALWAYS, State.RANKING),
    Transition(State.SCORING_FAILED, Event.RETRY_SCORING, Guard.NOT_GROWN_UP, State.GROWING),
    Transition(State.SCORING_FAILED, Event.RETRY_SCORING, Guard.ALWAYS, State.RANKING),
)
"""Every transition there is, the first that applies is taken. What is not here cannot happen."""


def transitions_from(state: State, event: Event) -> tuple[Transition, ...]:
    """What an event can do to a tree in a state, in the order in which it is tried."""
    return _BY_STATE_AND_EVENT.get((state, event), ())


_BY_STATE_AND_EVENT: Final[dict[tuple[State, Event], tuple[Transition, ...]]] = {
    (state, event): found
    for state in State
    for event in Event
    if (found := tuple(t for t in TRANSITIONS if t.source is state and t.event is event))
}
