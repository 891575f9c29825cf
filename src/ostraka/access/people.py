"""People in the database.

What changes somebody is an entry of the audit log, put down to whoever did it (`by`, an id). As
that log is read by more than admins, its entries name nobody.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ostraka.access.passwords import hash_password, is_outdated, is_password
from ostraka.access.person import Person, new_pseudonym
from ostraka.access.roles import Role
from ostraka.access.tables import PersonRow, SessionRow, SignInLinkRow
from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.storage import audit
from ostraka.storage.audit import LOCAL
from ostraka.storage.ids import new_id

NAME_CHARACTERS: Final = 200


def any_people(session: Session) -> bool:
    """Whether anybody was ever added: from then on the console asks for a sign-in."""
    return bool(session.scalar(select(exists().where(PersonRow.id.is_not(None)))))


def add_person(
    session: Session,
    name: str,
    role: Role,
    now: datetime,
    *,
    oidc_subject: str | None = None,
    by: str = LOCAL,
) -> Person:
    """Add somebody. They sign in with a link, a password of their own or OIDC.

    Whom a provider sends has added themselves.

    Raises:
        InvalidInputError: no name or too long a one, or a first person who is no admin.
        ConflictError: the name is taken.
    """
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise InvalidInputError(
            f"A name has 1 to {NAME_CHARACTERS} printable characters.", field="name"
        )
    if _row_by_name(session, name) is not None:
        raise ConflictError(f"Somebody is already called '{name}'.", field="name")
    if role is not Role.ADMIN and not any_people(session):
        raise InvalidInputError(
            "The first person needs the role admin, or nobody could add the others.", field="role"
        )
    row = PersonRow(
        id=new_id("person"),
        created_at=now,
        name=name,
        pseudonym=new_pseudonym(lambda words: _is_taken(session, words)),
        role=str(role),
        oidc_subject=oidc_subject,
        preferences={},
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # somebody else was as quick
        raise ConflictError(f"Somebody is already called '{name}'.", field="name") from error
    detail = {"role": row.role, "pseudonym": row.pseudonym, "oidc": oidc_subject is not None}
    actor = by if oidc_subject is None else row.id
    audit.append(session, actor, "person.added", row.id, detail, now)
    return person_of(row)


def all_people(session: Session) -> list[Person]:
    """Everybody who was ever added, by name."""
    rows = session.scalars(select(PersonRow).order_by(func.lower(PersonRow.name)))
    return [person_of(row) for row in rows]


def find_person(session: Session, who: str) -> Person:
    """Somebody by id or name.

    Raises:
        NotFoundError: there is nobody.
    """
    return person_of(_row(session, who))


def pseudonyms(session: Session, ids: set[str]) -> dict[str, str]:
    """What others see of people, by id."""
    rows = session.execute(select(PersonRow.id, PersonRow.pseudonym).where(PersonRow.id.in_(ids)))
    return {row.id: row.pseudonym for row in rows}


def set_role(session: Session, who: str, role: Role, now: datetime, *, by: str = LOCAL) -> Person:
    """Give somebody another role; it counts from their next request on.

    Raises:
        ConflictError: they are the last admin.
    """
    row = _row(session, who)
    if role is not Role.ADMIN:
        _keep_an_admin(session, row)
    if row.role != role:
        detail = {"before": row.role, "after": str(role)}
        audit.append(session, by, "person.role_changed", row.id, detail, now)
    row.role = str(role)
    session.flush()
    return person_of(row)


def disable(session: Session, who: str, now: datetime, *, by: str = LOCAL) -> Person:
    """Let somebody in no more: sessions and links end at once. What they did stays theirs.

    Raises:
        ConflictError: they are the last admin.
    """
    row = _row(session, who)
    _keep_an_admin(session, row)
    if row.disabled_at is None:
        audit.append(session, by, "person.disabled", row.id, {}, now)
    row.disabled_at = row.disabled_at or now
    session.execute(
        update(SessionRow)
        .where(SessionRow.person_id == row.id, SessionRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    session.execute(
        update(SignInLinkRow)
        .where(SignInLinkRow.person_id == row.id, SignInLinkRow.used_at.is_(None))
        .values(used_at=now)
    )
    session.flush()
    return person_of(row)


def enable(session: Session, who: str, now: datetime, *, by: str = LOCAL) -> Person:
    """Let somebody in again."""
    row = _row(session, who)
    if row.disabled_at is not None:
        audit.append(session, by, "person.enabled", row.id, {}, now)
    row.disabled_at = None
    session.flush()
    return person_of(row)


def set_password(
    session: Session, who: str, password: str | None, now: datetime, *, by: str = LOCAL
) -> Person:
    """Give somebody a password, or take it away.

    Raises:
        InvalidInputError: it is no good password.
    """
    row = _row(session, who)
    row.password = None if password is None else hash_password(password, row.name)
    act = "person.password_removed" if password is None else "person.password_set"
    audit.append(session, by, act, row.id, {}, now)
    session.flush()
    return person_of(row)


def set_preferences(session: Session, person_id: str, preferences: Mapping[str, Any]) -> None:
    """Remember how somebody likes the console."""
    _row(session, person_id).preferences = dict(preferences)
    session.flush()


def password_of(session: Session, name: str) -> tuple[str | None, str | None]:
    """Id and hash of whoever may sign in under a name; None and None if nobody."""
    row = _row_by_name(session, name)
    if row is None or row.disabled_at is not None:
        return None, None
    return row.id, row.password


def has_password(session: Session, person_id: str, password: str) -> bool:
    """Whether this is somebody's password."""
    return is_password(_row(session, person_id).password, password)


