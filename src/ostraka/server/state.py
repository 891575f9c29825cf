"""What request handlers share: settings, moderator, scoring, what is kept."""

import secrets
from dataclasses import dataclass

from starlette.requests import Request

from ostraka.access.ring import KeyRing
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
    ring: KeyRing | None = None

    async def access_changed(self) -> None:
        """Notice a key or person that this process made or changed at once."""
        if self.ring is not None:
            await self.ring.renew()


def request_hex(request: Request) -> str:
    """32 hexadecimal digits for an answer's own id: the request's, or new ones where it has none.

    A request that a batch makes comes from within and has none.
    """
    name: str = request.scope.get("ostraka.request_id") or secrets.token_hex(16)
    return name[-32:]


def state_of(request: Request) -> State:
    """The application's state."""
    state: State = request.scope["app"].state.ostraka
    return state
