"""What the pages of the audit log show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.console.review.names import Names, names_of
from ostraka.console.review.room import Viewer
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.storage import audit
from ostraka.storage.audit import EntryFilter
from ostraka.storage.chain import Anchor, Entry, Verification
from ostraka.storage.tables import AuditRow

A_PAGE: Final = 50
FILTERS: Final = ("actor", "act", "subject", "since", "until")
VERIFIED_AT_ONCE: Final = 2_000
"""A log of so many entries is walked whenever somebody looks; a longer one on request."""
_NEWEST: Final = 5_000
_AREAS: Final = {
    "item_": "/items/",
    "case_": "/cases/",
    "person_": "/people/",
    "key_": "/people/keys#",
}


@dataclass(frozen=True, slots=True)
class LogView:
    """A page of the log."""

    entries: Sequence[Entry]
    next_before: int | None
    head: Anchor | None
    verification: Verification | None
    acts: Sequence[str]
    """That occur among the newest entries."""
    names: Names


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry and its neighbours."""

    entry: Entry
    has_before: bool
    has_after: bool
    names: Names


def filter_of(asked: Mapping[str, str], before: str = "") -> EntryFilter:
    """The filter that an address says.

    Raises:
        InvalidInputError: a day or place that cannot be; names the field.
    """
    until = _day(asked, "until")
    return EntryFilter(
        actor=asked["actor"] or None,
        act=asked["act"] or None,
        subject=asked["subject"] or None,
        since=_day(asked, "since"),
        until=until + timedelta(days=1) if until else None,
        before=_sequence(before) if before else None,
    )


def log_view(session: Session, viewer: Viewer, wanted: EntryFilter, *, verify: bool) -> LogView:
    """Entries, the newest first, and whether the log is whole."""
    found = audit.list_entries(session, wanted, A_PAGE + 1)
    entries = found[:A_PAGE]
    head = audit.head(session)
    short = head is not None and head.sequence <= VERIFIED_AT_ONCE
    newest = select(AuditRow.act).order_by(AuditRow.sequence.desc()).limit(_NEWEST).subquery()
    acts = session.scalars(select(newest.c.act).distinct().order_by(newest.c.act)).all()
    return LogView(
        entries=entries,
        next_before=entries[-1].sequence if len(found) > A_PAGE else None,
        head=head,
        verification=audit.verify(session) if verify or short else None,
        acts=acts,
        names=names_of(session, [each.actor for each in entries], viewer.person),
    )


def entry_view(session: Session, viewer: Viewer, sequence: str) -> EntryView:
    """One entry.

    Raises:
        NotFoundError: there is none at this place.
    """
    place = _sequence(sequence)
    found = audit.list_entries(session, EntryFilter(before=place + 1), 1)
    if not found or found[0].sequence != place:
        raise NotFoundError(f"The log has no entry {place}.")
    head = audit.head(session)
    return EntryView(
        entry=found[0],
        has_before=place > 1,
        has_after=head is not None and head.sequence > place,
        names=names_of(session, [found[0].actor], viewer.person),
    )


def address_of(subject: str) -> str:
    """The page of what was acted on; empty where it has none."""
    if subject.startswith("sha256:"):
        return f"/policies/{subject.removeprefix('sha256:')[:12]}"
    return next(
        (f"{area}{subject}" for kind, area in _AREAS.items() if subject.startswith(kind)), ""
    )


def exported(session: Session, wanted: EntryFilter) -> Iterator[Entry]:
    """Entries in their order."""
    return audit.every_entry(session, wanted)


def _day(asked: Mapping[str, str], name: str) -> datetime | None:
    if not asked[name]:
        return None
    try:
        day = date.fromisoformat(asked[name])
    except ValueError as error:
        raise InvalidInputError(
            f"“{asked[name][:40]}” is no day.", field=name, valid="a day such as 2026-11-21"
        ) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _sequence(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFoundError("The log numbers its entries from 1 on.")
    return int(text)
