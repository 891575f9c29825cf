"""What the service keeps, opened only when there is something to read or write.

The imports inside functions are here on purpose: SQLAlchemy takes half a second to import, which
a server that keeps nothing must not pay at its start.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ostraka.access.keys import KeyTable
from ostraka.access.person import SignedIn
from ostraka.access.ring import now
from ostraka.errors import UnknownModelError
from ostraka.settings import Settings
from ostraka.storage.location import Location

if TYPE_CHECKING:
    from ostraka.factory.base import Factory
    from ostraka.factory.serving import Serving
    from ostraka.storage.database import Database
    from ostraka.trees.room import TreeRoom


class Kept:
    """The database of a server, lazily. Its methods block: call them in a thread."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._lock = threading.Lock()
        self._opened: Database | None = None
        self._factory: Factory | None = None
        self._serving: Serving | None = None
        self._trees: TreeRoom | None = None

    def load(self) -> KeyTable:
        """All keys; none where nothing was ever kept.

        Raises:
            StorageError: the database does not answer.
        """
        if self._opened is None and not self._location.exists():
            return KeyTable({}, any_made=False)
        from ostraka.access.people import any_people
        from ostraka.access.store import all_keys

        with self.database().reading() as session:
            return KeyTable.of(all_keys(session), now(), any_people=any_people(session))

    def signed_in(self, token: str, idle: timedelta) -> SignedIn | None:
        """Who is signed in with a session's token.

        Raises:
            StorageError: the database does not answer.
        """
        if self._opened is None and not self._location.exists():
            return None
        from ostraka.access.sessions import find_session, note_seen

        moment = now()
        with self.database().reading() as session:
            found = find_session(session, token, moment, idle)
        if found is not None and found.is_stale:
            with self.database().writing() as session:
                note_seen(session, found.session_id, moment)
        return found

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """Remember when keys were last used, by id."""
        from ostraka.access.store import note_use

        with self.database().writing() as session:
            note_use(session, used)

    def suggest(self, **suggestion: Any) -> str:
        """Keep a suggestion (the fields of `Suggestion`); returns its id.

        Raises:
            StorageError: it could not be kept.
        """
        from ostraka.suggestions.store import Suggestion, keep

        with self.database().writing() as session:
            return keep(session, Suggestion(**suggestion), now())

    def factory(self, settings: Settings) -> "Factory":
        """The classifier factory over this database."""
        from ostraka.factory.base import Factory

        database = self.database()
        with self._lock:
            if self._factory is None:
                self._factory = Factory.open(settings, database)
            return self._factory

    @property
    def serving_at_hand(self) -> "Serving | None":
        """What `serving` gave last; to open it takes imports and a look at the disk."""
        return self._serving

    def serving(self, settings: Settings) -> "Serving":
        """The fine-tuned models at work."""
        from ostraka.factory.serving import Serving

        factory = self.factory(settings)
        with self._lock:
            if self._serving is None:
                self._serving = Serving(factory)
            return self._serving

    def trees(self, settings: Settings) -> "TreeRoom":
        """The conversation trees in this database, under the configuration of the settings.

        Raises:
            SettingsError: the configuration cannot be used.
        """
        from ostraka.trees.room import TreeRoom

        database = self.database()
        with self._lock:
            if self._trees is None:
                self._trees = TreeRoom.open(settings, database)
            return self._trees

    def model_cards(self) -> list[dict[str, Any]]:
        """The cards of all fine-tuned models; none where nothing was ever kept.

        Raises:
            StorageError: the database does not answer.
        """
        if self._opened is None and not self._location.exists():
            return []
        from ostraka.factory.models import list_models
        from ostraka.factory.shapes import show_card

        with self.database().reading() as session:
            return [show_card(model) for model in list_models(session)]

    def model_card(self, name: str) -> dict[str, Any]:
        """The card of one fine-tuned model, by plain or pinned name.

        Raises:
            UnknownModelError: there is none.
        """
        if self._opened is None and not self._location.exists():
            raise UnknownModelError(f"The model '{name}' does not exist", field="model")
        from ostraka.factory.models import find_model
        from ostraka.factory.shapes import show_card

        with self.database().reading() as session:
            return show_card(find_model(session, name)) | {"id": name}

    def close(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            self._opened.close()

    def database(self) -> "Database":
        """The database, opened."""
        from ostraka.storage.database import Database

        with self._lock:
            if self._opened is None:
                self._opened = Database(self._location)
            return self._opened
