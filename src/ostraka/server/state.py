"""What request handlers share: settings, moderator, scoring, what is kept."""

from dataclasses import dataclass

from starlette.requests import Request

from ostraka.moderator import Moderator
from ostraka.server.kept import Kept
from ostraka.server.scoring import Scoring
from ostraka.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """One per application."""

    settings: Settings
    moderator: Moderator
    scoring: Scoring
    kept: Kept


def state_of(request: Request) -> State:
    """The application's state."""
    state: State = request.app.state.ostraka
    return state