def renew_hash(session: Session, person_id: str, password: str) -> None:
    """Hash a password that was just right once more, if its hash has become weak."""
    row = _row(session, person_id)
    if row.password is not None and is_outdated(row.password):
        row.password = hash_password(password, row.name)


def find_by_oidc(
    session: Session, subject: str, email: str | None, role: Role | None, now: datetime
) -> Person:
    """Who a provider says is here: known by subject, else by verified e-mail address, else new.

    Raises:
        NotFoundError: nobody, and `role` says that nobody is added this way; or disabled.
    """
    row = session.scalar(select(PersonRow).where(PersonRow.oidc_subject == subject))
    if row is None and email:
        row = _row_by_name(session, email)
        if row is not None and row.oidc_subject is not None:
            raise NotFoundError(
                f"'{email}' belongs to another account of the provider. Ask an admin."
            )
        if row is not None:
            row.oidc_subject = subject
            audit.append(session, row.id, "person.oidc_linked", row.id, {}, now)
    if row is None and role is not None and email:
        return add_person(session, email, role, now, oidc_subject=subject)
    if row is None and not email:
        raise NotFoundError(
            "The provider does not say that your e-mail address is verified. Verify it there, or "
            "ask an admin for a link."
        )
    if row is None:
        raise NotFoundError(
            f"Nobody here is called '{email}'. Ask an admin to add you under exactly this name."
        )
    if row.disabled_at is not None:
        raise NotFoundError("You were disabled here. Ask an admin to enable you again.")
    session.flush()
    return person_of(row)


def person_of(row: PersonRow) -> Person:
    """A row as a value."""
    return Person(
        id=row.id,
        name=row.name,
        pseudonym=row.pseudonym,
        role=Role(row.role),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        has_password=row.password is not None,
        oidc_subject=row.oidc_subject,
        preferences=row.preferences,
    )


def _row(session: Session, who: str) -> PersonRow:
    row = session.scalar(
        select(PersonRow)
        .where(or_(PersonRow.id == who, func.lower(PersonRow.name) == who.strip().lower()))
        .limit(1)
    )
    if row is None:
        raise NotFoundError(f"Nobody is called '{who}'; `ostraka people list` shows everybody.")
    return row


def _row_by_name(session: Session, name: str) -> PersonRow | None:
    return session.scalar(
        select(PersonRow).where(func.lower(PersonRow.name) == name.strip().lower())
    )


def _is_taken(session: Session, pseudonym: str) -> bool:
    return bool(session.scalar(select(exists().where(PersonRow.pseudonym == pseudonym))))


def _keep_an_admin(session: Session, row: PersonRow) -> None:
    """Refuse to lose the last one. Their rows are locked, so that two do not leave at once."""
    admins = session.scalars(
        select(PersonRow)
        .where(PersonRow.role == Role.ADMIN, PersonRow.disabled_at.is_(None))
        .with_for_update()
    ).all()
    if [admin.id for admin in admins] == [row.id]:
        raise ConflictError(
            "This is the last admin. Make somebody else an admin first, or nobody could manage "
            "people any more."
        )
