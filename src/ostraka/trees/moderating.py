"""What moderators do to a tree: delete, restore, edit, decide, withdraw votes, purge a person.

After an act that opens again what was settled, let the event RECONSIDER happen to the tree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ostraka.errors import ConflictError
from ostraka.trees.acts import message_of
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, Decision, Message, RankingVote, Review, TreeLease


def delete(tree: Tree, message_id: str) -> Tree:
    """The tree with a message and everything below it deleted."""
    message_of(tree, message_id)
    gone = [replace(tree.messages[each], deleted=True) for each in tree.below(message_id)]
    return tree.with_messages(*gone)


def restore(tree: Tree, message_id: str) -> Tree:
    """The tree with a deleted message and everything above it back; what is below stays away.

    Raises:
        ConflictError: it, or what it answers, was erased with its author.
    """
    message_of(tree, message_id)
    if any(above.author is None and not above.text for above in tree.path(message_id)):
        raise ConflictError("The message was erased for good.", code="message_erased")
    return tree.with_messages(*(replace(m, deleted=False) for m in tree.path(message_id)))


def edit(tree: Tree, message_id: str, text: str) -> Tree:
    """The tree with another text in a message, which is reviewed and ranked anew.

    Tasks to judge it end: whoever holds one has read the old text.
    """
    message = message_of(tree, message_id)
    changed = replace(
        message, text=text, edited=True, decision=None, round=message.round + 1, rank=None
    )
    votes = [vote for vote in tree.votes if all(message_id not in tier for tier in vote.tiers)]
    leases = [each for each in tree.leases if message_id not in _judged_by(each)]
    return replace(tree.with_messages(changed), votes=tuple(votes), leases=tuple(leases))


def _judged_by(lease: TreeLease) -> tuple[str, ...]:
    return (lease.message_id,) if lease.activity is Activity.REVIEW else lease.shown


def decide(tree: Tree, message_id: str, *, accepted: bool) -> Tree:
    """The tree with a moderator's decision on a message; reviews do not change it."""
    message = message_of(tree, message_id)
    return tree.with_messages(replace(message, decision=Decision(accepted, by="moderator")))


def withdraw(tree: Tree, contributor: str) -> Tree:
    """The tree without one contributor's reviews, votes, marks and leases.

    Decisions that rested on a review of theirs are open again; those of moderators stand.
    """
    changed = []
    for message in tree.messages.values():
        reviews = tuple(each for each in message.reviews if each.contributor != contributor)
        marks = frozenset(each for each in message.marks if each.contributor != contributor)
        if reviews == message.reviews and marks == message.marks:
            continue
        without = replace(message, reviews=reviews, marks=marks)
        rested = len(without.counted_reviews) < len(message.counted_reviews)
        if rested and message.decision is not None and message.decision.by == "reviews":
            without = replace(without, decision=None)
        changed.append(without)
    return replace(
        tree.with_messages(*changed),
        votes=tuple(each for each in tree.votes if each.contributor != contributor),
        leases=tuple(each for each in tree.leases if each.contributor != contributor),
    )


def purge(tree: Tree, contributor: str) -> Tree:
    """The tree without anything of one person: their votes, and their messages with what is below.

    A message stays as an empty place without an author, so that ids keep their meaning.
    """
    return withdraw(erase(tree, contributor, lambda message: True), contributor)


def erase(tree: Tree, contributor: str, which: Callable[[Message], bool]) -> Tree:
    """The tree without some messages of one person, and what is below them deleted."""
    for message in list(tree.messages.values()):
        if message.author == contributor and which(message):
            tree = delete(tree, message.id)
            erased = replace(tree.messages[message.id], text="", author=None)
            tree = tree.with_messages(erased)
    return tree


def reinstate(
    tree: Tree, reviews: Mapping[str, Sequence[Review]], votes: Sequence[RankingVote]
) -> Tree:
    """The tree with reviews, by message, and votes that were withdrawn; those that were given anew
    since stand in their place.
    """
    changed = []
    for message_id, given in reviews.items():
        message = tree.messages[message_id]
        known = {(each.contributor, each.round) for each in message.reviews}
        back = [each for each in given if (each.contributor, each.round) not in known]
        changed.append(replace(message, reviews=(*message.reviews, *back)))
    ranked = {(vote.contributor, vote.parent_id) for vote in tree.votes}
    back_votes = [each for each in votes if (each.contributor, each.parent_id) not in ranked]
    return replace(tree.with_messages(*changed), votes=(*tree.votes, *back_votes))


def merge(tree: Tree, source: str, destination: str) -> Tree:
    """The tree with all that one contributor did as another's, who is the same person.

    What nobody may do does not come along: a second review or vote on the same thing, and a
    review or ranking of what is their own now. Leases end.
    """
    messages = {}
    for message in tree.messages.values():
        author = destination if message.author == source else message.author
        reviews = _merged_reviews(message, author, source, destination)
        marks = frozenset(
            replace(m, contributor=_renamed(m.contributor, source, destination))
            for m in message.marks
        )
        messages[message.id] = replace(message, author=author, reviews=reviews, marks=marks)
    merged = replace(tree, messages=messages)
    leases = tuple(each for each in tree.leases if each.contributor != source)
    return replace(merged, votes=_merged_votes(merged, source, destination), leases=leases)


def _renamed(who: str, source: str, destination: str) -> str:
    return destination if who == source else who


def _merged_reviews(
    message: Message, author: str | None, source: str, destination: str
) -> tuple[Review, ...]:
    known = {(r.contributor, r.round) for r in message.reviews if r.contributor == destination}
    found = []
    for review in message.reviews:
        who = _renamed(review.contributor, source, destination)
        if who == author and who == destination:
            continue
        if review.contributor == source and (destination, review.round) in known:
            continue
        found.append(replace(review, contributor=who))
    return tuple(found)


def _merged_votes(tree: Tree, source: str, destination: str) -> tuple[RankingVote, ...]:
    known = {vote.parent_id for vote in tree.votes if vote.contributor == destination}
    found = []
    for vote in tree.votes:
        who = _renamed(vote.contributor, source, destination)
        replies = tree.children.get(vote.parent_id, ())
        own = any(reply.author == who for reply in replies)
        if who == destination and (own or (vote.contributor == source and vote.parent_id in known)):
            continue
        found.append(replace(vote, contributor=who))
    return tuple(found)


def forgive(tree: Tree, message_id: str, code: str) -> Tree:
    """The tree with the present marks of a code on a message looked at and let pass."""
    message = message_of(tree, message_id)
    count = sum(mark.code == code for mark in message.marks)
    return tree.with_messages(replace(message, forgiven={**message.forgiven, code: count}))
