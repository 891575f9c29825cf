"""What people do to a tree. Each act gives the tree changed; `advance` follows every one.

Acts that need a task ask `permissions`, so that what is refused here was never offered.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.trees.acceptance import label_kind
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.permissions import SENTENCES, Refusal, Request, refusal
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    REACTIONS,
    SKIP_LABELING,
    SKIP_RANKING,
    SKIP_REPLY,
    Activity,
    Limits,
    Mark,
    Message,
    RankingVote,
    Review,
    Role,
    TreeLease,
)

SKIP_CODES: Final = {
    Activity.REPLY: SKIP_REPLY,
    Activity.REVIEW: SKIP_LABELING,
    Activity.RANK: SKIP_RANKING,
}


def plant(prompt: Message, configuration: TreeConfiguration, random: Random) -> Tree:
    """A new tree from its prompt, with the limits that hold now."""
    goal = configuration.goal_tree_size
    if configuration.random_goal_tree_size:
        goal = random.randint(configuration.min_goal_tree_size, goal)
    limits = Limits(
        goal_tree_size=goal,
        max_depth=configuration.max_tree_depth,
        max_children_count=configuration.max_children_count,
        num_prompter_replies=configuration.num_prompter_replies,
    )
    checked = checked_text(prompt.text, configuration)
    planted = replace(prompt, parent_id=None, depth=0, role=Role.PROMPTER, text=checked)
    return Tree(planted.id, planted.language, limits, {planted.id: planted})


def take(tree: Tree, lease: TreeLease, configuration: TreeConfiguration) -> Tree:
    """The tree with a lease on one of its messages.

    Raises:
        ConflictError: it may not be done, or is held already.
    """
    request = Request(tree, lease.activity, lease.message_id, lease.contributor)
    if not request.holds_lease:
        _require(request, configuration)
        return replace(tree, leases=(*tree.leases, lease))
    raise ConflictError("You hold this task already.", code="task_held")


def renew(tree: Tree, lease_id: str, until: datetime) -> Tree:
    """The tree with a lease that lasts longer.

    Raises:
        NotFoundError: it has expired or was given back.
    """
    if all(lease.id != lease_id for lease in tree.leases):
        raise NotFoundError("The task has expired or was given back.", code="task_expired")
    leases = [
        replace(each, expires_at=until) if each.id == lease_id else each for each in tree.leases
    ]
    return replace(tree, leases=tuple(leases))


def expire(tree: Tree, now: datetime) -> Tree:
    """The tree without the leases that have run out."""
    return replace(tree, leases=tuple(each for each in tree.leases if each.expires_at > now))


def give_back(tree: Tree, lease: TreeLease, *, skip: bool = True) -> Tree:
    """The tree without a lease; a skip also hides the message from this contributor for good."""
    tree = replace(tree, leases=tuple(each for each in tree.leases if each.id != lease.id))
    if not skip:
        return tree
    return put_mark(tree, lease.message_id, Mark(lease.contributor, SKIP_CODES[lease.activity]))


def reply(
    tree: Tree, parent_id: str, new: Message, contributor: str, configuration: TreeConfiguration
) -> Tree:
    """The tree with a reply. Its role, depth and language follow from where it stands.

    Raises:
        ConflictError: the contributor may not answer this message.
        InvalidInputError: the text is empty or too long.
    """
    _require(Request(tree, Activity.REPLY, parent_id, contributor), configuration)
    parent = tree.messages[parent_id]
    placed = replace(
        new,
        text=checked_text(new.text, configuration),
        author=contributor,
        parent_id=parent_id,
        role=parent.role.other,
        depth=parent.depth + 1,
        language=tree.language,
        late=tree.state is not State.GROWING,
    )
    return _done(tree.with_messages(placed), Activity.REPLY, parent_id, contributor)


def review(
    tree: Tree,
    message_id: str,
    labels: Mapping[str, float],
    contributor: str,
    configuration: TreeConfiguration,
) -> Tree:
    """The tree with a review.

    Raises:
        ConflictError: the contributor may not review this message.
        InvalidInputError: a label that is none of this kind of message, is missing, or is no share.
    """
    _require(Request(tree, Activity.REVIEW, message_id, contributor), configuration)
    message = tree.messages[message_id]
    kind = label_kind(message)
    valid = configuration.labels_for(kind)
    for name, value in labels.items():
        if name not in valid:
            raise InvalidInputError(
                f"'{name}' is no label of this message.",
                field=f"labels.{name}",
                code="label_unknown",
                valid=valid,
            )
        if not 0 <= value <= 1:
            raise InvalidInputError(
                f"'{name}' is {value}.", field=f"labels.{name}", valid="a number from 0 to 1"
            )
    for name in configuration.mandatory_labels_for(kind):
        if name not in labels:
            raise InvalidInputError(
                f"'{name}' is missing.", field=f"labels.{name}", code="label_missing"
            )
    given = Review(contributor, dict(labels), message.round)
    reviewed = replace(message, reviews=(*message.reviews, given))
    return _done(tree.with_messages(reviewed), Activity.REVIEW, message_id, contributor)


def rank(tree: Tree, vote: RankingVote, configuration: TreeConfiguration) -> Tree:
    """The tree with a vote on the replies to one message.

    Raises:
        ConflictError: the contributor may not rank them.
        InvalidInputError: the vote names something else, or something twice.
    """
    _require(Request(tree, Activity.RANK, vote.parent_id, vote.contributor), configuration)
    names = [name for tier in vote.tiers for name in tier]
    held = tree.lease_of(Activity.RANK, vote.parent_id, vote.contributor)
    shown = held.shown if held else ()
    asked = set(shown or (each.id for each in tree.candidates(vote.parent_id)))
    if len(set(names)) < len(names) or set(names) != asked or not all(vote.tiers):
        raise InvalidInputError(
            "A ranking names each of the replies once.",
            field="ranking",
            code="ranking_invalid",
            valid=f"an order of {', '.join(sorted(asked))}",
        )
    tree = replace(tree, votes=(*tree.votes, vote))
    return _done(tree, Activity.RANK, vote.parent_id, vote.contributor)


def put_mark(tree: Tree, message_id: str, mark: Mark) -> Tree:
    """The tree with somebody's mark on a message; +1 and -1 shut each other out.

    Raises:
        InvalidInputError: there is no such mark.
    """
    message = message_of(tree, message_id)
    if mark.code not in REACTIONS:
        raise InvalidInputError(f"'{mark.code}' is none.", field="emoji", valid=REACTIONS)
    opposite = {"+1": "-1", "-1": "+1"}.get(mark.code)
    if opposite and message.author == mark.contributor:
        return tree
    kept = {m for m in message.marks if m != Mark(mark.contributor, opposite or "")}
    return tree.with_messages(replace(message, marks=frozenset(kept | {mark})))


def take_mark(tree: Tree, message_id: str, mark: Mark) -> Tree:
    """The tree without somebody's mark on a message."""
    message = message_of(tree, message_id)
    return tree.with_messages(replace(message, marks=message.marks - {mark}))


