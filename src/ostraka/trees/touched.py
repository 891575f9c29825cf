"""What one contributor has had to do with, out of the rows."""

from typing import Any, Final

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from ostraka.trees.loading import vote_of
from ostraka.trees.moderating import reinstate
from ostraka.trees.tables import (
    TreeEventRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Review

WITHDRAWN: Final = "withdrawn"
"""The act of taking somebody's reviews and votes back, in a tree's log."""


def trees_of(session: Session, contributor: str, *, written: bool) -> list[str]:
    """The trees in which somebody said or holds something; with `written`, or wrote something."""
    message = TreeMessageRow
    said: list[Select[Any]] = [
        select(message.tree_id)
        .join(table, message.id == on)
        .where(table.contributor == contributor)
        for table, on in (
            (TreeReviewRow, TreeReviewRow.message_id),
            (TreeVoteRow, TreeVoteRow.parent_id),
            (TreeMarkRow, TreeMarkRow.message_id),
        )
    ]
    held = (TreeTaskRow.contributor == contributor, TreeTaskRow.tree_id.is_not(None))
    said.append(select(TreeTaskRow.tree_id).where(*held, TreeTaskRow.state == "open"))
    if written:
        said.append(select(message.tree_id).where(message.author == contributor))
    return sorted(session.scalars(union(*said)))


def reinstated(session: Session, tree: Tree, contributor: str) -> Tree:
    """The tree with what was last withdrawn of somebody; as it is where nothing was."""
    events = session.execute(
        select(TreeEventRow.detail, TreeEventRow.created_at)
        .where(TreeEventRow.tree_id == tree.id, TreeEventRow.act == WITHDRAWN)
        .order_by(TreeEventRow.id.desc())
    )
    at = next((when for detail, when in events if detail.get("contributor") == contributor), None)
    if at is None:
        return tree
    reviews: dict[str, list[Review]] = {}
    for row in session.scalars(
        select(TreeReviewRow).where(
            TreeReviewRow.contributor == contributor,
            TreeReviewRow.withdrawn_at == at,
            TreeReviewRow.message_id.in_(tree.messages),
        )
    ):
        review = Review(contributor, row.labels, row.round, row.created_at)
        reviews.setdefault(row.message_id, []).append(review)
    votes = session.scalars(
        select(TreeVoteRow)
        .where(
            TreeVoteRow.contributor == contributor,
            TreeVoteRow.withdrawn_at == at,
            TreeVoteRow.parent_id.in_(tree.messages),
        )
        .order_by(TreeVoteRow.id)
    )
    return reinstate(tree, reviews, [vote_of(row) for row in votes])
