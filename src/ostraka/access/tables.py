"""The tables of this room: API keys, and people with their sessions."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class ApiKeyRow(Identified, Base):
    """One API key. Revoked ones stay: what they did must remain attributable."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class PersonRow(Identified, Base):
    """Somebody who signs in. Disabled ones stay: what they did must remain attributable."""

    __tablename__ = "people"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    """What they sign in with, an e-mail address or any other name; only admins see it."""
    pseudonym: Mapped[str] = mapped_column(String(100), unique=True)
    """What others see."""
    role: Mapped[str] = mapped_column(String(20))
    password: Mapped[str | None] = mapped_column(String(200))
    """Argon2 hash, with its parameters."""
    oidc_subject: Mapped[str | None] = mapped_column(String(500), unique=True)
    preferences: Mapped[dict[str, Any]] = mapped_column(JSON)
    disabled_at: Mapped[datetime | None]


class SignInLinkRow(Identified, Base):
    """A link that signs one person in, once."""

    __tablename__ = "sign_in_links"

    person_id: Mapped[str] = mapped_column(String(64), ForeignKey("people.id"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SessionRow(Identified, Base):
    """A browser that is signed in."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_person", "person_id"),)

    person_id: Mapped[str] = mapped_column(String(64), ForeignKey("people.id"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    browser: Mapped[str] = mapped_column(String(300))
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ExposureRow(Base):
    """How many items with a category over its threshold a person has seen on a day (UTC)."""

    __tablename__ = "exposures"

    person_id: Mapped[str] = mapped_column(String(64), ForeignKey("people.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(String(40), primary_key=True)
    items: Mapped[int]
