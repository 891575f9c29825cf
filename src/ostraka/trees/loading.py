"""A tree out of its rows, whole."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, literal_column, select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, NotFoundError
from ostraka.trees.known import KnownTree, known_in
from ostraka.trees.states import WORKING, State
from ostraka.trees.tables import (
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    Activity,
    Decision,
    ImportedFacts,
    LabelValue,
    Limits,
    Mark,
    Message,
    RankingVote,
    Review,
    Role,
    TreeLease,
)

_TREES: Final[Any] = TreeRow.__table__
_TREE_MESSAGES: Final[Any] = TreeMessageRow.__table__
_TREE_REVIEWS: Final[Any] = TreeReviewRow.__table__
_TREE_VOTES: Final[Any] = TreeVoteRow.__table__
_TREE_MARKS: Final[Any] = TreeMarkRow.__table__
_TREE_TASKS: Final[Any] = TreeTaskRow.__table__
_OF_TREE: Final = _TREE_MESSAGES.c.tree_id == bindparam("tree_id")

_TREE: Final = select(_TREES).where(_TREES.c.id == bindparam("tree_id"))
_LOCKED_TREE: Final = _TREE.with_for_update()
_FREE_TREE: Final = _TREE.with_for_update(skip_locked=True)
_MESSAGES: Final = (
    select(_TREE_MESSAGES)
    .where(_OF_TREE)
    .order_by(_TREE_MESSAGES.c.depth, _TREE_MESSAGES.c.created_at, _TREE_MESSAGES.c.id)
)
_REVIEWS: Final = (
    select(_TREE_REVIEWS)
    .join(_TREE_MESSAGES, _TREE_MESSAGES.c.id == _TREE_REVIEWS.c.message_id)
    .where(_OF_TREE, _TREE_REVIEWS.c.withdrawn_at.is_(None))
    .order_by(_TREE_REVIEWS.c.id)
)
_VOTES: Final = (
    select(_TREE_VOTES)
    .join(_TREE_MESSAGES, _TREE_MESSAGES.c.id == _TREE_VOTES.c.parent_id)
    .where(_OF_TREE, _TREE_VOTES.c.withdrawn_at.is_(None))
    .order_by(_TREE_VOTES.c.id)
)
_MARKS: Final = (
    select(_TREE_MARKS)
    .join(_TREE_MESSAGES, _TREE_MESSAGES.c.id == _TREE_MARKS.c.message_id)
    .where(_OF_TREE)
)
_LEASES: Final = (
    select(_TREE_TASKS)
    .where(
        _TREE_TASKS.c.tree_id == bindparam("tree_id"),
        _TREE_TASKS.c.state == literal_column("'open'"),  # so that a plan can use its index
    )
    .order_by(_TREE_TASKS.c.id)
)
"""Built once: to build them costs more than to run them, and every request loads a tree."""


def load(session: Session, tree_id: str, *, lock: bool = False) -> Tree:
    """The tree; with `lock` nobody else changes it before this transaction ends.

    Raises:
        NotFoundError: there is no such tree.
    """
    session.flush()
    statement = _LOCKED_TREE if lock else _TREE
    row = session.connection().execute(statement, {"tree_id": tree_id}).first()
    if row is None:
        raise NotFoundError("There is no such tree.", code="tree_not_found")
    return _locked(session, row) if lock else _read(session, row)


def load_unless_busy(session: Session, tree_id: str) -> Tree | None:
    """The tree, locked; None where somebody else works on it. On SQLite nobody else does."""
    session.flush()
    row = session.connection().execute(_FREE_TREE, {"tree_id": tree_id}).first()
    return None if row is None else _locked(session, row)


def _locked(session: Session, row: Row[Any]) -> Tree:
    """The tree of a row that is locked: what is known of it under the row's stamp stands."""
    trees = known_in(session)
    known = trees.find(row.id, row.stamp) if trees is not None else None
    if known is not None:
        return known.tree
    tree = _read(session, row)
    if trees is not None and row.stamp is not None:
        trees.put(KnownTree(row.stamp, tree))
    return tree


def _read(session: Session, row: Row[Any]) -> Tree:
    connection, tree_id, of_tree = session.connection(), row.id, {"tree_id": row.id}
    messages = connection.execute(_MESSAGES, of_tree).all()
    reviews, marks = _reviews(connection, tree_id), _marks(connection, tree_id)
    return Tree(
        id=row.id,
        language=row.language,
        limits=Limits(
            row.goal_tree_size, row.max_depth, row.max_children_count, row.num_prompter_replies
        ),
        messages={each.id: _message(each, reviews[each.id], marks[each.id]) for each in messages},
        state=State(row.state),
        votes=tuple(vote_of(each) for each in connection.execute(_VOTES, of_tree)),
        leases=tuple(_leases(connection, tree_id)),
        halted_from=State(row.halted_from) if row.halted_from else None,
        lottery_won_at=row.lottery_won_at,
        forgiven_rejections=row.forgiven_rejections,
        origin=row.origin,
    )


