"""Messages as readers want them: single, a conversation, replies, a page; with what counts beside.

Whatever is asked for, a fixed number of statements answers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.trees.keyset import KeysetPage, Stretch, keyset_page
from ostraka.trees.permissions import SENTENCES, Refusal
from ostraka.trees.tables import (
    ContributorRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeRow,
    TreeVoteRow,
)


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """A message with what is counted of it."""

    row: TreeMessageRow
    review_count: int = 0
    ranking_count: int = 0
    emojis: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    reader_emojis: tuple[str, ...] = ()
    """What the reader put on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages; what is None lets all through."""

    client: str | None = None
    author: str | None = None
    auth_method: str | None = None
    username: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None
    """A part of the text, whichever way its letters are written."""
    only_roots: bool = False
    deleted: bool | None = False
    """None for deleted ones too."""


def find_message(session: Session, ids: Sequence[str]) -> TreeMessageRow:
    """The message of the first id that is one's.

    Raises:
        NotFoundError: none of them is.
    """
    found = session.scalars(select(TreeMessageRow).where(TreeMessageRow.id.in_(ids))).first()
    if found is None:
        raise NotFoundError(SENTENCES[Refusal.MESSAGE_NOT_FOUND], code=Refusal.MESSAGE_NOT_FOUND)
    return found


def tree_row(session: Session, tree_id: str) -> TreeRow:
    """A tree's own row."""
    return session.get_one(TreeRow, tree_id)


def messages_of_tree(session: Session, tree_id: str) -> list[TreeMessageRow]:
    """All messages of a tree, parents before their replies, the deleted too."""
    found = session.scalars(
        select(TreeMessageRow)
        .where(TreeMessageRow.tree_id == tree_id)
        .order_by(TreeMessageRow.depth, TreeMessageRow.created_at, TreeMessageRow.id)
    )
    return list(found)


def conversation(rows: Sequence[TreeMessageRow], message_id: str) -> list[TreeMessageRow]:
    """The way from the prompt to a message, out of its tree's messages."""
    by_id = {row.id: row for row in rows}
    found: list[TreeMessageRow] = []
    step: str | None = message_id
    while step is not None:
        found.append(by_id[step])
        step = by_id[step].parent_id
    return found[::-1]


def below(rows: Sequence[TreeMessageRow], message_id: str) -> list[TreeMessageRow]:
    """Everything below a message, out of its tree's messages."""
    known, found = {message_id}, []
    for row in rows:
        if row.parent_id in known:
            known.add(row.id)
            found.append(row)
    return found


def longest_conversation(rows: Sequence[TreeMessageRow]) -> list[TreeMessageRow]:
    """The way to the deepest message, the first of them."""
    if not rows:
        return []
    deepest = max(row.depth for row in rows)
    return conversation(rows, next(row.id for row in rows if row.depth == deepest))


def with_most_replies(rows: Sequence[TreeMessageRow]) -> list[TreeMessageRow]:
    """The message that has the most replies, the first of them, and its replies."""
    if not rows:
        return []
    counts = Counter(row.parent_id for row in rows if row.parent_id is not None)
    most = max(rows, key=lambda row: counts[row.id])
    return [most, *(row for row in rows if row.parent_id == most.id)]


def visible(rows: Iterable[TreeMessageRow], *, spam: bool, deleted: bool) -> list[TreeMessageRow]:
    """Those that are neither rejected nor deleted, unless asked for; nor below one that is."""
    hidden: set[str] = set()
    found = []
    for row in rows:
        out = (row.deleted and not deleted) or (row.accepted is False and not spam)
        if out or row.parent_id in hidden:
            hidden.add(row.id)
        else:
            found.append(row)
    return found


def page_of_messages(
    session: Session, wanted: MessageFilter, stretch: Stretch
) -> KeysetPage[TreeMessageRow]:
    """Messages in the order in which they were written; places are a moment and an id."""
    statement = select(TreeMessageRow).where(*_conditions(wanted))
    people = {
        ContributorRow.client: wanted.client,
        ContributorRow.auth_method: wanted.auth_method,
        ContributorRow.username: wanted.username,
    }
    asked = {column: value for column, value in people.items() if value is not None}
    if asked:
        statement = statement.join(ContributorRow, ContributorRow.id == TreeMessageRow.author)
        statement = statement.where(*(column == value for column, value in asked.items()))
    columns = (TreeMessageRow.created_at, TreeMessageRow.id)
    return keyset_page(session, statement, columns, stretch)


def facts_of(
    session: Session, rows: Sequence[TreeMessageRow], reader: str | None = None
) -> list[MessageFacts]:
    """Messages with what is counted of them, in the order in which they came."""
    ids = [row.id for row in rows]
    reviews = _counted_reviews(session, ids)
    rankings = _counted_rankings(session, rows)
    emojis: defaultdict[str, Counter[str]] = defaultdict(Counter)
    own: defaultdict[str, list[str]] = defaultdict(list)
    for mark in session.scalars(select(TreeMarkRow).where(TreeMarkRow.message_id.in_(ids))):
        if mark.code.startswith("_"):
            continue
        emojis[mark.message_id][mark.code] += 1
        if mark.contributor == reader:
            own[mark.message_id].append(mark.code)
    return [
        MessageFacts(
            row,
            reviews.get((row.id, row.round), 0) or _imported_reviews(row),
            rankings[row.id],
            {**_imported_emojis(row), **emojis[row.id]},
            tuple(sorted(own[row.id])),
        )
        for row in rows
    ]


def _conditions(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.author is not None:
        found.append(TreeMessageRow.author == wanted.author)
    if wanted.language is not None:
        found.append(TreeMessageRow.language == wanted.language)
    if wanted.since is not None:
        found.append(TreeMessageRow.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(TreeMessageRow.created_at <= wanted.until)
    if wanted.words:
        found.append(TreeMessageRow.text.icontains(wanted.words, autoescape=True))
    if wanted.only_roots:
        found.append(TreeMessageRow.parent_id.is_(None))
    if wanted.deleted is not None:
        found.append(TreeMessageRow.deleted.is_(wanted.deleted))
    return found


def _counted_reviews(session: Session, ids: Sequence[str]) -> dict[tuple[str, int], int]:
    found = session.execute(
        select(TreeReviewRow.message_id, TreeReviewRow.round, func.count())
        .where(TreeReviewRow.message_id.in_(ids), TreeReviewRow.withdrawn_at.is_(None))
        .group_by(TreeReviewRow.message_id, TreeReviewRow.round)
    )
    return {(message_id, round_): count for message_id, round_, count in found}


def _counted_rankings(session: Session, rows: Sequence[TreeMessageRow]) -> Counter[str]:
    parents = {row.parent_id for row in rows if row.parent_id is not None}
    votes = session.scalars(
        select(TreeVoteRow).where(
            TreeVoteRow.parent_id.in_(parents), TreeVoteRow.withdrawn_at.is_(None)
        )
    )
    return Counter(name for vote in votes for tier in vote.tiers for name in tier)


def _imported_reviews(row: TreeMessageRow) -> int:
    return int(row.imported["review_count"]) if row.imported else 0


def _imported_emojis(row: TreeMessageRow) -> dict[str, int]:
    return dict(row.imported["emojis"]) if row.imported else {}
