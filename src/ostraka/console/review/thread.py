"""What stands around an item: what it answers, and its neighbours in the thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ostraka.review.tables import AuthorRow, ItemRow

NEAR: Final = 3
"""So many items are shown before and after."""
_LOOKED_AT: Final = 40


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item of the thread, and what its author is called by the caller."""

    id: str
    text: str | None
    author: str | None


@dataclass(frozen=True, slots=True)
class Thread:
    """The surroundings of one item."""

    parent: Neighbour | None
    before: Sequence[Neighbour]
    after: Sequence[Neighbour]

    @property
    def everything(self) -> list[Neighbour]:
        """All that is shown of it."""
        return [*([self.parent] if self.parent else []), *self.before, *self.after]


def thread_of(session: Session, item: ItemRow) -> Thread:
    """The parent of an item, and its siblings: those that answer the same."""
    parent = _parent(session, item)
    if item.thread_id is None:
        return Thread(parent, (), ())
    before = _siblings(session, _BEFORE, item)
    return Thread(parent, before[::-1], _siblings(session, _AFTER, item))


def _parent(session: Session, item: ItemRow) -> Neighbour | None:
    if item.parent_id is None:
        return None
    row = session.connection().execute(_PARENT, {"external_id": item.parent_id}).first()
    return None if row is None else Neighbour(*row)


def _siblings(session: Session, query: Any, item: ItemRow) -> list[Neighbour]:
    values = {"thread": item.thread_id, "item": item.id, "parent": item.parent_id}
    return [Neighbour(*row) for row in session.connection().execute(query, values)]


_items: Final = ItemRow.__table__
_authors: Final = AuthorRow.__table__


def _near(*, later: bool) -> Any:
    """The nearest siblings among those of the thread that are nearest, the nearest first.

    Columns and no rows of the session's, as a page shows six of what is looked at.
    """
    there = _items.c.id > bindparam("item") if later else _items.c.id < bindparam("item")
    near = (
        select(_items.c.id, _items.c.text, _items.c.author_id, _items.c.parent_id)
        .where(_items.c.thread_id == bindparam("thread"), there)
        .order_by(_items.c.id if later else _items.c.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    return (
        select(near.c.id, near.c.text, _authors.c.external_id)
        .outerjoin(_authors, _authors.c.id == near.c.author_id)
        .where(near.c.parent_id.is_not_distinct_from(bindparam("parent", type_=_items.c.id.type)))
        .order_by(near.c.id if later else near.c.id.desc())
        .limit(NEAR)
    )


_BEFORE: Final = _near(later=False)
_AFTER: Final = _near(later=True)
_PARENT: Final = (
    select(_items.c.id, _items.c.text, _authors.c.external_id)
    .outerjoin(_authors, _authors.c.id == _items.c.author_id)
    .where(_items.c.external_id == bindparam("external_id"))
)
