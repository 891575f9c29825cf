"""What the handlers of the pages of trees share for the life of an application."""

from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from starlette.requests import Request

from ostraka.access.person import Person
from ostraka.console.frame import person_of
from ostraka.console.review.softening import Softener
from ostraka.console.services import Services, services_of
from ostraka.errors import CallerError, MissingScopeError
from ostraka.storage.database import Database
from ostraka.trees.assignment import Assignment
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import Contributor
from ostraka.trees.room import TreeRoom
from ostraka.trees.store import TreeStore
from ostraka.trees.tasks import refuse_repeated


@dataclass(frozen=True, slots=True)
class TreePages:
    """Trees and who grows them, with what their pages need. One per application."""

    services: Services
    database: Database
    trees: TreeRoom
    softener: Softener
    random: SystemRandom

    @property
    def store(self) -> TreeStore:
        """The trees."""
        return self.trees.store

    @property
    def assignment(self) -> Assignment:
        """The tasks."""
        return self.trees.assignment

    @property
    def configuration(self) -> TreeConfiguration:
        """How trees are grown here."""
        return self.store.configuration

    def contributor(self, person: Person, now: datetime) -> Contributor:
        """Somebody who signed in, as a contributor."""
        return self.trees.contributors.of_person(person, now)

    def awaits_terms(self, contributor: Contributor) -> bool:
        """Whether somebody has to accept the terms before they get a task."""
        return self.trees.terms_required and contributor.terms_accepted_at is None

    def problem_with(self, text: str, contributor: str, now: datetime) -> str:
        """Why a text would be refused for having been sent before; empty where it would not."""
        try:
            with self.database.reading() as session:
                refuse_repeated(session, contributor, text, now, self.configuration)
        except CallerError as error:
            return error.message
        return ""


def tree_pages_of(request: Request) -> TreePages:
    """What the application's pages share, made with the first request. Blocks on first use.

    Raises:
        TreeConfigurationError: the trees' configuration cannot be used.
        SettingsError: there is no such file.
    """
    shared = request.app.state
    if not hasattr(shared, "tree_pages"):
        services = services_of(request)
        database = services.kept.database()
        trees = TreeRoom.open(services.settings, database)
        shared.tree_pages = TreePages(services, database, trees, Softener(), SystemRandom())
    pages: TreePages = shared.tree_pages
    return pages


def somebody(request: Request) -> Person:
    """Whoever is signed in, or sits at the machine that the console is open to.

    Raises:
        MissingScopeError: only an API key was shown; programs contribute through the API.
    """
    person = person_of(request)
    if person is None:
        raise MissingScopeError("This page is for somebody who signed in, not for an API key.")
    return person
