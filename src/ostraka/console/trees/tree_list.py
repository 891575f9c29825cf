"""Trees by what they are and the words in them, the newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from ostraka.trees.states import State
from ostraka.trees.tables import TreeMarkRow, TreeMessageRow, TreeRow
from ostraka.trees.values import RED_FLAG, SKIP_REPLY

A_PAGE: Final = 50
FILTERS: Final = ("search", "state", "language", "author", "marked")
MARKED: Final = {"flagged": RED_FLAG, "skipped": SKIP_REPLY}


@dataclass(frozen=True, slots=True)
class TreeFilter:
    """What trees are looked for; None asks for nothing."""

    words: str | None = None
    state: State | None = None
    language: str | None = None
    author: str | None = None
    marked: str | None = None
    """`flagged` or `skipped`: a message of it bears such a mark."""


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One line of the list."""

    id: str
    created_at: datetime
    state: State
    language: str
    prompt: str
    author: str | None
    goal: int
    messages: int
    accepted: int
    flags: int
    changed_at: datetime


def find_trees(
    session: Session, wanted: TreeFilter, limit: int, after: str | None = None
) -> list[TreeLine]:
    """Trees that fit, older ones than `after`."""
    query = (
        select(TreeRow, TreeMessageRow.text, TreeMessageRow.author)
        .join(TreeMessageRow, TreeMessageRow.id == TreeRow.id)
        .where(*_conditions(wanted))
        .order_by(TreeRow.id.desc())
        .limit(limit)
    )
    if after:
        query = query.where(TreeRow.id < after)
    found = session.execute(query).all()
    ids = [row.id for row, _, _ in found]
    counts, flags = _counts(session, ids), _flags(session, ids)
    return [
        TreeLine(
            id=row.id,
            created_at=row.created_at,
            state=State(row.state),
            language=row.language,
            prompt=prompt,
            author=author,
            goal=row.goal_tree_size,
            messages=counts[row.id][0],
            accepted=counts[row.id][1],
            flags=flags.get(row.id, 0),
            changed_at=counts[row.id][2],
        )
        for row, prompt, author in found
    ]


def counts_by_state(session: Session, language: str | None = None) -> dict[State, int]:
    """How many trees are in each state, of one language or of all; states without any too."""
    query = select(TreeRow.state, func.count()).group_by(TreeRow.state)
    if language:
        query = query.where(TreeRow.language == language)
    found = {State(state): count for state, count in session.execute(query)}
    return {state: found.get(state, 0) for state in State}


def languages_in_use(session: Session) -> list[str]:
    """The languages that there are trees in."""
    return list(session.scalars(select(TreeRow.language).distinct().order_by(TreeRow.language)))


def _conditions(wanted: TreeFilter) -> list[ColumnElement[bool]]:
    message = select(TreeMessageRow.tree_id)
    found: list[ColumnElement[bool]] = []
    if wanted.state:
        found.append(TreeRow.state == str(wanted.state))
    if wanted.language:
        found.append(TreeRow.language == wanted.language)
    if wanted.author:
        found.append(TreeRow.id.in_(message.where(TreeMessageRow.author == wanted.author)))
    if wanted.words:
        fits = TreeMessageRow.text.icontains(wanted.words, autoescape=True)
        found.append(TreeRow.id.in_(message.where(fits)))
    if wanted.marked:
        marks = message.join(TreeMarkRow, TreeMarkRow.message_id == TreeMessageRow.id)
        found.append(TreeRow.id.in_(marks.where(TreeMarkRow.code == MARKED[wanted.marked])))
    return found


def _counts(session: Session, ids: Sequence[str]) -> Mapping[str, tuple[int, int, datetime]]:
    stands = TreeMessageRow.accepted.is_(True) & TreeMessageRow.deleted.is_(False)
    found = session.execute(
        select(
            TreeMessageRow.tree_id,
            func.count(),
            func.sum(cast(stands, Integer)),
            func.max(TreeMessageRow.created_at),
        )
        .where(TreeMessageRow.tree_id.in_(ids))
        .group_by(TreeMessageRow.tree_id)
    )
    return {tree_id: (count, accepted or 0, last) for tree_id, count, accepted, last in found}


def _flags(session: Session, ids: Sequence[str]) -> Mapping[str, int]:
    found = session.execute(
        select(TreeMessageRow.tree_id, func.count())
        .join(TreeMarkRow, TreeMarkRow.message_id == TreeMessageRow.id)
        .where(TreeMessageRow.tree_id.in_(ids), TreeMarkRow.code == RED_FLAG)
        .group_by(TreeMessageRow.tree_id)
    )
    return {tree_id: count for tree_id, count in found}
