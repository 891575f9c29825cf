"""What the pages ask of the application that they are mounted in.

Protocols, not imports: the server room offers exactly this as its state, and any application that
does can carry the console.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request

from ostraka.moderator import Moderator, Verdict
from ostraka.settings import Settings

if TYPE_CHECKING:
    from ostraka.factory.base import Factory
    from ostraka.factory.serving import Serving
    from ostraka.storage.database import Database


class Scorer(Protocol):
    """Verdicts for request handlers: batched, bounded, never in the way of the event loop."""

    async def verdicts(self, texts: Sequence[str], model: str | None = None) -> list[Verdict]:
        """One verdict per text, in order."""
        ...

    @property
    def judge_pending(self) -> int:
        """Texts that the LLM judge is asked about."""
        ...


class Keeper(Protocol):
    """What is kept, opened on first use. All methods block: call them in a thread."""

    def database(self) -> "Database":
        """The database."""
        ...

    def factory(self, settings: Settings) -> "Factory":
        """Files, jobs and models."""
        ...

    def serving(self, settings: Settings) -> "Serving":
        """The fine-tuned models at work."""
        ...


class Services(Protocol):
    """Found in `app.state.ostraka`."""

    @property
    def settings(self) -> Settings:
        """Every setting."""
        ...

    @property
    def moderator(self) -> Moderator:
        """The classifier, its models and thresholds."""
        ...

    @property
    def scoring(self) -> Scorer:
        """The queue that all doors share."""
        ...

    @property
    def kept(self) -> Keeper:
        """The database and the object store, and what stands on them."""
        ...

    async def access_changed(self) -> None:
        """Notice a key or person that was just made or changed, at once."""
        ...


def services_of(request: Request) -> Services:
    """The application's services."""
    services: Services = request.app.state.ostraka
    return services


def needs_key(request: Request) -> bool:
    """Whether programs must show an API key here: as the gate found, else as at the start."""
    found = getattr(request.app.state, "needs_key", services_of(request).settings.keys_required)
    return bool(request.scope.get("ostraka.closed", found))


def asks_for_key(request: Request) -> bool:
    """Whether a page must ask its reader for an API key: nobody is signed in, and one is needed."""
    return needs_key(request) and request.scope.get("ostraka.person") is None
