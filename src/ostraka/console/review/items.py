"""What the pages of items show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.access.roles import Right
from ostraka.console.review.authors import AuthorRecord, record_of
from ostraka.console.review.case_view import ScoreLine, score_lines
from ostraka.console.review.handling import choice
from ostraka.console.review.names import Names, names_of
from ostraka.console.review.queues import holders_of
from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.thread import Thread, thread_of
from ostraka.errors import InvalidInputError
from ostraka.review.cases import CaseKind, CaseState
from ostraka.review.items import ItemHistory, get_item, history_of
from ostraka.review.search import ItemFilter, ItemState
from ostraka.review.tables import DecisionRow, VerdictRow
from ostraka.storage import audit
from ostraka.storage.chain import Entry
from ostraka.taxonomy import Action, ViolationType

FILTERS: Final = (
    "search",
    "action",
    "violation",
    "state",
    "author",
    "thread",
    "language",
    "source",
    "from",
    "to",
)
A_PAGE: Final = 50
MOST_ENTRIES: Final = 50


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item with everything that is kept about it."""

    history: ItemHistory
    author: AuthorRecord | None
    thread: Thread
    scores: Sequence[ScoreLine]
    verdict: VerdictRow
    entries: Sequence[Entry]
    """Of the audit log, for those who may read it."""
    hidden: bool
    """Whether decisions are left out, as the reader has a case about it to decide unswayed."""
    decisions: Sequence[DecisionRow]
    """Those that the reader may know of."""
    undoable: frozenset[str]
    names: Names

    @property
    def texts(self) -> list[str | None]:
        """Every text of others that the page shows."""
        around = [each.text for each in self.thread.everything]
        said = [each.reason for each in self.history.appeals]
        return [self.history.item.text, *said, *around, *(r.note for r in self.history.reports)]


def filter_of(asked: dict[str, str]) -> ItemFilter:
    """The filters of an address.

    Raises:
        InvalidInputError: a value that is none; names the field.
    """
    return ItemFilter(
        action=choice(asked, "action", list(Action)),
        violation=choice(asked, "violation", list(ViolationType)),
        state=choice(asked, "state", list(ItemState)),
        author=asked["author"] or None,
        thread_id=asked["thread"] or None,
        language=asked["language"] or None,
        source=asked["source"] or None,
        since=_day(asked["from"], "from"),
        until=_day(asked["to"], "to"),
        words=asked["search"] or None,
    )


def item_view(
    room: Room, session: Session, viewer: Viewer, item_id: str, now: datetime
) -> ItemView:
    """An item by its id.

    Raises:
        NotFoundError: there is none.
    """
    item = get_item(session, item_id)
    history = history_of(session, item, now)
    verdict = session.get_one(VerdictRow, item.verdict_id)
    hidden = _is_deciding(session, history, viewer)
    decisions = _told(history, viewer)
    entries = _entries(session, history) if viewer.may(Right.AUDIT) and not hidden else []
    actors = [each.reviewer_id for each in decisions] + [each.actor for each in entries]
    return ItemView(
        history=history,
        author=record_of(session, item, now, without_this=hidden),
        thread=thread_of(session, item),
        scores=score_lines(verdict, room.policies.get(session, verdict.policy_digest)),
        verdict=verdict,
        entries=entries,
        hidden=hidden,
        decisions=decisions,
        undoable=frozenset() if hidden else _undoable(decisions, viewer),
        names=names_of(session, actors, viewer.person),
    )


def _is_deciding(session: Session, history: ItemHistory, viewer: Viewer) -> bool:
    open_cases = [case.id for case in history.cases if case.state == CaseState.OPEN]
    appealed = any(case.appeal_id for case in history.cases if case.id in open_cases)
    return not appealed and viewer.id in holders_of(session, open_cases).values()


def _told(history: ItemHistory, viewer: Viewer) -> list[DecisionRow]:
    """The decisions on an item: that a case was golden is for leads, as it may be dealt again."""
    golden = {case.id for case in history.cases if case.kind == CaseKind.GOLDEN}
    shown = viewer.reviewer.lead
    return [each for each in history.decisions if shown or each.case_id not in golden]


def _entries(session: Session, history: ItemHistory) -> list[Entry]:
    """What the audit log says of the item, its cases and its decisions, the newest first."""
    subjects = [history.item.id, *(case.id for case in history.cases)]
    subjects += [decision.id for decision in history.decisions]
    found = [
        entry
        for subject in subjects
        for entry in audit.list_entries(session, audit.EntryFilter(subject=subject), MOST_ENTRIES)
    ]
    return sorted(found, key=lambda entry: -entry.sequence)[:MOST_ENTRIES]


def _undoable(decisions: Sequence[DecisionRow], viewer: Viewer) -> frozenset[str]:
    """The decisions that the reader may try to take back; whether it works shows then."""
    undone = {each.reverses for each in decisions}
    return frozenset(
        each.id
        for each in decisions
        if each.reverses is None
        and each.id not in undone
        and each.case_id is not None
        and (viewer.reviewer.lead or each.reviewer_id == viewer.id)
    )


def _day(value: str, name: str) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidInputError(
            f"There is no day “{value[:40]}”.", field=name, valid="a day such as 2026-01-31"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def shown_detail(detail: dict[str, Any]) -> str:
    """The detail of an entry of the audit log on one line."""
    return ", ".join(f"{name} {value}" for name, value in detail.items() if value not in (None, ""))


def decisions_of_bulk(session: Session, bulk_id: str) -> Sequence[DecisionRow]:
    """The decisions of an act on many."""
    wanted = select(DecisionRow).where(DecisionRow.bulk_id == bulk_id)
    return session.scalars(wanted.order_by(DecisionRow.id)).all()