def message_of(tree: Tree, message_id: str) -> Message:
    """A message of the tree.

    Raises:
        NotFoundError: it has none of this id.
    """
    if message_id not in tree.messages:
        raise NotFoundError(SENTENCES[Refusal.MESSAGE_NOT_FOUND], code=Refusal.MESSAGE_NOT_FOUND)
    return tree.messages[message_id]


def _require(request: Request, configuration: TreeConfiguration) -> None:
    why = refusal(request, configuration)
    if why is Refusal.MESSAGE_NOT_FOUND:
        raise NotFoundError(SENTENCES[why], code=why)
    if why is not None:
        raise ConflictError(SENTENCES[why], code=why)


def _done(tree: Tree, activity: Activity, message_id: str, contributor: str) -> Tree:
    held = tree.lease_of(activity, message_id, contributor)
    return replace(tree, leases=tuple(each for each in tree.leases if each is not held))


def checked_text(text: str, configuration: TreeConfiguration) -> str:
    """A text without blanks around it.

    Raises:
        InvalidInputError: it is empty or too long.
    """
    trimmed = text.strip()
    if not trimmed:
        raise InvalidInputError("The text is empty.", field="text", code="text_empty")
    if len(trimmed) > configuration.message_size_limit:
        raise InvalidInputError(
            f"The text has {len(trimmed):,} characters.",
            field="text",
            code="text_too_long",
            valid=f"up to {configuration.message_size_limit:,} characters",
        )
    return trimmed
