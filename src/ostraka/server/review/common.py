"""What the handlers of `/api/…` share: who asks, what was sent, how answers leave.

A handler that changes something reads its request with `read_call` and does the change in
`perform`, within one transaction and once per `Idempotency-Key`. One that only looks reads its
parameters with `query` and its page with `page_of`, and answers with `shown`.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.browser import is_of_another_site
from ostraka.access.ring import now
from ostraka.errors import CallerError, InvalidInputError
from ostraka.review.idempotency import fingerprint_of, recall, remember
from ostraka.server.body import check_media_type
from ostraka.server.envelopes import json_response
from ostraka.server.review.decoding import decode
from ostraka.server.state import state_of
from ostraka.storage.database import Database
from ostraka.wire import read_bounded

MOST_KEY_CHARACTERS: Final = 200
_KEY: Final = re.compile(r"[!-~]+")
REPLAYED: Final = {"idempotent-replayed": "true"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: somebody signed in, an API key, or whoever sits at this machine."""

    id: str
    kind: Literal["person", "agent"]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request that changes something, as it was read."""

    body: T
    actor: Actor
    key: str | None
    """The `Idempotency-Key`."""
    fingerprint: str


def database_of(request: Request) -> Database:
    """The application's database. Blocks on first use: call it in a thread."""
    return state_of(request).kept.database()


def actor_of(request: Request) -> Actor:
    """Who asks, as the gate found out; never taken from what was sent."""
    person = request.scope.get("ostraka.person")
    if person is not None:
        return Actor(person.id, "person")
    key = request.scope.get("ostraka.key")
    return Actor(key.id, "agent") if key is not None else Actor("local", "person")


async def read_call(request: Request, kind: Any) -> Call[Any]:
    """The request with its body as `kind`; without a body, `kind` is `NoneType`.

    Raises:
        InvalidInputError: the body is not of this kind; names the field and what it may be.
    """
    _refuse_strangers(request)
    check_media_type(request)
    raw = await read_bounded(request, state_of(request).settings.max_body_bytes)
    return Call(
        decode(raw, kind),
        actor_of(request),
        _idempotency_key(request),
        fingerprint_of(request.method, request.url.path, raw),
    )


async def perform(
    request: Request, call: Call[Any], act: Callable[[Session, datetime], Any]
) -> Response:
    """Do `act` in one transaction, once per key; its result, plain values, is the answer.

    The answer is kept beside the key for a day, so it must not quote the text of an item.
    """
    answer, replayed = await asyncio.to_thread(_perform, request, call, act)
    return json_response(answer, headers=REPLAYED if replayed else None)


def _perform(
    request: Request,
    call: Call[Any],
    act: Callable[[Session, datetime], Any],
) -> tuple[Any, bool]:
    moment = now()
    with database_of(request).writing() as session:
        if call.key is None:
            return act(session, moment), False
        known = recall(session, call.actor.id, call.key, call.fingerprint, moment)
        if known is not None:
            return known, True
        answer = act(session, moment)
        remember(session, call.actor.id, call.key, answer)
        return answer, False


async def shown(request: Request, look: Callable[[Session], Any]) -> Response:
    """What `look` finds in the database, plain values, as the answer."""

    def read() -> Any:
        with database_of(request).reading() as session:
            return look(session)

    return json_response(await asyncio.to_thread(read))


def path_id(request: Request, name: str) -> str:
    """An id in the path; what no database would take as text is nobody's id."""
    return str(request.path_params[name]).replace("\0", "")


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > MOST_KEY_CHARACTERS or not _KEY.fullmatch(key):
        raise InvalidInputError(
            f"'Idempotency-Key' needs 1 to {MOST_KEY_CHARACTERS} ASCII characters without blanks.",
            field="Idempotency-Key",
        )
    return key


def _refuse_strangers(request: Request) -> None:
    """Another site's page may post without a body through a visitor's browser, which tells on it.

    Raises:
        CallerError: the request comes from another site's page.
    """
    if is_of_another_site(request.scope["headers"]):
        raise CallerError("This request was sent by another site's page.", code="cross_site")
