"""Passwords: argon2id hashes, and what a password must be.

Length is what makes guessing hard (NIST SP 800-63B); rules about digits and signs are not. The
parameters are the library's, which follow RFC 9106 and are raised with it: a hash that was made
with weaker ones is made again at the next sign-in.
"""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ostraka.errors import InvalidInputError

SHORTEST: Final = 12
LONGEST: Final = 200

_hasher: Final = PasswordHasher()


def hash_password(password: str, name: str = "") -> str:
    """What is kept of a password.

    Raises:
        InvalidInputError: too short, too long, or as good as the name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInputError(
            f"A password has {SHORTEST} to {LONGEST} characters; a few words in a row do well.",
            field="password",
        )
    if len(set(password)) < 5 or (name and password.casefold() == name.casefold()):
        raise InvalidInputError(
            "This password is too easy to guess. Take a few words in a row.", field="password"
        )
    return _hasher.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether `kept` was made of this password.

    Takes as long where nothing is kept, so that the time does not tell which names exist.
    """
    try:
        fits = _hasher.verify(kept or _nobodys(), password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return fits and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with weaker parameters than new ones are."""
    return _hasher.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
