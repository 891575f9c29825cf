"""What the handlers of `/api/…` share for the life of an application."""

from starlette.requests import Request

from ostraka.review.items import ItemStore
from ostraka.review.policies import PolicyStore
from ostraka.review.shadowing import Candidate
from ostraka.server.review.collecting import Collector
from ostraka.server.state import state_of
from ostraka.settings import Settings
from ostraka.storage.database import Database


class Room:
    """Items and policies over one database. One per application."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.policies = PolicyStore()
        self.items = ItemStore(database, self.policies, Candidate.of(settings))
        self.collector = Collector(self.items, settings.max_pending_texts)


def room_of(request: Request) -> Room:
    """The application's room, made with the first request; called in its event loop."""
    shared = request.app.state
    if not hasattr(shared, "review"):
        state = state_of(request)
        shared.review = Room(state.kept.database(), state.settings)
    room: Room = shared.review
    return room
