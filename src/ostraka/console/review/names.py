"""What people are called on a page: pseudonyms, but for admins and for themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.access.person import LOCAL, Person
from ostraka.access.roles import Right
from ostraka.access.tables import ApiKeyRow, PersonRow

_KNOWN = {"system": "The policy", LOCAL.id: LOCAL.pseudonym}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of those who acted, by their ids, as one reader may know them."""

    known: Mapping[str, str]
    reader: str

    def of(self, actor: str | None) -> str:
        """What the page calls somebody."""
        if actor == self.reader:
            return "You"
        return self.known.get(actor or "", "Somebody who is gone")


def names_of(session: Session, actors: Iterable[str | None], reader: Person | None) -> Names:
    """The names of these people and agents."""
    wanted = {actor for actor in actors if actor is not None} - _KNOWN.keys()
    known = dict(_KNOWN)
    if wanted:
        real = reader is not None and reader.may(Right.ADMINISTER)
        shown = PersonRow.name if real else PersonRow.pseudonym
        people = select(PersonRow.id, shown).where(PersonRow.id.in_(wanted))
        known |= {person: name for person, name in session.execute(people)}
        agents = select(ApiKeyRow.id, ApiKeyRow.name).where(ApiKeyRow.id.in_(wanted))
        known |= {key: f"Agent {name}" for key, name in session.execute(agents)}
    return Names(known, reader.id if reader else "")
