"""Write what changed between two values of a tree, in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.orm import Session

from ostraka.storage.ids import new_id
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.following import follow
from ostraka.trees.known import KnownTree, Rows, as_read, known_in
from ostraka.trees.loading import vote_of, vote_rows
from ostraka.trees.openings import save_openings
from ostraka.trees.selection import type_of
from ostraka.trees.tables import (
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message, Review, TreeLease

_TREES: Final[Any] = TreeRow.__table__
_MESSAGES: Final[Any] = TreeMessageRow.__table__
_TASKS: Final[Any] = TreeTaskRow.__table__
_REVIEWS: Final[Any] = TreeReviewRow.__table__
_VOTES: Final[Any] = TreeVoteRow.__table__
_CHANGED_TREE: Final = update(_TREES).where(_TREES.c.id == bindparam("tree_id"))
_NEW_MESSAGE: Final = insert(_MESSAGES)
_CHANGED_MESSAGE: Final = update(_MESSAGES).where(_MESSAGES.c.id == bindparam("message_id"))
_NEW_REVIEW: Final = insert(_REVIEWS)
_NEW_VOTE: Final = insert(_VOTES)
_NEW_TASK: Final = insert(_TASKS)
_CHANGED_TASK: Final = update(_TASKS).where(_TASKS.c.id == bindparam("task_id"))
"""Built once, as every request writes one."""


def save(
    session: Session,
    before: Tree | None,
    after: Tree,
    configuration: TreeConfiguration,
    now: datetime,
    ended: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Bring the rows from one value to the next, openings too; None where the tree is new.

    What has to follow is queued and counted in the same transaction. `ended` has, of leases that
    are gone, columns that say how they ended; the others were closed with their tree.
    """
    stamp = new_id("stamp")
    if before is None:
        values = _tree_values(after) | {"opened_under": configuration.digest, "stamp": stamp}
        session.add(TreeRow(id=after.id, created_at=now, **values))
        session.flush()
    else:
        values = _tree_values(after) if _tree_values(before) != _tree_values(after) else {}
        values |= {"stamp": stamp, "tree_id": after.id}
        session.connection().execute(_CHANGED_TREE, values)
    _save_messages(session, before, after)
    if before is None or _reviews_of(before) != _reviews_of(after):
        _save_reviews(session, before, after, now)
    _save_marks(session, before, after, now)
    if before is None or before.votes != after.votes:
        _save_votes(session, before, after, now)
    _save_leases(session, before.leases if before else (), after, now, ended or {})
    session.flush()
    _know(session, before, after, configuration, stamp, now)
    follow(session, before, after, now)


def _know(
    session: Session,
    before: Tree | None,
    after: Tree,
    configuration: TreeConfiguration,
    stamp: str,
    now: datetime,
) -> None:
    """Save the openings; what is known of the tree under its new stamp needs no reading."""
    trees = known_in(session)
    old = trees.of(before) if trees is not None and before is not None else None
    there: tuple[Rows, Rows] | None = old.rows if old else None
    if before is None:
        there = (frozenset(), frozenset())
    openings, bars = save_openings(session, after, configuration, there)
    if trees is None:
        return
    tree = as_read(before, after, now)
    if tree is None:
        trees.drop(after.id)
    else:
        trees.put(KnownTree(stamp, tree, (openings, bars)))


def note_configuration(tree_id: str, digest: str, session: Session) -> None:
    """Note that a tree's openings follow a configuration."""
    session.execute(update(TreeRow).where(TreeRow.id == tree_id).values(opened_under=digest))


def _reviews_of(tree: Tree) -> dict[str, tuple[Review, ...]]:
    return {message.id: message.reviews for message in tree.messages.values() if message.reviews}


def _tree_values(tree: Tree) -> dict[str, Any]:
    return {
        "language": tree.language,
        "state": str(tree.state),
        "halted_from": str(tree.halted_from) if tree.halted_from else None,
        "goal_tree_size": tree.limits.goal_tree_size,
        "max_depth": tree.limits.max_depth,
        "max_children_count": tree.limits.max_children_count,
        "num_prompter_replies": tree.limits.num_prompter_replies,
        "lottery_won_at": tree.lottery_won_at,
        "forgiven_rejections": tree.forgiven_rejections,
        "origin": tree.origin,
    }


def _message_values(message: Message) -> dict[str, Any]:
    decision, imported = message.decision, message.imported
    return {
        "parent_id": message.parent_id,
        "author": message.author,
        "role": str(message.role),
        "text": message.text,
        "language": message.language,
        "depth": message.depth,
        "deleted": message.deleted,
        "late": message.late,
        "edited": message.edited,
        "synthetic": message.synthetic,
        "model_name": message.model_name,
        "round": message.round,
        "accepted": decision.accepted if decision else None,
        "decided_by": decision.by if decision else None,
        "decided_score": decision.score if decision else None,
        "forgiven": dict(message.forgiven),
        "rank": message.rank,
        "imported": imported
        and {
            "review_count": imported.review_count,
            "labels": {n: [v.value, v.count] for n, v in imported.labels.items()},
            "emojis": dict(imported.emojis),
            "detoxify": dict(imported.detoxify),
        },
    }


