"""How much of what is hard to look at somebody saw on a day, counted by category."""

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.access.tables import ExposureRow, PersonRow


def note_exposure(session: Session, person_id: str, categories: Iterable[str], day: date) -> None:
    """Count one item with these categories; who is nobody's person, as an agent, is left out.

    Somebody sees one case at a time, so that nobody else changes these rows meanwhile.
    """
    wanted = sorted(set(categories))
    if not wanted or session.get(PersonRow, person_id) is None:
        return
    for category in wanted:
        key = {"person_id": person_id, "day": day, "category": category}
        row = session.get(ExposureRow, key, with_for_update=True)
        if row is None:
            session.add(ExposureRow(**key, items=1))
        else:
            row.items += 1
    session.flush()


def exposures_on(session: Session, person_id: str, day: date) -> Mapping[str, int]:
    """The items that somebody saw on a day, by category, most first."""
    wanted = select(ExposureRow.category, ExposureRow.items).where(
        ExposureRow.person_id == person_id, ExposureRow.day == day
    )
    rows = session.execute(wanted.order_by(ExposureRow.items.desc(), ExposureRow.category))
    return {row.category: row.items for row in rows}
