"""The record of an author as reviewers see it: strikes, bans, what was done before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.review.tables import AuthorRow, ItemRow, StrikeRow

MOST_STRIKES = 50
SHOWN = 8


@dataclass(frozen=True, slots=True)
class PriorAction:
    """One strike on the record."""

    strike: StrikeRow
    state: str
    """`counts`, `expired` or `taken back`."""


@dataclass(frozen=True, slots=True)
class AuthorRecord:
    """An author. `item` of the case may be left out, so that nothing of it is given away."""

    name: str
    since: datetime | None
    weight: float
    violations: int
    ban: str
    """In words; empty where there is none."""
    ban_until: datetime | None
    prior: Sequence[PriorAction]
    more: int


def record_of(
    session: Session, item: ItemRow, now: datetime, *, without_this: bool
) -> AuthorRecord | None:
    """The record of an item's author; None where nobody is known as its author."""
    if item.author_id is None:
        return None
    author = session.get_one(AuthorRow, item.author_id)
    wanted = select(StrikeRow).where(StrikeRow.author_id == author.id)
    if without_this:
        wanted = wanted.where(StrikeRow.item_id != item.id)
    strikes = session.scalars(wanted.order_by(StrikeRow.id.desc()).limit(MOST_STRIKES)).all()
    prior = [PriorAction(strike, _state(strike, now)) for strike in strikes]
    standing = [each.strike for each in prior if each.state != "taken back"]
    ban, until = _ban(standing, now)
    return AuthorRecord(
        name=author.external_id,
        since=author.since,
        weight=sum(each.strike.weight for each in prior if each.state == "counts"),
        violations=len(standing),
        ban=ban,
        ban_until=until,
        prior=prior[:SHOWN],
        more=max(0, len(prior) - SHOWN),
    )


def _state(strike: StrikeRow, now: datetime) -> str:
    if strike.revoked_at is not None:
        return "taken back"
    if strike.expires_at is not None and strike.expires_at <= now:
        return "expired"
    return "counts"


def _ban(strikes: Sequence[StrikeRow], now: datetime) -> tuple[str, datetime | None]:
    """From the strikes, as the author's row would tell of one that is left out."""
    if any(strike.action == "ban_permanent" for strike in strikes):
        return "Banned for good", None
    ends = [each.banned_until for each in strikes if each.banned_until and each.banned_until > now]
    return ("Banned for a time", max(ends)) if ends else ("", None)
