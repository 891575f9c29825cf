"""What contributors, moderators and programs are called on a moderator's pages."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.access.person import Person
from ostraka.console.review.names import names_of
from ostraka.trees.tables import ContributorRow

GONE: Final = "Somebody who is gone"
SYSTEM: Final = "Ostraka"
_LONGEST_ID: Final = 20


class TreeNames:
    """The names of those who wrote, reviewed, ranked or moderated, by their ids."""

    def __init__(self, known: dict[str, str], contributors: frozenset[str]) -> None:
        self._known = known
        self.contributors = contributors
        """Those of the ids that contribute here."""

    def of(self, actor: str | None) -> str:
        """What the page calls somebody; who is in no table is shown by id, as imports bring it."""
        if actor is None:
            return GONE
        found = self._known.get(actor)
        return found or (actor if len(actor) <= _LONGEST_ID else f"{actor[:_LONGEST_ID]}…")


def tree_names(session: Session, actors: Iterable[str | None], reader: Person | None) -> TreeNames:
    """The names of these contributors, people and programs."""
    wanted = {actor for actor in actors if actor is not None}
    shown = select(ContributorRow.id, ContributorRow.display_name, ContributorRow.erased_at)
    found = session.execute(shown.where(ContributorRow.id.in_(wanted))).all()
    known = {each: GONE if erased else name for each, name, erased in found}
    others = names_of(session, wanted - known.keys(), reader)
    known |= {
        each: others.of(each)
        for each in wanted - known.keys()
        if each in others.known or each == others.reader
    }
    known["system"] = SYSTEM
    return TreeNames(known, frozenset(each for each, _, _ in found))
