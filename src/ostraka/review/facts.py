"""What a policy may know of an item besides its scores: its author's record and its thread.

The authors of a transaction's items are read, and on PostgreSQL locked, at once. What the policy
does to one item is noted here, so that the next one of the same author or thread knows of it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ostraka.policy.facts import AuthorFacts, PriorAction, ReportFacts, ThreadFacts
from ostraka.review.intake_statements import ADD_AUTHORS, AUTHORS, CHANGE_AUTHOR, STRIKES
from ostraka.review.tables import AuthorRow, DecisionRow, ItemRow, ReportRow
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action

ACTING: Final = (Action.WARN, Action.REMOVE, Action.BAN_TEMPORARY, Action.BAN_PERMANENT)
"""What is done to an item or its author; the others approve, or ask people."""
MOST_PRIOR_ACTIONS: Final = 20
"""Of an author; the newest."""
THREAD_ITEMS: Final = 200
"""How far back a thread is looked at."""

_DAY: Final = 86_400.0


@dataclass(slots=True)
class Author:
    """What is kept of an author, as plain values."""

    id: str
    external_id: str
    since: datetime | None
    banned_until: datetime | None
    banned_permanently: bool
    _before: tuple[datetime | None, datetime | None, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.since, self.banned_until, self.banned_permanently

    @property
    def is_changed(self) -> bool:
        """Whether it is not as it was read or last written."""
        return (self.since, self.banned_until, self.banned_permanently) != self._before

    def changes(self) -> dict[str, Any]:
        """The values to write; from here on they count as written."""
        self.__post_init__()
        names = ("id", "since", "banned_until", "banned_permanently")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Record:
    """An author and their record."""

    row: AuthorRow | Author
    strikes: float = 0.0
    violations: int = 0
    prior: list[tuple[str, str, datetime]] = field(default_factory=list)
    """Action, violation and when; the newest first."""

    def facts(self, now: datetime) -> AuthorFacts:
        """The record as a policy sees it."""
        since = self.row.since
        return AuthorFacts(
            strikes=self.strikes,
            violations=self.violations,
            prior_actions=tuple(
                PriorAction(action, violation, _days(now, when))
                for action, violation, when in self.prior[:MOST_PRIOR_ACTIONS]
            ),
            banned=is_banned(self.row, now),
            age_days=_days(now, since) if since else None,
            known=True,
        )


def is_banned(author: AuthorRow | Author, now: datetime) -> bool:
    """Whether a ban of an author is in force."""
    until = author.banned_until
    return author.banned_permanently or (until is not None and until > now)


def load_authors(
    session: Session, wanted: Mapping[str, datetime | None], now: datetime
) -> dict[str, Record]:
    """The records of authors by the caller's ids, locked; those who are new are made.

    `wanted` holds since when each account is there, where the caller said so. What is changed in
    them is written by `keep_authors`.
    """
    if not wanted:
        return {}
    known = _locked(session, sorted(wanted))
    records = {author.id: Record(author) for author in known.values()}
    if records:
        fill(session, records, now)
    missing = sorted(wanted.keys() - known.keys())
    if missing:
        made = _make_authors(session, missing, now)
        records |= {author.id: Record(author) for author in made.values()}
    found = {record.row.external_id: record for record in records.values()}
    for name, since in wanted.items():
        if since is not None:
            found[name].row.since = since
    return found


def keep_authors(session: Session, records: Iterable[Record]) -> None:
    """Write what was changed in authors that `load_authors` gave."""
    for record in records:
        author = record.row
        if isinstance(author, Author) and author.is_changed:
            session.connection().execute(CHANGE_AUTHOR, author.changes())


def author_record(session: Session, author_id: str | None, now: datetime) -> Record | None:
    """The record of one author by their id here, locked."""
    if author_id is None:
        return None
    row = session.get_one(AuthorRow, author_id, with_for_update=True, populate_existing=True)
    record = Record(row)
    fill(session, {row.id: record}, now)
    return record


def fill(session: Session, records: dict[str, Record], now: datetime) -> None:
    """Read the strikes of authors, by their ids here."""
    connection = session.connection()
    values = {"names": list(records), "now": now, "most": MOST_PRIOR_ACTIONS}
    for row in STRIKES[connection.dialect.name].rows(connection, values):
        author_id, action, violation, created_at, violations, weight = row
        record = records[author_id]
        record.strikes, record.violations = float(weight), violations
        record.prior.append((action, violation, created_at))


def thread_facts(session: Session, thread_id: str) -> ThreadFacts:
    """The newest items of a thread."""
    newest = (
        select(ItemRow.action)
        .where(ItemRow.thread_id == thread_id)
        .order_by(ItemRow.id.desc())
        .limit(THREAD_ITEMS)
        .subquery()
    )
    violations = func.sum(case((newest.c.action.in_(ACTING), 1), else_=0))
    count, violating = session.execute(select(func.count(), violations).select_from(newest)).one()
    return ThreadFacts(items=count, violations=int(violating or 0))


def report_facts(session: Session, item_id: str) -> ReportFacts:
    """Reports of an item since people last decided on it: older ones they knew of."""
    decided = last_decision(session, item_id)
    wanted = (
        select(ReportRow.violation, func.count())
        .where(ReportRow.item_id == item_id)
        .group_by(ReportRow.violation)
    )
    if decided is not None:
        wanted = wanted.where(ReportRow.created_at > decided.created_at)
    violations = {violation: count for violation, count in session.execute(wanted)}
    return ReportFacts(count=sum(violations.values()), violations=violations)


def last_decision(session: Session, item_id: str) -> DecisionRow | None:
    """The decision that counts for an item: the newest that acted and was not taken back."""
    undone = select(DecisionRow.reverses).where(
        DecisionRow.item_id == item_id, DecisionRow.reverses.is_not(None)
    )
    return session.scalars(
        select(DecisionRow)
        .where(
            DecisionRow.item_id == item_id,
            DecisionRow.counts,
            DecisionRow.reverses.is_(None),
            DecisionRow.id.not_in(undone),
        )
        .order_by(DecisionRow.id.desc())
        .limit(1)
    ).first()


def _locked(session: Session, names: Iterable[str]) -> dict[str, Author]:
    """Authors by the caller's ids; on PostgreSQL nobody else changes them from here on."""
    connection = session.connection()
    rows = AUTHORS[connection.dialect.name].rows(connection, {"names": list(names)})
    return {row[1]: Author(*row) for row in rows}


def _make_authors(session: Session, names: Collection[str], now: datetime) -> dict[str, Author]:
    """Add authors; on PostgreSQL another transaction may do so at the same time."""
    made = {name: Author(new_id("author"), name, None, None, False) for name in names}
    rows = [
        {
            "id": author.id,
            "created_at": now,
            "external_id": author.external_id,
            "banned_permanently": False,
        }
        for author in made.values()
    ]
    connection = session.connection()
    ADD_AUTHORS[connection.dialect.name].run(connection, rows)
    return made if connection.dialect.name == "sqlite" else _locked(session, names)


def _days(now: datetime, then: datetime) -> float:
    return round(max(0.0, (now - then).total_seconds()) / _DAY, 4)
