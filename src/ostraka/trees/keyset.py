"""Pages of a list that go on from a place in its order, however far down that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Which part of a list: up to `limit` entries after a place in its order, or before one."""

    limit: int
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[T]):
    """A part of a list, and whether there is more on either side."""

    entries: Sequence[T]
    has_previous: bool
    has_next: bool


def keyset_page(
    session: Session, statement: Select[Any], columns: Sequence[Any], stretch: Stretch
) -> KeysetPage[Any]:
    """A part of what a statement finds, in the order of columns that no two entries share."""
    key = tuple_(*columns)
    backwards = stretch.before is not None and stretch.after is None
    if stretch.after is not None:
        statement = statement.where(
            key < stretch.after if stretch.descending else key > stretch.after
        )
    if stretch.before is not None:
        statement = statement.where(
            key > stretch.before if stretch.descending else key < stretch.before
        )
    downwards = stretch.descending != backwards
    order = [column.desc() if downwards else column.asc() for column in columns]
    found: list[Any] = list(session.scalars(statement.order_by(*order).limit(stretch.limit + 1)))
    more, entries = len(found) > stretch.limit, found[: stretch.limit]
    if backwards:
        entries.reverse()
    return KeysetPage(
        entries,
        has_previous=more if backwards else stretch.after is not None,
        has_next=True if backwards else more,
    )
