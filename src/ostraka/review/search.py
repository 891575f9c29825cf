"""Find items: by what they are, and by the words in them.

Words are found whole, in any case of letters, all of them in one item; "in quotes" they must follow
each other, and with a star at its end a word is a beginning. Nothing is stemmed, and languages that
write without spaces are found by whole runs between punctuation. The newest item comes first.
Both databases have an index for it: see the migration that makes the table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Integer, Select, String, column, func, literal_column, select, table
from sqlalchemy.orm import Session, aliased

from ostraka.errors import InvalidInputError
from ostraka.review.tables import AppealRow, AuthorRow, CaseRow, DecisionRow, ItemRow

MOST_TERMS: Final = 16

_TERM: Final = re.compile(r'"([^"]*)"?|(\S+)')
_PUNCTUATION: Final = r"""!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~"""
_TO_SPACES: Final = str.maketrans(_PUNCTUATION.replace("''", "'"), " " * 32)
_VECTOR: Final = (
    "to_tsvector('simple'::regconfig, "
    rf"translate(items.text, '{_PUNCTUATION}', repeat(' ', 32)))"
)
"""Letter by letter what the index is over, or PostgreSQL would not use it."""

_SEARCH: Final = table("items_search", column("rowid", Integer))
_NUMBERS: Final = table("items_search_rows", column("number", Integer), column("item_id", String))


class ItemState(StrEnum):
    """Where an item stands, as a filter."""

    OPEN = "open"
    """A case about it is open."""
    DECIDED = "decided"
    """People decided on it."""
    APPEALED = "appealed"
    """An appeal is open."""
    ERASED = "erased"
    KEPT = "kept"
    """Its text was not erased."""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items are wanted; None leaves everything in."""

    action: str | None = None
    violation: str | None = None
    author: str | None = None
    thread_id: str | None = None
    language: str | None = None
    source: str | None = None
    external_id: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must follow each other, the last one perhaps only begun."""

    words: tuple[str, ...]
    begun: bool


def find(
    session: Session, wanted: ItemFilter, limit: int, after: str | None = None
) -> Sequence[tuple[ItemRow, str | None]]:
    """Items with their authors, the newest first, from behind the id `after`."""
    by_decisions = wanted.state == ItemState.DECIDED and wanted.words is None
    walked: Any = DecisionRow.item_id if by_decisions else ItemRow.id
    query: Any = select(ItemRow, AuthorRow.external_id)
    query = _by_decisions(query) if by_decisions else _in_state(query, wanted.state)
    query = query.outerjoin(AuthorRow, AuthorRow.id == ItemRow.author_id)
    query = query.order_by(walked.desc()).limit(limit)
    query = _filtered(query, wanted, indexed=not by_decisions or _is_postgresql(session))
    if after is not None:
        query = query.where(walked < after)
    if wanted.words is not None:
        query = _with_words(session, query, terms_of(wanted.words), after)
    return [(row, author) for row, author in session.execute(query)]


def terms_of(words: str) -> tuple[Term, ...]:
    """What a search asks for.

    Raises:
        InvalidInputError: no word in it, or too many.
    """
    terms = []
    for quoted, bare in _TERM.findall(words):
        found = tuple((quoted or bare).translate(_TO_SPACES).split())
        if found:
            terms.append(Term(found, begun=bare.endswith("*")))
    if not 1 <= len(terms) <= MOST_TERMS:
        raise InvalidInputError(
            "'search' needs words to look for.", field="search", valid=f"1 to {MOST_TERMS} words"
        )
    return tuple(terms)


def _by_decisions(query: Select[Any]) -> Select[Any]:
    """Each item once, by the newest decision on it that counts.

    Decisions are few beside items: walking these, newest first, would read nearly all of them.
    """
    later = aliased(DecisionRow)
    newer = select(later.id).where(later.item_id == DecisionRow.item_id, later.counts)
    newest = ~newer.where(later.id > DecisionRow.id).exists()
    query = query.join(DecisionRow, DecisionRow.item_id == ItemRow.id)
    return query.where(DecisionRow.counts, newest)


def _filtered(query: Select[Any], wanted: ItemFilter, *, indexed: bool) -> Select[Any]:
    """With everything that is wanted; what is common must not lead the walk unless `indexed`.

    SQLite takes any index of what equals something to find few rows, and sorts what it found.
    """
    for kept, value in (
        (ItemRow.action, wanted.action),
        (ItemRow.violation, wanted.violation),
        (ItemRow.language, wanted.language),
        (ItemRow.source, wanted.source),
    ):
        if value is not None:
            query = query.where((kept if indexed else func.coalesce(kept, kept)) == value)
    if wanted.thread_id is not None:
        query = query.where(ItemRow.thread_id == wanted.thread_id)
    if wanted.external_id is not None:
        query = query.where(ItemRow.external_id == wanted.external_id)
    if wanted.author is not None:
        author = select(AuthorRow.id).where(AuthorRow.external_id == wanted.author)
        query = query.where(ItemRow.author_id == author.scalar_subquery())
    made: Any = ItemRow.created_at
    made = made if indexed else func.coalesce(made, made)
    if wanted.since is not None:
        query = query.where(made >= wanted.since)
    if wanted.until is not None:
        query = query.where(made < wanted.until)
    return query


def _in_state(query: Select[Any], state: str | None) -> Select[Any]:
    match None if state is None else ItemState(state):
        case None:
            return query
        case ItemState.OPEN:
            cases = select(CaseRow.item_id).where(CaseRow.state == "open")
            return query.where(ItemRow.id.in_(cases))
        case ItemState.APPEALED:
            appeals = select(AppealRow.item_id).where(AppealRow.state == "open")
            return query.where(ItemRow.id.in_(appeals))
        case ItemState.DECIDED:
            decided = select(DecisionRow.id).where(DecisionRow.item_id == ItemRow.id)
            return query.where(decided.where(DecisionRow.counts).exists())
        case ItemState.ERASED:
            return query.where(ItemRow.erased_at.is_not(None))
        case ItemState.KEPT:
            return query.where(ItemRow.erased_at.is_(None))


def _with_words(
    session: Session, query: Select[Any], terms: Sequence[Term], after: str | None
) -> Select[Any]:
    if _is_postgresql(session):
        asked = func.to_tsquery(literal_column("'simple'::regconfig"), _tsquery(terms))
        return query.where(literal_column(_VECTOR).op("@@")(asked))
    # Walked by number from the newest on, and only until the page is full.
    query = (
        query.join(_NUMBERS, _NUMBERS.c.item_id == ItemRow.id)
        .join(_SEARCH, _SEARCH.c.rowid == _NUMBERS.c.number)
        .where(literal_column("items_search").op("MATCH")(_match(terms)))
        .order_by(None)
        .order_by(_SEARCH.c.rowid.desc())
    )
    if after is not None:
        number = select(_NUMBERS.c.number).where(_NUMBERS.c.item_id == after)
        query = query.where(_SEARCH.c.rowid < number.scalar_subquery())
    return query


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _match(terms: Sequence[Term]) -> str:
    """For SQLite's FTS5."""
    return " AND ".join(f'"{" ".join(term.words)}"{"*" if term.begun else ""}' for term in terms)


def _tsquery(terms: Sequence[Term]) -> str:
    """For PostgreSQL; no word holds a quotation mark."""
    return " & ".join(f"({_phrase(term)})" for term in terms)


def _phrase(term: Term) -> str:
    return " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.begun else "")
