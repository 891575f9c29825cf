"""The link for the first admin, which a server prints at its start while there is nobody.

Its token lives in the memory of that process alone: the next start prints another, and once
somebody was added none is good any more.
"""

import secrets
from typing import Final

from starlette.applications import Starlette

PATH: Final = "/sign-in/first/"


def new_first_link(app: Starlette) -> str:
    """The path of the link, for an application that has just been made."""
    app.state.first_token = secrets.token_urlsafe(24)
    return f"{PATH}{app.state.first_token}"


def fits(app: Starlette, token: str) -> bool:
    """Whether this is the token of the link."""
    known: str = getattr(app.state, "first_token", "")
    return bool(known) and secrets.compare_digest(token.encode(), known.encode())
