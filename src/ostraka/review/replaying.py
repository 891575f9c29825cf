"""Stored items with the verdicts that count and what people decided, a page at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from typing import cast as cast_type

from sqlalchemy import Connection, Select, Text, cast, exists, func, select, tuple_
from sqlalchemy.orm import Session

from ostraka.review.tables import DecisionRow, ItemRow, VerdictRow
from ostraka.taxonomy import Action

_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Window:
    """Which items: of a time, and of them the newest so many."""

    since: datetime | None = None
    until: datetime | None = None
    newest: int | None = None


class Stored(NamedTuple):
    """An item with the verdict that counts, as the database has them."""

    item_id: str
    verdict_id: str
    facts: str
    """As it is stored: JSON."""
    policy: str
    action: str
    violation: str
    rule: str
    erased: bool


Place = tuple[datetime, str]
"""Where an item stands among all."""


@dataclass(frozen=True, slots=True)
class Page:
    """Items, the oldest first, and what people decided of some of them."""

    items: Sequence[Stored]
    first: datetime
    last: datetime
    people: Mapping[str, str]
    """The action that counts now, by the item's id."""


def pages(session: Session, window: Window, size: int = _PAGE) -> Iterator[Page]:
    """All items of a window, the oldest first. Only one page is in memory."""
    connection = session.connection()  # columns without the session's bookkeeping: twice as fast
    after = _beginning(session, window)
    while True:
        wanted = _stored(window).order_by(_items.c.created_at, _items.c.id).limit(size)
        if after is not None:
            wanted = wanted.where(_order > tuple_(*after))
        # A row of the database is read like a `Stored`, and need not be made one.
        found = cast_type(Sequence[Stored], connection.execute(wanted).all())
        if not found:
            return
        first, last = (_place(connection, found[place]) for place in (0, -1))
        yield Page(found, first[0], last[0], _people(connection, size, first, last))
        after = last
        if len(found) < size:
            return


_items = ItemRow.__table__
_verdicts = VerdictRow.__table__
_decisions = DecisionRow.__table__
_order = tuple_(_items.c.created_at, _items.c.id)


def _stored(window: Window) -> Select[Any]:
    wanted = select(
        _items.c.id.label("item_id"),
        _verdicts.c.id.label("verdict_id"),
        cast(_verdicts.c.facts, Text).label("facts"),  # msgspec makes facts of it at once
        _verdicts.c.policy_digest.label("policy"),
        _verdicts.c.action,
        _verdicts.c.violation,
        _verdicts.c.rule,
        _items.c.erased_at.is_not(None).label("erased"),
    ).join_from(_items, _verdicts, _verdicts.c.id == _items.c.verdict_id)
    return _within(wanted, window)


def _within(wanted: Select[Any], window: Window) -> Select[Any]:
    if window.since is not None:
        wanted = wanted.where(_items.c.created_at >= window.since)
    if window.until is not None:
        wanted = wanted.where(_items.c.created_at < window.until)
    return wanted


def _place(connection: Connection, stored: Stored) -> Place:
    moment = connection.scalar(select(_items.c.created_at).where(_items.c.id == stored.item_id))
    return cast_type(datetime, moment), stored.item_id


def _beginning(session: Session, window: Window) -> Place | None:
    """The item before the first one, where only the newest are wanted."""
    if window.newest is None:
        return None
    newest = _within(select(_items.c.created_at, _items.c.id), window)
    newest = newest.order_by(_items.c.created_at.desc(), _items.c.id.desc())
    row = session.execute(newest.offset(window.newest).limit(1)).first()
    return None if row is None else (row[0], row[1])


def people_on(session: Session, item_ids: Sequence[str]) -> dict[str, str]:
    """What people decided of items, by the item's id."""
    wanted = select(_decisions.c.item_id, _decisions.c.action).where(
        _decisions.c.item_id.in_(item_ids), *_stands
    )
    return dict(session.execute(wanted.order_by(_decisions.c.id)).all())


def _people(connection: Connection, size: int, first: Place, last: Place) -> dict[str, str]:
    """What people decided of a page's items.

    They are a table of known size with a limit, so that the decisions on each are looked up: of a
    range alone SQLite thinks that it is longer than all decisions, and reads those instead.
    """
    ids = select(_items.c.id).where(_order >= tuple_(*first), _order <= tuple_(*last))
    page = ids.limit(size).subquery("page")
    wanted = (
        select(_decisions.c.item_id, _decisions.c.action)
        .join_from(page, _decisions, _decisions.c.item_id == page.c.id)
        .where(*_stands)
        .order_by(_decisions.c.id)
    )
    return {item_id: action for item_id, action in connection.execute(wanted)}


_inverse = _decisions.alias()
_stands = (
    _decisions.c.counts,
    # Not `IS NULL`, or SQLite looks at all decisions there are by the index of what they reverse.
    func.coalesce(_decisions.c.reverses, "") == "",
    _decisions.c.action != str(Action.ESCALATE),
    ~exists().where(_inverse.c.reverses == _decisions.c.id),
)
"""A decision that acted and was not taken back; of several on an item the newest counts."""
