"""What somebody who is signed in may ask for, and how a browser shows that it was them."""

from typing import Final

from starlette.types import Scope

from ostraka.access.browser import SESSION, TOKEN_HEADER, cookie_name, find_cookie, is_form_token
from ostraka.access.person import Person
from ostraka.access.roles import AREAS, first_part, is_below, right_of
from ostraka.errors import MissingScopeError

_LOOKING: Final = ("GET", "HEAD", "OPTIONS")
_TAKING_SESSIONS: Final = AREAS | {"/", "/api", "/playground"}


def takes_sessions(path: str) -> bool:
    """Whether a browser's session counts for a path: the vendors' doors take API keys alone."""
    return first_part(path) in _TAKING_SESSIONS


def check(scope: Scope, person: Person) -> None:
    """Hold a request of somebody who is signed in against their role, and its token.

    The forms of pages carry their token in the body, which the pages read themselves.

    Raises:
        MissingScopeError: the role does not include it, or the token is not this browser's.
    """
    path, method = scope["path"], scope.get("method", "GET")
    wanted = right_of(path, method)
    if not person.may(wanted):
        raise MissingScopeError(
            f"This is for people who may {wanted.meaning}; your role is “{person.role.label}”."
        )
    if is_below(path, "/api") and method not in _LOOKING:
        secret = find_cookie(scope["headers"], cookie_name(SESSION, scope.get("scheme") == "https"))
        token = dict(scope["headers"]).get(TOKEN_HEADER.encode(), b"").decode("latin-1")
        if not is_form_token(token, secret or ""):
            raise MissingScopeError(
                f"A browser that is signed in sends the page's token in '{TOKEN_HEADER}'.",
                code="missing_form_token",
            )


def name_asked_for(scope: Scope) -> str:
    """The host that the browser was told to ask, without its port."""
    host: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
