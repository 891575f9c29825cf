"""Authors who turned out to be one: what is on their records stands on one."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ostraka.review.strikes import refresh_bans
from ostraka.review.tables import AppealRow, AuthorRow, ItemRow, StrikeRow

_OF_AUTHORS: Final = (ItemRow, StrikeRow, AppealRow)


def join_records(session: Session, source: str, destination: str) -> None:
    """Put all that one author has on record on another's; both by the caller's names for them.

    Bans follow from strikes: they come along, and end when their strike is taken back.
    """
    locked = (
        select(AuthorRow)
        .where(AuthorRow.external_id.in_((source, destination)))
        .order_by(AuthorRow.external_id)
        .with_for_update()
    )
    found = {row.external_id: row for row in session.scalars(locked)}
    if source == destination or source not in found:
        return
    if destination not in found:
        found[source].external_id = destination
        session.flush()
        return
    old, new = found[source].id, found[destination].id
    for table in _OF_AUTHORS:
        session.execute(update(table).where(table.author_id == old).values(author_id=new))
    refresh_bans(session, (old, new))
