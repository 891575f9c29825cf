"""Who is signed in: sessions in the database, looked up on every request, so ended at once.

A session's token is 256 random bits in a cookie; only its SHA-256 is kept. It ends when it has
not been used for a while, after a fixed time, when it is revoked, or with its person.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ostraka.access.people import person_of
from ostraka.access.person import SignedIn
from ostraka.access.tables import PersonRow, SessionRow
from ostraka.errors import NotFoundError
from ostraka.storage import audit
from ostraka.storage.audit import LOCAL
from ostraka.storage.ids import new_id

SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly is known when somebody was last here."""

_BROWSER_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser that somebody is signed in with."""

    id: str
    person_id: str
    browser: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def begin_session(
    session: Session, person_id: str, browser: str, now: datetime, lifetime: timedelta
) -> str:
    """Sign somebody in. Returns the token for the cookie, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            id=new_id("session"),
            created_at=now,
            person_id=person_id,
            digest=digest_of(token),
            browser="".join(filter(str.isprintable, browser))[:_BROWSER_CHARACTERS],
            expires_at=now + lifetime,
            last_seen_at=now,
        )
    )
    session.flush()
    return token


def find_session(session: Session, token: str, now: datetime, idle: timedelta) -> SignedIn | None:
    """Who is signed in with a token."""
    found = session.execute(
        select(SessionRow, PersonRow)
        .join(PersonRow, PersonRow.id == SessionRow.person_id)
        .where(SessionRow.digest == digest_of(token))
        .where(*_is_open(now, idle), PersonRow.disabled_at.is_(None))
    ).first()
    if found is None:
        return None
    row, person = found
    return SignedIn(row.id, person_of(person), is_stale=now - row.last_seen_at >= SEEN_EVERY)


def note_seen(session: Session, session_id: str, now: datetime) -> None:
    """Remember that somebody was here; never moves back."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id, SessionRow.last_seen_at < now)
        .values(last_seen_at=now)
    )


def open_sessions(
    session: Session, person_ids: Sequence[str], now: datetime, idle: timedelta
) -> list[OpenSession]:
    """The sessions of people that are open, the last used first."""
    rows = session.scalars(
        select(SessionRow)
        .where(SessionRow.person_id.in_(person_ids), *_is_open(now, idle))
        .order_by(SessionRow.last_seen_at.desc(), SessionRow.id.desc())
    )
    return [
        OpenSession(
            row.id, row.person_id, row.browser, row.created_at, row.last_seen_at, row.expires_at
        )
        for row in rows
    ]


def revoke_session(
    session: Session, person_id: str, session_id: str, now: datetime, *, by: str = LOCAL
) -> None:
    """End one session of somebody.

    Raises:
        NotFoundError: they have no session with this id.
    """
    row = session.get(SessionRow, session_id)
    if row is None or row.person_id != person_id:
        raise NotFoundError("There is no such session.")
    if row.revoked_at is None:
        detail = {"person": person_id, "sessions": 1}
        audit.append(session, by, "session.revoked", session_id, detail, now)
    row.revoked_at = row.revoked_at or now
    session.flush()


def revoke_sessions(
    session: Session,
    person_id: str,
    now: datetime,
    *,
    but: str | None = None,
    by: str = LOCAL,
) -> None:
    """End all sessions of somebody, perhaps but one."""
    statement = update(SessionRow).where(
        SessionRow.person_id == person_id, SessionRow.revoked_at.is_(None)
    )
    if but is not None:
        statement = statement.where(SessionRow.id != but)
    ended = session.connection().execute(statement.values(revoked_at=now)).rowcount
    if ended:
        detail = {"person": person_id, "sessions": ended}
        audit.append(session, by, "session.revoked", person_id, detail, now)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _is_open(now: datetime, idle: timedelta) -> tuple[Any, ...]:
    return (
        SessionRow.revoked_at.is_(None),
        SessionRow.expires_at > now,
        SessionRow.last_seen_at > now - idle,
    )
