"""What the handlers of the reviewers' pages share for the life of an application."""

from dataclasses import dataclass

from starlette.requests import Request

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.access.roles import Right
from ostraka.console.frame import person_of
from ostraka.console.review.exposure import LocalExposures
from ostraka.console.review.softening import Softener
from ostraka.console.services import Services, services_of
from ostraka.errors import MissingScopeError
from ostraka.review.policies import PolicyStore
from ostraka.review.queue import ReviewQueue
from ostraka.review.terms import Reviewer
from ostraka.storage.database import Database


@dataclass(frozen=True, slots=True)
class Room:
    """Cases and policies over one database. One per application."""

    services: Services
    database: Database
    policies: PolicyStore
    queue: ReviewQueue
    softener: Softener
    local_exposures: LocalExposures


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page, as a person and as a reviewer."""

    person: Person | None
    reviewer: Reviewer

    @property
    def id(self) -> str:
        """Under which they act."""
        return self.reviewer.id

    def may(self, right: Right) -> bool:
        """Whether they may do this; agents with the scope of admins may do all."""
        return self.person is None or self.person.may(right)


def room_of(request: Request) -> Room:
    """The application's room, made with the first request. Blocks on first use."""
    shared = request.app.state
    if not hasattr(shared, "review_pages"):
        services = services_of(request)
        database = services.kept.database()
        shared.review_pages = Room(
            services,
            database,
            PolicyStore(),
            ReviewQueue(database, now),
            Softener(),
            LocalExposures(),
        )
    room: Room = shared.review_pages
    return room


def viewer_of(request: Request) -> Viewer:
    """Who asks, as the gate found out.

    Raises:
        MissingScopeError: nobody is known, so nothing could be put down to them.
    """
    person = person_of(request)
    if person is not None:
        lead = person.may(Right.CHANGE_ITEMS)
        return Viewer(person, Reviewer(person.id, "person", lead))
    key = request.scope.get("ostraka.key")
    if key is None:
        raise MissingScopeError("Sign in to look at this page.")
    return Viewer(None, Reviewer(key.id, "agent", lead=True))
