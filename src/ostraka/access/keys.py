"""API keys as values: what they look like, what they may do, how they are recognized.

A key is `ost-` and 256 random bits. Only its SHA-256 is kept. A slow password hash would buy
nothing: it makes guessing costly where secrets are few, and nobody guesses 256 bits.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ostraka.errors import InvalidInputError

PREFIX: Final = "ost-"
"""What every key begins with, so that people and secret scanners know one when they see it."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"([1-9]\d{0,5})([mhdw])")


class Scope(StrEnum):
    """What a key may do."""

    MODERATE = "moderate"
    TRAIN = "train"
    REVIEW = "review"
    CONTRIBUTE = "contribute"
    TREES = "trees"
    TREES_ADMIN = "trees.admin"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: everything but the secret."""

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: Scope) -> bool:
        """Whether it may do what `scope` stands for; `admin` may do everything."""
        if scope is Scope.TREES and Scope.TREES_ADMIN in self.scopes:
            return True
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class KeyTable:
    """All active keys by digest, and whether any key or person was ever made.

    A server that had a key once never opens again by itself: revoking or outliving the last key
    closes the door instead of taking it off its hinges.
    """

    by_digest: dict[str, ApiKey]
    any_made: bool
    any_people: bool = False

    @classmethod
    def of(cls, keys: Iterable[ApiKey], now: datetime, *, any_people: bool = False) -> "KeyTable":
        """The table of `keys`, as of `now`."""
        known = list(keys)
        active = {key.digest: key for key in known if key.is_active(now)}
        return cls(active, any_made=bool(known), any_people=any_people)

    def find(self, secret: str, now: datetime) -> ApiKey | None:
        """The active key with this secret."""
        key = self.by_digest.get(digest_of(secret))
        return key if key is not None and key.is_active(now) else None


def new_secret() -> str:
    """A fresh key, to be shown once."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a key: its SHA-256, in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def parse_duration(value: str) -> timedelta:
    """A time to live such as `12h`, `90d` or `4w`.

    Raises:
        InvalidInputError: no whole number with a unit.
    """
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise InvalidInputError(
            f"'{value}' is no time to live; give a number and a unit, such as 12h, 90d or 4w",
            field="expires",
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
