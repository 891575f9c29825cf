"""Keys in the database."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ostraka.access.keys import ApiKey, Scope, digest_of, new_secret
from ostraka.access.tables import ApiKeyRow
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.storage import audit
from ostraka.storage.audit import LOCAL
from ostraka.storage.ids import new_id

NAME_CHARACTERS = 100


def create_key(
    session: Session,
    name: str,
    scopes: Iterable[Scope],
    now: datetime,
    lifetime: timedelta | None = None,
    *,
    by: str = LOCAL,
) -> tuple[ApiKey, str]:
    """Make a key. Returns it with its secret, which is kept nowhere.

    Raises:
        InvalidInputError: no name or too long a one, or no scope.
    """
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise InvalidInputError(
            f"a key's name has 1 to {NAME_CHARACTERS} printable characters", field="name"
        )
    wanted = sorted(set(scopes))
    if not wanted:
        raise InvalidInputError(
            f"give a key at least one scope of {', '.join(Scope)}", field="scopes"
        )
    secret = new_secret()
    row = ApiKeyRow(
        id=new_id("key"),
        created_at=now,
        name=name,
        digest=digest_of(secret),
        scopes=[str(scope) for scope in wanted],
        expires_at=now + lifetime if lifetime else None,
    )
    session.add(row)
    session.flush()
    ends = row.expires_at.isoformat() if row.expires_at else None
    detail = {"name": row.name, "scopes": row.scopes, "expires_at": ends}
    audit.append(session, by, "key.created", row.id, detail, now)
    return _key(row), secret


def all_keys(session: Session) -> list[ApiKey]:
    """Every key that was ever made, oldest first."""
    return [_key(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.id))]


def revoke_key(session: Session, key_id: str, now: datetime, *, by: str = LOCAL) -> ApiKey:
    """Make a key worthless; the moment of the first time stays.

    Raises:
        NotFoundError: no key has this id.
    """
    row = session.get(ApiKeyRow, key_id)
    if row is None:
        raise NotFoundError(f"No key has the id '{key_id}'; `ostraka keys list` shows them.")
    if row.revoked_at is None:
        audit.append(session, by, "key.revoked", row.id, {"name": row.name}, now)
    row.revoked_at = row.revoked_at or now
    session.flush()
    return _key(row)


def note_use(session: Session, used: Mapping[str, datetime]) -> None:
    """Remember when keys were last used, by id; never moves back."""
    for key_id, moment in used.items():
        earlier = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < moment)
        session.execute(
            update(ApiKeyRow).where(ApiKeyRow.id == key_id, earlier).values(last_used_at=moment)
        )


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.digest,
        frozenset(Scope(scope) for scope in row.scopes),
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
    )
