"""The password of an address (`http://x:KEY@host`), which clients send as HTTP Basic."""

import base64
import binascii

from starlette.datastructures import Headers
from starlette.types import Scope


def password_of(scope: Scope) -> str | None:
    """The password that a request brings; None where it brings none."""
    kind, _, credential = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[2] or None
