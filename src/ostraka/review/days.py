"""Days in UTC, in queries of both databases."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, func
from sqlalchemy.orm import Session

from ostraka.review.measures import Period


def day_of(session: Session, column: Any) -> Any:
    """The day of a moment, as `2026-11-21`."""
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD", type_=String)
    return func.substr(cast(column, String), 1, 10, type_=String)


def days_of(period: Period) -> list[str]:
    """Every day that a period touches."""
    first, last = period.since.date(), (period.until - timedelta(microseconds=1)).date()
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def monday_of(moment: datetime) -> str:
    """The Monday of a moment's week."""
    return (moment.date() - timedelta(days=moment.weekday())).isoformat()


def quantiles(values: Sequence[float], shares: Sequence[float]) -> list[float | None]:
    """Quantiles of sorted values, the nearest value that was seen; None where there are none."""
    if not values:
        return [None] * len(shares)
    last = len(values) - 1
    return [values[min(last, round(share * last))] for share in shares]
