"""What the handlers of `/api/v1` share: whose client asks, for which contributor, in which ids.

On the wire ids are UUIDs, as Open-Assistant's clients expect them: ours without the prefix.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.keys import Scope
from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.errors import InvalidInputError, MissingScopeError, NotFoundError, TermsError
from ostraka.review.idempotency import recall, remember
from ostraka.server.envelopes import json_response
from ostraka.server.review import query
from ostraka.server.review.common import Call, read_call
from ostraka.server.state import state_of
from ostraka.server.trees.bodies import LANGUAGE_PATTERN, User
from ostraka.trees.contributors import AUTH_METHODS, CONSOLE, PERSON, Contributor
from ostraka.trees.language_tags import canonical
from ostraka.trees.room import TreeRoom

DEFAULT_LANGUAGE: Final = "en"

LOCAL_CLIENT: Final = "local"
"""The client of whoever asks from this machine while no key is needed."""

RANDOM: Final = SystemRandom()

_LANGUAGE: Final = re.compile(LANGUAGE_PATTERN)
_OURS: Final = re.compile(r"[a-z]+_([0-9a-f]{32})")
_USER_HEADER: Final = "x-oasst-user"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Client:
    """The program that asks, or who is signed in."""

    id: str
    is_admin: bool
    person: Person | None = None
    """Who is signed in; then nobody else is asked for."""


def client_of(request: Request) -> Client:
    """Who asks, as the gate found out; never taken from what was sent."""
    key = request.scope.get("ostraka.key")
    if key is not None:
        return Client(key.id, key.allows(Scope.TREES_ADMIN))
    person: Person | None = request.scope.get("ostraka.person")
    if person is None or person.is_local:
        return Client(LOCAL_CLIENT, True)
    return Client(CONSOLE, True, person)


def trees_of(request: Request) -> TreeRoom:
    """The trees of the application. Blocks on first use: call it in a thread."""
    state = state_of(request)
    return state.kept.trees(state.settings)


async def read(request: Request, kind: Any) -> Call[Any]:
    """The request with its body as `kind`.

    Raises:
        InvalidInputError: the body is not of this kind; names the field.
    """
    return await read_call(request, kind)


async def read_if_sent(request: Request, kind: Any) -> Call[Any]:
    """The request with its body as `kind`, or None where it has none.

    Raises:
        InvalidInputError: there is a body, and it is not of this kind; names the field.
    """
    headers = request.headers
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return await read_call(request, type(None) if empty else kind | None)


class ReplayedError(Exception):
    """The request was sent before, and what it asked for was done then."""


def once(call: Call[Any], actor: str) -> Callable[[Session], None]:
    """What claims the call's `Idempotency-Key` within the transaction that does the write.

    Where the key is known already it raises `ReplayedError`, which undoes the write.
    """

    def claim(session: Session) -> None:
        if call.key is None:
            return
        if recall(session, actor, call.key, call.fingerprint, now()) is not None:
            raise ReplayedError
        remember(session, actor, call.key, {})

    return claim


async def answered(work: Callable[[], Any]) -> Response:
    """What `work` gives, plain values, as the answer; it may block."""
    return json_response(await asyncio.to_thread(work))


async def done(work: Callable[[], object]) -> Response:
    """No content, once `work` is done; it may block."""
    await asyncio.to_thread(work)
    return Response(status_code=204)


def contributor_of(
    request: Request, room: TreeRoom, user: User | None, *, may_act: bool = True
) -> Contributor:
    """The contributor whom the client asks for: the body's user, or the header's.

    With `may_act` only one passes who may contribute now.

    Raises:
        InvalidInputError: none is named, or body and header name two.
        MissingScopeError: they were banned.
        TermsError: they have not accepted the terms, where that is asked for.
    """
    client, named = client_of(request), _named_user(request, user)
    if client.person is not None:
        found = room.contributors.of_person(client.person, now())
    elif named is None:
        raise InvalidInputError(
            "No user is named.",
            field="user",
            code="user_missing",
            valid=f"an object with id, display_name and auth_method, or the header {_USER_HEADER}",
        )
    else:
        display_name = user.display_name if user is not None else None
        found = room.contributors.lookup(client.id, *named, display_name, now())
    if may_act and not found.enabled:
        raise MissingScopeError("You may not contribute any more.", code="contributor_banned")
    if may_act and room.terms_required and found.terms_accepted_at is None:
        raise TermsError
    return found


def known_contributor(
    request: Request, room: TreeRoom, user: User | None = None
) -> Contributor | None:
    """The contributor whom the client asks for, None where it names none or nobody known yet.

    Reading keeps nobody who is new.

    Raises:
        InvalidInputError: the header cannot be read, or body and header name two.
    """
    client = client_of(request)
    if client.person is not None:
        return room.contributors.find(CONSOLE, PERSON, client.person.id)
    named = _named_user(request, user)
    return room.contributors.find(client.id, *named) if named else None


def names_contributor(request: Request) -> bool:
    """Whether the request says for whom it is, besides what its body says."""
    return client_of(request).person is not None or _header_user(request) is not None


def _named_user(request: Request, user: User | None) -> tuple[str, str] | None:
    """How the user signed in at the client, and their name there; body and header must agree."""
    named = _header_user(request)
    if user is None:
        return named
    if named is not None and named != (user.auth_method, user.id):
        raise InvalidInputError(
            f"The body names another user than the header {_USER_HEADER}.", field="user"
        )
    return user.auth_method, user.id


def _header_user(request: Request) -> tuple[str, str] | None:
    value = request.headers.get(_USER_HEADER)
    if value is None:
        return None
    auth_method, _, name = value.partition(":")
    if auth_method not in AUTH_METHODS or not name.strip() or "\0" in name:
        raise InvalidInputError(
            f"The header {_USER_HEADER} cannot be read.",
            field=_USER_HEADER,
            code="user_incomplete",
            valid="auth_method:username, such as local:ann",
        )
    return auth_method, name


def outside(ours: str | None) -> str | None:
    """An id as clients see it: a UUID where it is one of ours, as it came where it was imported."""
    if ours is None:
        return None
    match = _OURS.fullmatch(ours)
    return str(UUID(match[1])) if match else ours


def inside(prefix: str, theirs: str) -> tuple[str, ...]:
    """The ids that a client may mean: ours, or an imported one."""
    try:
        return f"{prefix}_{UUID(theirs).hex}", theirs
    except ValueError:
        return (theirs.replace("\0", ""),)


def first_found(look: Callable[[str], T], ids: Iterable[str]) -> T:
    """What the first of some ids leads to.

    Raises:
        NotFoundError: none leads anywhere.
    """
    error = NotFoundError()
    for each in ids:
        try:
            return look(each)
        except NotFoundError as missing:
            error = missing
    raise error


def language_of(request: Request) -> str | None:
    """The parameter `lang` in its canonical form, None where it is missing.

    Raises:
        InvalidInputError: it is no language.
    """
    value = query.text(request, "lang")
    if value is not None and (len(value) > 35 or not _LANGUAGE.fullmatch(value)):
        raise InvalidInputError(
            f"'{value}' is no language.", field="lang", valid="a tag such as en or pt-BR"
        )
    return canonical(value) if value is not None else None


def written(moment: datetime | None) -> str | None:
    """A moment as it is written."""
    return None if moment is None else moment.isoformat()
