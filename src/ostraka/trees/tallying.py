"""Keep the counts of contributors: add what an act changed, and sum what a board looks at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isclose
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ostraka.trees.background_tables import TreeTallyRow
from ostraka.trees.contributions import Key, Tallies, total
from ostraka.trees.statistics import Frame

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS_KEPT: Final = timedelta(days=2)
_DAYS_KEPT: Final = timedelta(days=40)
_SPANS: Final = {Frame.DAY: "hour", Frame.WEEK: "day", Frame.MONTH: "day", Frame.TOTAL: "total"}
_PRIMARY_KEY: Final = ("contributor", "name", "span", "begins")


def _addition(dialect: Any) -> Any:
    insert = dialect.insert(TreeTallyRow.__table__)
    return insert.on_conflict_do_update(
        index_elements=_PRIMARY_KEY,
        set_={"amount": TreeTallyRow.__table__.c.amount + insert.excluded.amount},
    )


_ADDITIONS: Final = {"postgresql": _addition(postgresql), "sqlite": _addition(sqlite)}
"""Built once, as every act counts something."""


def record(session: Session, changes: Mapping[Key, float]) -> None:
    """Add what an act changed to the counts of its hour and day, and to those of all time."""
    sums: defaultdict[tuple[str, str, str, datetime], float] = defaultdict(float)
    for (contributor, name, hour), amount in changes.items():
        sums[contributor, name, "hour", hour] += amount
        sums[contributor, name, "day", hour.replace(hour=0)] += amount
        sums[contributor, name, "total", _EVER] += amount
    # In one order for everybody, so that two who write the same rows wait, and never for ever.
    rows = [
        {**dict(zip(_PRIMARY_KEY, key, strict=True)), "amount": sums[key]} for key in sorted(sums)
    ]
    if rows:
        session.flush()
        connection = session.connection()
        connection.execute(_ADDITIONS[connection.dialect.name], rows)


def sums(
    session: Session, frame: Frame, now: datetime, contributors: Sequence[str] | None = None
) -> dict[str, dict[str, float]]:
    """The counts of a frame by contributor and name; a day is exact to the hour."""
    query = select(
        TreeTallyRow.contributor, TreeTallyRow.name, func.sum(TreeTallyRow.amount)
    ).where(TreeTallyRow.span == _SPANS[frame])
    begins = frame.begins(now)
    if begins is not None:
        query = query.where(
            TreeTallyRow.begins >= begins.replace(minute=0, second=0, microsecond=0)
        )
    if contributors is not None:
        query = query.where(TreeTallyRow.contributor.in_(contributors))
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for contributor, name, amount in session.execute(
        query.group_by(TreeTallyRow.contributor, TreeTallyRow.name)
    ):
        found[contributor][name] = amount
    return dict(found)


def forget(session: Session, contributor: str) -> None:
    """Delete the counts of somebody who was erased."""
    session.execute(delete(TreeTallyRow).where(TreeTallyRow.contributor == contributor))


def has_old(session: Session, now: datetime) -> bool:
    """Whether there are counts that no frame looks at any more."""
    oldest = (select(TreeTallyRow.name).where(*old).limit(1) for old in _old(now))
    return any(session.scalar(each) is not None for each in oldest)


def prune(session: Session, now: datetime) -> None:
    """Delete counts of hours and days that no frame looks at any more."""
    for old in _old(now):
        session.execute(delete(TreeTallyRow).where(*old))


def _old(now: datetime) -> list[tuple[ColumnElement[bool], ...]]:
    kept = (("hour", _HOURS_KEPT), ("day", _DAYS_KEPT))
    return [(TreeTallyRow.span == span, TreeTallyRow.begins < now - most) for span, most in kept]


def differences(
    session: Session, trees: Iterable[Tallies]
) -> dict[tuple[str, str], dict[str, float]]:
    """Counts of all time that are not what follows from the trees, by contributor and name."""
    right: defaultdict[tuple[str, str], float] = defaultdict(float)
    for each in trees:
        for key, amount in total(each).items():
            right[key] += amount
    rows = select(TreeTallyRow).where(TreeTallyRow.span == "total")
    kept = {(row.contributor, row.name): row.amount for row in session.scalars(rows)}
    return {
        key: {"kept": kept.get(key, 0.0), "right": right.get(key, 0.0)}
        for key in sorted(kept.keys() | right.keys())
        if not isclose(kept.get(key, 0.0), right.get(key, 0.0), abs_tol=1e-6)
    }


def recount(session: Session, trees: Iterable[Tallies]) -> None:
    """Replace all counts by those that follow from the trees."""
    session.execute(delete(TreeTallyRow))
    for each in trees:
        record(session, each)
