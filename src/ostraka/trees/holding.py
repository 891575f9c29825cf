"""Have a matter to oneself until the transaction ends: all prompts of a language, one contributor.

Whoever locks a tree's row too holds the matter first, so that no two wait for each other.
"""

import hashlib
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

_HOLD: Final = text("SELECT pg_advisory_xact_lock(:number)")


def hold(session: Session, matter: str, name: str) -> None:
    """Wait until nobody else holds it; SQLite has one writer, who holds everything."""
    if session.get_bind().dialect.name == "postgresql":
        digest = hashlib.sha256(f"trees:{matter}:{name}".encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        session.connection().execute(_HOLD, {"number": number})


def hold_language(session: Session, language: str) -> None:
    """Hold the prompts of a language: how many wait, are reviewed and written."""
    hold(session, "language", language)


def hold_contributor(session: Session, contributor: str) -> None:
    """Hold what one contributor may have open and has sent."""
    hold(session, "contributor", contributor)
