"""Who contributes: known by what their client calls them, and never un-banned by a profile.

The id of a contributor stands on their leases, reviews, votes and messages. Contributors of two
clients are two people, as nobody can tell whether they are one.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import Session

from ostraka.access.person import Person
from ostraka.errors import ConflictError, InvalidInputError, MissingScopeError, NotFoundError
from ostraka.review.tables import AuthorRow
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.trees.keyset import KeysetPage, Stretch, keyset_page
from ostraka.trees.retrying import retried_unit
from ostraka.trees.tables import ContributorRow

CONSOLE: Final = "console"
"""The client of everybody who signs in to the console; they are known by their person's id."""

PERSON: Final = "person"
"""How everybody in the console signed in, as far as their contributions go."""

AUTH_METHODS: Final = ("discord", "google", "local", "system")
"""How a client may say that its users signed in."""

ERASED_NAME: Final = "Deleted"
MOST_CHARACTERS: Final = 200

T = TypeVar("T")

_CONTRIBUTORS: Final[Any] = ContributorRow.__table__
_AUTHORS: Final[Any] = AuthorRow.__table__
_NAME_ON_RECORD: Final = case(
    (_CONTRIBUTORS.c.client == CONSOLE, _CONTRIBUTORS.c.username), else_=_CONTRIBUTORS.c.id
)
"""Who is the author of items: a contributor by their id, but somebody who signs in to the console
is the person there, so that nobody reviews their own.
"""
_BANS: Final = (
    select(
        _CONTRIBUTORS.c.banned_at,
        _CONTRIBUTORS.c.erased_at,
        _CONTRIBUTORS.c.merged_into,
        _AUTHORS.c.banned_permanently,
        _AUTHORS.c.banned_until,
    )
    .select_from(_CONTRIBUTORS.outerjoin(_AUTHORS, _AUTHORS.c.external_id == _NAME_ON_RECORD))
    .where(_CONTRIBUTORS.c.id == bindparam("id"))
)
"""Bans by moderators of trees, and those on the author's record by a policy or a decision."""


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody who contributes."""

    id: str
    client: str
    auth_method: str
    username: str
    display_name: str
    created_at: datetime
    show_on_leaderboard: bool = True
    terms_accepted_at: datetime | None = None
    banned_at: datetime | None = None
    erased_at: datetime | None = None
    notes: str = ""
    streak_began: datetime | None = None
    last_active_at: datetime | None = None

    @property
    def enabled(self) -> bool:
        """Whether they may contribute."""
        return self.banned_at is None and self.erased_at is None


class ContributorStore:
    """The contributors of one database. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def lookup(
        self,
        client: str,
        auth_method: str,
        username: str,
        display_name: str | None,
        now: datetime,
    ) -> Contributor:
        """The contributor, made at first sight; another display name is taken over.

        Raises:
            InvalidInputError: the name is empty or too long.
        """
        for field, value in (("user.id", username), ("user.auth_method", auth_method)):
            _check(field, value)
        known = self.find(client, auth_method, username)
        if known is not None and display_name in (None, known.display_name):
            return known
        name = (display_name or username)[:MOST_CHARACTERS]

        def unit(session: Session) -> Contributor:
            row = _row(session, client, auth_method, username, lock=True)
            row = row or _row(session, client, auth_method, _banned_name(username))
            if row is None:
                row = _new_row(client, auth_method, username, name, now)
                session.add(row)
            elif row.erased_at is None:
                row.display_name = name
            session.flush()
            return _shown(row)

        return self._write(unit)

    def of_person(self, person: Person, now: datetime) -> Contributor:
        """Somebody who signed in to the console, as a contributor; others see their pseudonym."""
        return self.lookup(CONSOLE, PERSON, person.id, person.pseudonym, now)

    def find(self, client: str, auth_method: str, username: str) -> Contributor | None:
        """The contributor that a client knows by this name, None if it knows none."""
        with self.database.reading() as session:
            row = _row(session, client, auth_method, username)
            return _shown(row) if row else None

    def get(self, contributor_id: str) -> Contributor:
        """The contributor.

        Raises:
            NotFoundError: there is none of this id.
        """
        with self.database.reading() as session:
            return _shown(_by_id(session, contributor_id))

    def page(
        self,
        stretch: Stretch | None = None,
        *,
        client: str | None = None,
        auth_method: str | None = None,
        username: str | None = None,
        search: str | None = None,
        by: Literal["username", "display_name"] = "username",
    ) -> KeysetPage[Contributor]:
        """Contributors in the order of `by` and id, a hundred at first; places are such pairs.

        `search` is a part of the name, whichever way its letters are written.
        """
        columns = {"username": ContributorRow.username, "display_name": ContributorRow.display_name}
        wanted = {
            ContributorRow.client: client,
            ContributorRow.auth_method: auth_method,
            ContributorRow.username: username,
        }
        where = [column == value for column, value in wanted.items() if value is not None]
        if search:
            where.append(columns[by].icontains(search, autoescape=True))
        with self.database.reading() as session:
            found = keyset_page(
                session,
                select(ContributorRow).where(*where),
                (columns[by], ContributorRow.id),
                stretch or Stretch(limit=100),
            )
            entries = [_shown(row) for row in found.entries]
            return KeysetPage(entries, found.has_previous, found.has_next)

    def change_profile(
        self,
        contributor_id: str,
        *,
        display_name: str | None = None,
        show_on_leaderboard: bool | None = None,
        terms_accepted_at: datetime | None = None,
        notes: str | None = None,
    ) -> Contributor:
        """Change what a profile holds; what is None stays. No profile bans or un-bans anybody.

        Raises:
            NotFoundError: there is none of this id.
        """
        given: dict[str, Any] = {
            "display_name": display_name,
            "show_on_leaderboard": show_on_leaderboard,
            "terms_accepted_at": terms_accepted_at,
            "notes": notes,
        }

        def change(row: ContributorRow) -> None:
            for name, value in given.items():
                if value is not None and row.erased_at is None:
                    setattr(row, name, value)

        return self._change(contributor_id, change)

    def _change(self, contributor_id: str, change: Callable[[ContributorRow], None]) -> Contributor:
        def unit(session: Session) -> Contributor:
            row = _by_id(session, contributor_id, lock=True)
            change(row)
            session.flush()
            return _shown(row)

        return self._write(unit)

    def _write(self, unit: Callable[[Session], T]) -> T:
        return retried_unit(self.database, unit)