def refuse_known(session: Session, tree: Tree) -> None:
    """Let only a tree pass that is not there yet, nor any message of it.

    Raises:
        ConflictError: it is, or one of its messages is.
    """
    known = select(TreeMessageRow.id).where(TreeMessageRow.id.in_(tree.messages)).limit(1)
    if session.get(TreeRow, tree.id) is not None or session.scalar(known) is not None:
        raise ConflictError(
            f"The tree {tree.id} is there already, or a message of it is.", code="tree_exists"
        )


def vote_rows(session: Session, tree_id: str) -> Sequence[TreeVoteRow]:
    """The votes of a tree that were not withdrawn, the oldest first."""
    return session.scalars(
        select(TreeVoteRow)
        .join(TreeMessageRow, TreeMessageRow.id == TreeVoteRow.parent_id)
        .where(TreeMessageRow.tree_id == tree_id, TreeVoteRow.withdrawn_at.is_(None))
        .order_by(TreeVoteRow.id)
    ).all()


def vote_of(row: TreeVoteRow | Row[Any]) -> RankingVote:
    """The vote that a row holds."""
    tiers = tuple(tuple(tier) for tier in row.tiers)
    return RankingVote(row.contributor, row.parent_id, tiers, row.not_rankable, row.created_at)


def due_trees(session: Session, now: datetime, limit: int) -> list[str]:
    """Trees in which a lease has run out."""
    found = session.scalars(
        select(TreeTaskRow.tree_id)
        .where(
            TreeTaskRow.state == "open",
            TreeTaskRow.expires_at <= now,
            TreeTaskRow.tree_id.is_not(None),
        )
        .distinct()
        .limit(limit)
    )
    return [each for each in found if each is not None]


def outdated_trees(session: Session, digest: str, limit: int) -> list[str]:
    """Trees at work whose openings were worked out under another configuration."""
    changed = TreeRow.opened_under.is_(None) | (TreeRow.opened_under != digest)
    found = session.scalars(
        select(TreeRow.id).where(TreeRow.state.in_(sorted(WORKING)), changed).limit(limit)
    )
    return list(found)


def _reviews(connection: Connection, tree_id: str) -> defaultdict[str, list[Review]]:
    found: defaultdict[str, list[Review]] = defaultdict(list)
    for row in connection.execute(_REVIEWS, {"tree_id": tree_id}):
        review = Review(row.contributor, row.labels, row.round, row.created_at)
        found[row.message_id].append(review)
    return found


def _marks(connection: Connection, tree_id: str) -> defaultdict[str, set[Mark]]:
    found: defaultdict[str, set[Mark]] = defaultdict(set)
    for row in connection.execute(_MARKS, {"tree_id": tree_id}):
        found[row.message_id].add(Mark(row.contributor, row.code))
    return found


def _leases(connection: Connection, tree_id: str) -> list[TreeLease]:
    return [
        TreeLease(
            row.id,
            Activity(row.activity),
            row.message_id or tree_id,
            row.contributor,
            row.expires_at,
            tuple(row.shown),
        )
        for row in connection.execute(_LEASES, {"tree_id": tree_id})
    ]


def _message(row: Row[Any], reviews: list[Review], marks: set[Mark]) -> Message:
    decision = None
    if row.accepted is not None:
        by: Any = row.decided_by
        decision = Decision(row.accepted, by, row.decided_score)
    return Message(
        id=row.id,
        author=row.author,
        role=Role(row.role),
        text=row.text,
        created_at=row.created_at,
        parent_id=row.parent_id,
        depth=row.depth,
        language=row.language,
        deleted=row.deleted,
        late=row.late,
        edited=row.edited,
        synthetic=row.synthetic,
        model_name=row.model_name,
        reviews=tuple(reviews),
        round=row.round,
        decision=decision,
        marks=frozenset(marks),
        forgiven=row.forgiven,
        rank=row.rank,
        imported=_imported(row.imported),
    )


def _imported(stored: dict[str, Any] | None) -> ImportedFacts | None:
    if stored is None:
        return None
    labels = {name: LabelValue(*value) for name, value in stored["labels"].items()}
    return ImportedFacts(stored["review_count"], labels, stored["emojis"], stored["detoxify"])
