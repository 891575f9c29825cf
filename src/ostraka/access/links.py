"""Links that sign one person in, once: for the first time, and when a password is lost."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ostraka.access.people import find_person, person_of
from ostraka.access.person import Person
from ostraka.access.sessions import digest_of
from ostraka.access.tables import PersonRow, SignInLinkRow
from ostraka.errors import ConflictError, NotFoundError
from ostraka.storage import audit
from ostraka.storage.audit import LOCAL
from ostraka.storage.ids import new_id

PATH = "/sign-in/link/"
"""Where a link leads, before its token."""


class UsedLinkError(NotFoundError):
    """The link was used, has expired or was replaced by a newer one. Ask an admin for another."""


def make_link(
    session: Session, who: str, now: datetime, lifetime: timedelta, *, by: str = LOCAL
) -> tuple[Person, str, datetime]:
    """A link's token for somebody, and until when it works. Links made before work no more.

    Raises:
        NotFoundError: there is nobody of this id or name.
        ConflictError: they are disabled.
    """
    person = find_person(session, who)
    if person.disabled_at is not None:
        raise ConflictError(f"'{person.name}' is disabled; enable them first.")
    session.execute(
        update(SignInLinkRow)
        .where(SignInLinkRow.person_id == person.id, SignInLinkRow.used_at.is_(None))
        .values(used_at=now)
    )
    token = secrets.token_urlsafe(32)
    row = SignInLinkRow(
        id=new_id("link"),
        created_at=now,
        person_id=person.id,
        digest=digest_of(token),
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    detail = {"expires_at": row.expires_at.isoformat()}
    audit.append(session, by, "person.link_made", person.id, detail, now)
    return person, token, row.expires_at


def look_at_link(session: Session, token: str, now: datetime) -> Person:
    """Whom a link would sign in; uses nothing up.

    Raises:
        UsedLinkError: nobody.
    """
    person = session.scalar(
        select(PersonRow)
        .join(SignInLinkRow, SignInLinkRow.person_id == PersonRow.id)
        .where(SignInLinkRow.digest == digest_of(token), SignInLinkRow.used_at.is_(None))
        .where(SignInLinkRow.expires_at > now, PersonRow.disabled_at.is_(None))
    )
    if person is None:
        raise UsedLinkError
    return person_of(person)


def use_link(session: Session, token: str, now: datetime) -> Person:
    """Use a link up. Of two that try at once, one does.

    Raises:
        UsedLinkError: it signs nobody in.
    """
    person = look_at_link(session, token, now)
    used = session.connection().execute(
        update(SignInLinkRow)
        .where(SignInLinkRow.digest == digest_of(token), SignInLinkRow.used_at.is_(None))
        .values(used_at=now)
    )
    if used.rowcount != 1:
        raise UsedLinkError
    return person