def _save_messages(session: Session, before: Tree | None, after: Tree) -> None:
    fresh = []
    for message in after.messages.values():
        old = before.messages.get(message.id) if before else None
        if message is old:
            continue
        values = _message_values(message)
        if old is None:
            fresh.append(
                {
                    "id": message.id,
                    "created_at": message.created_at,
                    "tree_id": after.id,
                    **values,
                }
            )
            continue
        known = _message_values(old)
        changed = {name: value for name, value in values.items() if value != known[name]}
        if changed:
            changed["message_id"] = message.id
            session.connection().execute(_CHANGED_MESSAGE, changed)
    if fresh:
        session.connection().execute(_NEW_MESSAGE, fresh)


def _save_reviews(session: Session, before: Tree | None, after: Tree, now: datetime) -> None:
    known, given = (_reviews_by_key(tree) if tree else {} for tree in (before, after))
    for message_id, contributor, round_ in known.keys() - given.keys():
        session.execute(
            update(TreeReviewRow)
            .where(
                TreeReviewRow.message_id == message_id,
                TreeReviewRow.contributor == contributor,
                TreeReviewRow.round == round_,
                TreeReviewRow.withdrawn_at.is_(None),
            )
            .values(withdrawn_at=now)
        )
    fresh = [
        {
            "id": new_id("review"),
            "created_at": review.given_at or now,
            "message_id": message_id,
            "contributor": contributor,
            "round": round_,
            "labels": dict(review.labels),
            "withdrawn_at": None,
        }
        for (message_id, contributor, round_), review in given.items()
        if (message_id, contributor, round_) not in known
    ]
    if fresh:  # in their order, in which they come back
        session.flush()
        session.connection().execute(_NEW_REVIEW, fresh)


def _reviews_by_key(tree: Tree) -> dict[tuple[str, str, int], Review]:
    return {
        (message.id, review.contributor, review.round): review
        for message in tree.messages.values()
        for review in message.reviews
    }


def _save_marks(session: Session, before: Tree | None, after: Tree, now: datetime) -> None:
    for message in after.messages.values():
        old = before.messages.get(message.id) if before else None
        if message is old:
            continue
        known = old.marks if old else frozenset()
        for mark in known - message.marks:
            session.execute(
                delete(TreeMarkRow).where(
                    TreeMarkRow.message_id == message.id,
                    TreeMarkRow.contributor == mark.contributor,
                    TreeMarkRow.code == mark.code,
                )
            )
        for mark in message.marks - known:
            session.add(
                TreeMarkRow(
                    message_id=message.id,
                    contributor=mark.contributor,
                    code=mark.code,
                    created_at=now,
                )
            )


def _save_votes(session: Session, before: Tree | None, after: Tree, now: datetime) -> None:
    known = before.votes if before else ()
    if after.votes[: len(known)] == known:
        left = list(after.votes[len(known) :])
    else:
        left = list(after.votes)
        for row in vote_rows(session, after.id):
            if vote_of(row) in left:
                left.remove(vote_of(row))
            else:
                row.withdrawn_at = now
    session.flush()
    for vote in left:
        values = {
            "id": new_id("vote"),
            "created_at": vote.given_at or now,
            "parent_id": vote.parent_id,
            "contributor": vote.contributor,
            "tiers": [list(tier) for tier in vote.tiers],
            "not_rankable": vote.not_rankable,
            "withdrawn_at": None,
        }
        session.connection().execute(_NEW_VOTE, values)


def task_values(tree: Tree, lease: TreeLease, now: datetime) -> dict[str, Any]:
    """The row of a new task, that somebody holds on a tree."""
    return {
        "id": lease.id,
        "created_at": now,
        "tree_id": tree.id,
        "message_id": lease.message_id,
        "contributor": lease.contributor,
        "activity": str(lease.activity),
        "kind": str(type_of(lease.activity, tree.messages[lease.message_id])),
        "language": tree.language,
        "asked": None,
        "state": "open",
        "shown": list(lease.shown),
        "expires_at": lease.expires_at,
        "ended_at": None,
        "result": None,
        "made_id": None,
    }


def _save_leases(
    session: Session,
    known: tuple[TreeLease, ...],
    after: Tree,
    now: datetime,
    ended: Mapping[str, Mapping[str, Any]],
) -> None:
    old, new = ({lease.id: lease for lease in leases} for leases in (known, after.leases))
    for lease_id in old.keys() - new.keys():
        values = {"state": "closed", "ended_at": now, **ended.get(lease_id, {})}
        session.connection().execute(_CHANGED_TASK, values | {"task_id": lease_id})
    fresh = [task_values(after, lease, now) for lease in after.leases if lease.id not in old]
    if fresh:
        session.flush()
        session.connection().execute(_NEW_TASK, fresh)
    for lease_id in new.keys() & old.keys():
        if new[lease_id] != old[lease_id]:
            values = {"expires_at": new[lease_id].expires_at, "task_id": lease_id}
            session.connection().execute(_CHANGED_TASK, values)