def unban_in(session: Session, contributor_id: str) -> Contributor:
    """Let them contribute again.

    Raises:
        NotFoundError: there is none of this id.
        ConflictError: they were erased for good.
    """
    row = _by_id(session, contributor_id, lock=True)
    if row.erased_at is not None:
        raise ConflictError("This contributor was erased.", code="contributor_erased")
    row.banned_at = None
    session.flush()
    return _shown(row)


def ban_in(
    session: Session, contributor_id: str, now: datetime, notes: str | None = None
) -> Contributor:
    """Let them contribute no more; nothing that their client sends changes that.

    Whoever calls it takes back what they hold too, as `banning.ban` does.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = _by_id(session, contributor_id, lock=True)
    row.banned_at = row.banned_at or now
    row.notes = row.notes if notes is None else notes
    session.flush()
    return _shown(row)


def erase_in(session: Session, contributor_id: str, now: datetime) -> Contributor:
    """Forget who they are, as `banning.erase` does.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = _by_id(session, contributor_id, lock=True)
    if row.erased_at is None:
        banned = row.banned_at is not None
        row.username = _banned_name(row.username) if banned else f"deleted_{row.id}"
    row.erased_at = row.erased_at or now
    row.display_name, row.notes = ERASED_NAME, ""
    row.show_on_leaderboard = False
    session.flush()
    return _shown(row)


def names_on_record(session: Session, contributor_ids: Iterable[str]) -> dict[str, str]:
    """The names under which contributors are authors of items."""
    wanted = _CONTRIBUTORS.c.id.in_(set(contributor_ids))
    found = session.execute(select(_CONTRIBUTORS.c.id, _NAME_ON_RECORD).where(wanted))
    return {contributor_id: name for contributor_id, name in found}


