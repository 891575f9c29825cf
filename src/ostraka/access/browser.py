"""What a browser brings along: cookies, and tokens that show that a form is ours.

A form's token is a hash of a secret that only the browser's cookie holds. Another site can make a
browser send the cookie, but can neither read it nor the page that holds the token.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

SESSION: Final = "ostraka_session"
"""The cookie of somebody who is signed in."""

VISITOR: Final = "ostraka_visitor"
"""The cookie of a browser that is not: it only makes the tokens of forms possible."""

TOKEN_FIELD: Final = "form_token"
TOKEN_HEADER: Final = "x-form-token"
"""Where a form, and where a script, puts the token."""


def cookie_name(name: str, secure: bool) -> str:
    """Over https the name itself makes browsers refuse it from anywhere but this very host."""
    return f"__Host-{name}" if secure else name


def find_cookie(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """The value of a cookie among a request's raw headers."""
    for header, value in headers:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                found, _, content = pair.strip().partition("=")
                if found == name and content:
                    return content
    return None


def is_of_another_site(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a visitor's browser says that another site's page sent these raw headers."""
    return any(
        header == b"sec-fetch-site" and value in (b"cross-site", b"same-site")
        for header, value in headers
    )


def form_token(secret: str) -> str:
    """What a page puts into its forms, from the secret in the cookie."""
    return hmac.new(secret.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def is_form_token(token: str, secret: str) -> bool:
    """Whether a form's token was made from this secret."""
    return hmac.compare_digest(token.encode("utf-8", "replace"), form_token(secret).encode())
