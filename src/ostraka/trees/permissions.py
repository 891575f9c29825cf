"""Who may do what in a tree: the same answer when a task is offered and when its result comes in.

A lease is a place kept. Whoever holds one is not refused for want of room or because enough others
did the same: only what a moderator or the law of the tree forbids can still speak against it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ostraka.trees.acceptance import required_reviews
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.states import CLOSED, State
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    SKIP_LABELING,
    SKIP_RANKING,
    SKIP_REPLY,
    Activity,
    Message,
    Role,
)


class Refusal(StrEnum):
    """Why somebody may not do something; each code means one thing."""

    MESSAGE_NOT_FOUND = "message_not_found"
    TREE_CLOSED = "tree_closed"
    WRONG_STATE = "wrong_state"
    MESSAGE_DELETED = "message_deleted"
    MESSAGE_NOT_ACCEPTED = "message_not_accepted"
    OWN_MESSAGE = "own_message"
    ANSWERED_ALREADY = "answered_already"
    REVIEWED_ALREADY = "reviewed_already"
    RANKED_ALREADY = "ranked_already"
    SKIPPED = "skipped"
    NO_ROOM = "no_room"
    TREE_FULL = "tree_full"
    DECIDED_ALREADY = "decided_already"
    ENOUGH_REVIEWS = "enough_reviews"
    NOTHING_TO_RANK = "nothing_to_rank"
    ENOUGH_RANKINGS = "enough_rankings"


SENTENCES: Final = {
    Refusal.MESSAGE_NOT_FOUND: "There is no such message.",
    Refusal.TREE_CLOSED: "The conversation was stopped and takes nothing more.",
    Refusal.WRONG_STATE: "The conversation is not at this stage.",
    Refusal.MESSAGE_DELETED: "The message was deleted.",
    Refusal.MESSAGE_NOT_ACCEPTED: "The message is not accepted.",
    Refusal.OWN_MESSAGE: "It is your own message.",
    Refusal.ANSWERED_ALREADY: "You have answered this message before.",
    Refusal.REVIEWED_ALREADY: "You have reviewed this message before.",
    Refusal.RANKED_ALREADY: "You have ranked these replies before.",
    Refusal.SKIPPED: "You have skipped this message before.",
    Refusal.NO_ROOM: "The message has all the replies that it can take, or they are being written.",
    Refusal.TREE_FULL: "The conversation has all its messages, or they are being written.",
    Refusal.DECIDED_ALREADY: "The message does not wait for review.",
    Refusal.ENOUGH_REVIEWS: "The message has its reviewers.",
    Refusal.NOTHING_TO_RANK: "There are not two replies to rank.",
    Refusal.ENOUGH_RANKINGS: "The replies have their rankers.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody wants to do something with a message of a tree."""

    tree: Tree
    activity: Activity
    message_id: str
    contributor: str

    @property
    def holds_lease(self) -> bool:
        """Whether the place is kept for them."""
        return self.tree.lease_of(self.activity, self.message_id, self.contributor) is not None


def refusal(request: Request, configuration: TreeConfiguration) -> Refusal | None:
    """What speaks against it; None if nothing does."""
    message = request.tree.messages.get(request.message_id)
    if message is None:
        return Refusal.MESSAGE_NOT_FOUND
    if request.tree.state in CLOSED:
        return Refusal.TREE_CLOSED
    if any(above.deleted for above in request.tree.path(message.id)):
        return Refusal.MESSAGE_DELETED
    forbids, leaves_none = _RULES[request.activity]
    lasting = forbids(request, message, configuration)
    if lasting or request.holds_lease:
        return lasting
    return leaves_none(request, message, configuration)


def may_take(request: Request, configuration: TreeConfiguration) -> bool:
    """Whether this can be offered to them: nothing forbids it, and they do not hold it already."""
    return not request.holds_lease and refusal(request, configuration) is None


def _forbids_reply(
    request: Request, parent: Message, configuration: TreeConfiguration
) -> Refusal | None:
    who = request.contributor
    if parent.author == who and not configuration.authors_answer_themselves:
        return Refusal.OWN_MESSAGE
    replies = request.tree.children.get(parent.id, ())
    if any(reply.author == who and not reply.deleted for reply in replies):
        return Refusal.ANSWERED_ALREADY
    return None


def _leaves_no_reply(
    request: Request, parent: Message, configuration: TreeConfiguration
) -> Refusal | None:
    tree = request.tree
    if tree.state is not State.GROWING:
        return Refusal.WRONG_STATE
    if parent.id not in tree.standing:
        return Refusal.MESSAGE_NOT_ACCEPTED
    if parent.marked_by(request.contributor, SKIP_REPLY):
        return Refusal.SKIPPED
    if not tree.remaining:
        return Refusal.TREE_FULL
    return None if tree.room_below(parent) else Refusal.NO_ROOM


def _forbids_review(
    request: Request, message: Message, configuration: TreeConfiguration
) -> Refusal | None:
    if message.author == request.contributor:
        return Refusal.OWN_MESSAGE
    if any(each.contributor == request.contributor for each in message.counted_reviews):
        return Refusal.REVIEWED_ALREADY
    return None


def _leaves_no_review(
    request: Request, message: Message, configuration: TreeConfiguration
) -> Refusal | None:
    tree = request.tree
    if not tree.reviewable:
        return Refusal.WRONG_STATE
    if message.decision is not None or message.id not in tree.counting:
        return Refusal.DECIDED_ALREADY
    if message.marked_by(request.contributor, SKIP_LABELING):
        return Refusal.SKIPPED
    under_way = len(message.counted_reviews) + tree.open(Activity.REVIEW, message.id)
    enough = under_way >= required_reviews(message, configuration)
    return Refusal.ENOUGH_REVIEWS if enough else None


def _forbids_ranking(
    request: Request, parent: Message, configuration: TreeConfiguration
) -> Refusal | None:
    tree = request.tree
    if any(reply.author == request.contributor for reply in tree.candidates(parent.id)):
        return Refusal.OWN_MESSAGE
    votes = tree.complete_votes(parent.id)
    if any(vote.contributor == request.contributor for vote in votes):
        return Refusal.RANKED_ALREADY
    if parent.role is Role.ASSISTANT and not configuration.rank_prompter_replies:
        return Refusal.NOTHING_TO_RANK
    return None


def _leaves_no_ranking(
    request: Request, parent: Message, configuration: TreeConfiguration
) -> Refusal | None:
    tree = request.tree
    if tree.state is not State.RANKING:
        return Refusal.WRONG_STATE
    if parent.id not in tree.standing:
        return Refusal.MESSAGE_NOT_ACCEPTED
    if len(tree.candidates(parent.id)) < 2:
        return Refusal.NOTHING_TO_RANK
    if parent.marked_by(request.contributor, SKIP_RANKING):
        return Refusal.SKIPPED
    under_way = len(tree.complete_votes(parent.id)) + tree.open(Activity.RANK, parent.id)
    return Refusal.ENOUGH_RANKINGS if under_way >= configuration.num_required_rankings else None


Rule = Callable[[Request, Message, TreeConfiguration], Refusal | None]

_RULES: Final[dict[Activity, tuple[Rule, Rule]]] = {
    Activity.REPLY: (_forbids_reply, _leaves_no_reply),
    Activity.REVIEW: (_forbids_review, _leaves_no_review),
    Activity.RANK: (_forbids_ranking, _leaves_no_ranking),
}
"""For each activity what forbids it for ever, and what leaves no place for now."""