def refuse_banned(session: Session, contributor_id: str, now: datetime) -> None:
    """Let only those pass who may contribute; who is not on record may.

    Raises:
        MissingScopeError: they were banned or erased; says until when, where it ends.
        ConflictError: they were merged with another, in whose name they act from now on.
    """
    found = session.connection().execute(_BANS, {"id": contributor_id}).first()
    if found is None:
        return
    if found.merged_into is not None:
        raise ConflictError(
            "Your account became one with another a moment ago. Try again.",
            code="contributor_merged",
        )
    for_ever = (found.banned_at, found.erased_at, found.banned_permanently or None)
    if any(each is not None for each in for_ever):
        raise MissingScopeError("You may not contribute any more.", code="contributor_banned")
    if found.banned_until is not None and found.banned_until > now:
        raise MissingScopeError(
            f"You may not contribute before {found.banned_until:%Y-%m-%d %H:%M} UTC.",
            code="contributor_banned",
        )


def is_banned(session: Session, contributor_id: str, now: datetime) -> bool:
    """Whether a moderator banned them, or a ban on their record has not ended."""
    found = session.connection().execute(_BANS, {"id": contributor_id}).first()
    if found is None:
        return False
    until = found.banned_until
    on_record = bool(found.banned_permanently) or (until is not None and until > now)
    return found.banned_at is not None or on_record


def one_left(session: Session, contributor_id: str) -> str:
    """Who a contributor is by now: themselves, or the one that they were merged into.

    Raises:
        NotFoundError: there is none of this id.
    """
    return _by_id(session, contributor_id).merged_into or contributor_id


def _banned_name(username: str) -> str:
    """What is left of the name of somebody banned and erased: enough to know them by."""
    return f"banned_{hashlib.sha256(username.encode()).hexdigest()}"


def _check(field: str, value: str) -> None:
    if not value.strip() or len(value) > MOST_CHARACTERS:
        raise InvalidInputError(
            f"'{field}' cannot be this.", field=field, valid=f"1 to {MOST_CHARACTERS} characters"
        )


def _row(
    session: Session, client: str, auth_method: str, username: str, *, lock: bool = False
) -> ContributorRow | None:
    """The contributor of a name; where they were merged with another, that one."""
    wanted = select(ContributorRow).where(
        ContributorRow.client == client,
        ContributorRow.auth_method == auth_method,
        ContributorRow.username == username,
    )
    found = session.scalar(wanted.with_for_update() if lock else wanted)
    if found is None or found.merged_into is None:
        return found
    return _by_id(session, found.merged_into, lock=lock)


def _by_id(session: Session, contributor_id: str, *, lock: bool = False) -> ContributorRow:
    wanted = select(ContributorRow).where(ContributorRow.id == contributor_id)
    row = session.scalar(wanted.with_for_update() if lock else wanted)
    if row is None:
        raise NotFoundError("There is no such contributor.", code="contributor_not_found")
    return row


def _new_row(
    client: str, auth_method: str, username: str, display_name: str, now: datetime
) -> ContributorRow:
    return ContributorRow(
        id=new_id("contributor"),
        created_at=now,
        client=client,
        auth_method=auth_method,
        username=username,
        display_name=display_name,
        show_on_leaderboard=auth_method != "system",
        terms_accepted_at=now if auth_method == "system" else None,
        banned_at=None,
        erased_at=None,
        notes="",
        streak_began=None,
        last_active_at=None,
    )


def _shown(row: ContributorRow) -> Contributor:
    return Contributor(
        id=row.id,
        client=row.client,
        auth_method=row.auth_method,
        username=row.username,
        display_name=row.display_name,
        created_at=row.created_at,
        show_on_leaderboard=row.show_on_leaderboard,
        terms_accepted_at=row.terms_accepted_at,
        banned_at=row.banned_at,
        erased_at=row.erased_at,
        notes=row.notes,
        streak_began=row.streak_began,
        last_active_at=row.last_active_at,
    )
