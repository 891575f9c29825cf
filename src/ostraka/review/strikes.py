"""Strikes on authors' records, and the bans that follow from them.

An author is banned while a strike that stands says so. So taking a strike back, in whatever order,
also takes back its ban and no other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ostraka.review.tables import AuthorRow, ItemRow, StrikeRow
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action

STRIKING: Final = frozenset(
    {Action.WARN, Action.REMOVE, Action.BAN_TEMPORARY, Action.BAN_PERMANENT}
)
"""The actions that go on an author's record."""

DEFAULT_BAN: Final = timedelta(days=7)
"""Length of a temporary ban where the policy names none."""


@dataclass(frozen=True, slots=True)
class Strike:
    """What an action on an item puts on its author's record."""

    action: Action | str
    violation: str
    weight: float
    expires_at: datetime | None
    banned_until: datetime | None = None
    """Only for a temporary ban."""
    decision_id: str | None = None
    verdict_id: str | None = None


def add_strike(session: Session, item: ItemRow, strike: Strike, now: datetime) -> StrikeRow | None:
    """Put a strike on the record of an item's author; None where nobody is known as its author."""
    if item.author_id is None:
        return None
    row = StrikeRow(
        id=new_id("strike"),
        created_at=now,
        author_id=item.author_id,
        item_id=item.id,
        decision_id=strike.decision_id,
        verdict_id=strike.verdict_id,
        action=str(strike.action),
        violation=strike.violation,
        weight=strike.weight,
        banned_until=strike.banned_until,
        expires_at=strike.expires_at,
    )
    session.add(row)
    session.flush()
    refresh_bans(session, [item.author_id])
    return row


def standing_strikes(session: Session, item_id: str) -> Sequence[StrikeRow]:
    """The strikes for an item that were not taken back."""
    wanted = select(StrikeRow).where(StrikeRow.item_id == item_id, StrikeRow.revoked_at.is_(None))
    return session.scalars(wanted.order_by(StrikeRow.id)).all()


def revoke(session: Session, strike_ids: Sequence[str], now: datetime) -> None:
    """Take strikes back, and the bans that came with them."""
    _set_revoked(session, strike_ids, now)


def restore(session: Session, strike_ids: Sequence[str]) -> None:
    """Let strikes stand again that were taken back."""
    _set_revoked(session, strike_ids, None)


def weight_of(session: Session, author_id: str, now: datetime) -> float:
    """What an author's strikes weigh that neither expired nor were taken back."""
    wanted = select(func.coalesce(func.sum(StrikeRow.weight), 0.0)).where(
        StrikeRow.author_id == author_id,
        StrikeRow.revoked_at.is_(None),
        (StrikeRow.expires_at.is_(None)) | (StrikeRow.expires_at > now),
    )
    return float(session.scalars(wanted).one())


def refresh_bans(session: Session, author_ids: Iterable[str]) -> None:
    """Ban authors as the strikes that stand say, and no longer."""
    for author_id in sorted(author_ids):
        author = session.get_one(AuthorRow, author_id, with_for_update=True)
        strikes = session.scalars(
            select(StrikeRow).where(
                StrikeRow.author_id == author_id,
                StrikeRow.revoked_at.is_(None),
                StrikeRow.action.in_((Action.BAN_TEMPORARY, Action.BAN_PERMANENT)),
            )
        ).all()
        ends = [
            each.banned_until or each.created_at + DEFAULT_BAN
            for each in strikes
            if each.action == Action.BAN_TEMPORARY
        ]
        author.banned_until = max(ends, default=None)
        author.banned_permanently = any(each.action == Action.BAN_PERMANENT for each in strikes)
    session.flush()


def _set_revoked(session: Session, strike_ids: Sequence[str], moment: datetime | None) -> None:
    if not strike_ids:
        return
    session.execute(update(StrikeRow).where(StrikeRow.id.in_(strike_ids)).values(revoked_at=moment))
    authors = select(StrikeRow.author_id).where(StrikeRow.id.in_(strike_ids)).distinct()
    refresh_bans(session, session.scalars(authors).all())
