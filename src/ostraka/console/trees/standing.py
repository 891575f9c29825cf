"""Where a message of mine stands, and why it waits, in a sentence."""

from typing import Final

from ostraka.console.trees.words import STATES, Words, counted, ordinal
from ostraka.trees.acceptance import required_reviews
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message

_STOPPED: Final = (State.HALTED_BY_MODERATOR, State.ABORTED_LOW_GRADE)


def standing_of(
    tree: Tree, message: Message, configuration: TreeConfiguration, place: int | None = None
) -> Words:
    """Where a message stands. `place` is that of its prompt in the line, where it is known.

    Nothing is told of single reviews or votes: only how many there are, and what came of them.
    """
    refused = _refused(tree, message)
    if refused is not None:
        return refused
    if message.decision is None:
        return _in_review(tree, message, configuration)
    match tree.state:
        case State.PROMPT_LOTTERY_WAITING:
            return _in_line(configuration, place)
        case State.GROWING:
            return _growing(tree)
        case State.RANKING | State.READY_FOR_SCORING:
            return _in_ranking(tree, message, configuration)
        case State.READY_FOR_EXPORT:
            return _finished(tree, message)
    return STATES[tree.state]


def _refused(tree: Tree, message: Message) -> Words | None:
    """What ended it, if anything did."""
    if message.deleted:
        return Words("Deleted", "remove", "remove", "A moderator or red flags removed it.")
    if message.rejected:
        by_moderator = message.decision is not None and message.decision.by == "moderator"
        why = (
            "A moderator did not accept it."
            if by_moderator
            else "Its reviewers found it to be spam, or in another language."
        )
        return Words("Not accepted", "remove", "stop", why)
    if any(above.deleted or above.rejected for above in tree.path(message.id)[:-1]):
        why = "What it answers was deleted or not accepted, so it does not count."
        return Words("Does not count", "warn", "stop", why)
    if tree.state in _STOPPED:
        return Words("Stopped", "warn", "stop", STATES[tree.state].meaning)
    if message.late:
        why = "The conversation had all its messages when it came. It is kept, and not reviewed."
        return Words("Too late", "warn", "clock", why)
    return None


def _in_review(tree: Tree, message: Message, configuration: TreeConfiguration) -> Words:
    needed, given = required_reviews(message, configuration), len(message.counted_reviews)
    missing = max(1, needed - given)
    why = f"It has {given} of {counted(needed, 'review')}; it waits for {missing} more"
    return Words("In review", "", "eye", f"{why}, by {_others(missing)} than you.")


def _others(missing: int) -> str:
    return "somebody else" if missing == 1 else "others"


def _in_line(configuration: TreeConfiguration, place: int | None) -> Words:
    line = f"It is the {ordinal(place)} in line. " if place else ""
    limit = counted(configuration.max_active_trees, "conversation")
    grow = "grows" if configuration.max_active_trees == 1 else "grow"
    why = f"{line}At most {limit} {grow} at a time in a language."
    return Words("Accepted", "approve", "check", why)


def _growing(tree: Tree) -> Words:
    why = f"The conversation has {len(tree.standing)} of {tree.limits.goal_tree_size} messages"
    waiting = len(tree.awaiting_review)
    more = f", and {waiting} more in review" if waiting else ""
    return Words("Accepted", "approve", "check", f"{why}{more}.")


def _in_ranking(tree: Tree, message: Message, configuration: TreeConfiguration) -> Words:
    parent = message.parent_id
    parents = {each.id for each in tree.rankable_parents(configuration.rank_prompter_replies)}
    if parent in parents:
        votes, needed = len(tree.complete_votes(parent)), configuration.num_required_rankings
        why = f"It is ranked beside the other replies: {min(votes, needed)} of {needed} rankings."
        return Words("Being ranked", "escalate", "rank", why)
    return Words("Accepted", "approve", "check", "The conversation is being ranked.")


def _finished(tree: Tree, message: Message) -> Words:
    siblings = tree.candidates(message.parent_id) if message.parent_id else ()
    if message.rank is not None and len(siblings) > 1:
        place = f"{ordinal(message.rank + 1)} of {len(siblings)}"
        return Words("Finished", "approve", "check", f"Its readers ranked it {place}.")
    return Words("Finished", "approve", "check", "The conversation is complete.")
