"""Everything that is kept of one contributor, to take along."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.storage.tables import Base
from ostraka.trees.tables import (
    ContributorRow,
    TreeLabelRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeTaskRow,
    TreeVoteRow,
)

_OF_OTHERS: Final = frozenset({"notes", "client", "forgiven", "imported", "contributor", "author"})
"""Columns that hold what moderators noted, or only say again whose data it is."""


def data_of(session: Session, contributor_id: str, now: datetime) -> dict[str, Any]:
    """One contributor's profile, messages, reviews, rankings, labels, marks and tasks."""
    profile = session.get_one(ContributorRow, contributor_id)
    return {
        "exported_at": now.isoformat(),
        "profile": _values(profile),
        "messages": _rows(session, TreeMessageRow, TreeMessageRow.author == contributor_id),
        "reviews": _rows(session, TreeReviewRow, TreeReviewRow.contributor == contributor_id),
        "rankings": _rows(session, TreeVoteRow, TreeVoteRow.contributor == contributor_id),
        "labels": _rows(session, TreeLabelRow, TreeLabelRow.contributor == contributor_id),
        "marks": _rows(session, TreeMarkRow, TreeMarkRow.contributor == contributor_id),
        "tasks": _rows(session, TreeTaskRow, TreeTaskRow.contributor == contributor_id),
    }


def _rows(session: Session, table: type[Base], condition: Any) -> list[dict[str, Any]]:
    wanted = select(table).where(condition).order_by(*table.__table__.primary_key)
    return [_values(row) for row in session.scalars(wanted)]


def _values(row: Base) -> dict[str, Any]:
    names = [column.key for column in row.__table__.columns if column.key not in _OF_OTHERS]
    return {name: _value(getattr(row, name)) for name in names}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value
