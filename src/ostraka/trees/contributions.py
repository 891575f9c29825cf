"""What each contributor did and received in a tree, by the hour. Pure.

Boards are sums of these counts. They follow from the tree alone, so what an act changes is the
difference between the tree before and after it, whether something is handed in or taken away.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from ostraka.trees.agreement import is_good
from ostraka.trees.labels import LANGUAGE_MISMATCH, QUALITY, SPAM
from ostraka.trees.ranking import Ballot, Consensus
from ostraka.trees.scoring import outcome
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, Message, RankingVote, Role

Key = tuple[str, str, datetime]
"""Contributor, name of the count, and the hour that it belongs to."""
Tallies = dict[Key, float]

SIMPLE_LABELS: Final = frozenset({SPAM, LANGUAGE_MISMATCH, QUALITY})
"""A review that says more than these is a full one."""
SUMMED_LABELS: Final = (
    LANGUAGE_MISMATCH,
    "not_appropriate",
    "pii",
    "hate_speech",
    "sexual_content",
    "political_content",
)
"""Received labels of which the board of trouble counts whole numbers."""
AVERAGED_LABELS: Final = (QUALITY, "humor", "toxicity", "violence", "helpfulness", SPAM)
"""Received labels of which it shows means; kept as a sum and a count."""
_MARKS: Final = {RED_FLAG: "red_flags", "+1": "upvotes", "-1": "downvotes"}
_PLACES: Final = 3


def tallies(tree: Tree, now: datetime) -> Tallies:
    """Every count of a tree; what is on its way into the database counts from `now` on."""
    return difference(None, tree, now)


def difference(before: Tree | None, after: Tree, now: datetime) -> Tallies:
    """What an act changed. Only what it touched is looked at: what stays is the same value."""
    found: defaultdict[Key, float] = defaultdict(float)
    touched = [
        message_id
        for message_id, message in after.messages.items()
        if before is None or before.messages.get(message_id) is not message
    ]
    if before is not None and before.state is not after.state and after.id not in touched:
        touched.append(after.id)
    parents = _ranked_anew(before, after, touched)
    for tree, sign in ((before, -1), (after, 1)):
        if tree is None:
            continue
        for message_id in touched:
            if message_id in tree.messages:
                for key, amount in _of_message(tree, tree.messages[message_id], now):
                    found[key] += sign * amount
        for key, amount in _of_rankings(tree, parents, now):
            found[key] += sign * amount
    return {key: amount for key, amount in found.items() if amount}


def _ranked_anew(before: Tree | None, after: Tree, touched: Iterable[str]) -> set[str]:
    """The messages of whose replies' rankings something else may count now."""
    every = {vote.parent_id for tree in (before, after) if tree for vote in tree.votes}
    if before is None or not every:
        return every
    renamed = any(
        before.messages[each].author != after.messages[each].author
        for each in touched
        if each in before.messages
    )
    return {
        parent_id
        for parent_id in every
        if renamed or _rankings_of(before, parent_id) != _rankings_of(after, parent_id)
    }


def _rankings_of(tree: Tree, parent_id: str) -> tuple[list[RankingVote], set[str]]:
    votes = [vote for vote in tree.votes if vote.parent_id == parent_id]
    return votes, {each.id for each in tree.candidates(parent_id)}


def _of_message(tree: Tree, message: Message, now: datetime) -> Iterator[tuple[Key, float]]:
    if message.imported is None and message.author is not None:
        at = _hour(message.created_at)
        for name, amount in _authored(tree, message):
            yield (message.author, name, at), amount
    for review in message.reviews:
        full = bool(review.labels.keys() - SIMPLE_LABELS)
        name = "labels_full" if full else "labels_simple"
        yield (review.contributor, name, _hour(review.given_at or now)), 1


def _authored(tree: Tree, message: Message) -> Iterator[tuple[str, float]]:
    """What a message earns its author, and what others said of it."""
    name = "prompts" if message.parent_id is None else f"replies_{message.role}"
    if not message.deleted:
        yield name, 1
        if message.accepted:
            yield f"accepted_{name}", 1
    if message.parent_id is None and tree.state is State.ABORTED_LOW_GRADE:
        yield "spam_prompts", 1
    for mark in message.marks:
        if mark.code in _MARKS:
            yield _MARKS[mark.code], 1
    for review in message.reviews:
        for label in SUMMED_LABELS:
            if round(review.labels.get(label, 0.0)):
                yield label, 1
        for label in AVERAGED_LABELS:
            if label in review.labels:
                yield f"{label}_sum", review.labels[label]
                yield f"{label}_count", 1


def _of_rankings(
    tree: Tree, parents: Collection[str], now: datetime
) -> Iterator[tuple[Key, float]]:
    consensus = {parent_id: _consensus(tree, parent_id) for parent_id in parents}
    for vote in tree.votes:
        if vote.parent_id not in parents:
            continue
        at = _hour(vote.given_at or now)
        yield (vote.contributor, "rankings_total", at), 1
        said = consensus[vote.parent_id]
        if said is not None and is_good(Ballot(vote.tiers, vote.not_rankable), said):
            yield (vote.contributor, "rankings_good", at), 1
        for name, place in _places(vote):
            author = tree.messages[name].author if name in tree.messages else None
            if author is not None and tree.messages[name].role is Role.ASSISTANT:
                yield (author, f"reply_ranked_{place}", at), 1


def _consensus(tree: Tree, parent_id: str) -> Consensus | None:
    try:
        return outcome(tree, parent_id)
    except ValueError:  # the tree is in `scoring_failed` then: no ranking of it is good
        return None


def _places(vote: RankingVote) -> Iterator[tuple[str, int]]:
    """The replies in the first three places of a ranking; equals share theirs."""
    place = 1
    for tier in () if vote.not_rankable else vote.tiers:
        if place > _PLACES:
            return
        for name in tier:
            yield name, place
        place += len(tier)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def total(entries: Mapping[Key, float]) -> Mapping[tuple[str, str], float]:
    """Counts without their hours."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (contributor, name, _), amount in entries.items():
        found[contributor, name] += amount
    return found
