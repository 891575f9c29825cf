"""`/api/v1/admin`: clients, settings, reported messages, near-duplicates."""

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.keys import Scope
from ostraka.access.ring import now
from ostraka.access.roles import Right
from ostraka.access.store import create_key
from ostraka.errors import MissingScopeError
from ostraka.server.review import query
from ostraka.server.review.common import path_id, read_call
from ostraka.server.state import state_of
from ostraka.server.trees.admin_bodies import NewClient
from ostraka.server.trees.common import (
    answered,
    first_found,
    inside,
    outside,
    read,
    trees_of,
    written,
)
from ostraka.server.trees.people import actor_name
from ostraka.server.trees.shapes import page_shape
from ostraka.storage import audit
from ostraka.trees.flags import Flag, page_of_flags, process
from ostraka.trees.keyset import Stretch
from ostraka.trees.near_duplicates import list_near_duplicates

MOST: Final = 1000
_DEFAULT: Final = 10


async def make_client(request: Request) -> Response:
    """Make an API key for a client; the secret is in this answer and nowhere else.

    Raises:
        MissingScopeError: it was not an administrator who asked.
    """
    call = await read(request, NewClient)
    _require_administrator(request)
    state = state_of(request)

    def work() -> Any:
        body, moment, room = call.body, now(), trees_of(request)
        scopes = [Scope.TREES, Scope.TREES_ADMIN] if body.trusted else [Scope.TREES]
        with room.store.database.writing() as session:
            key, secret = create_key(session, body.description, scopes, moment)
            detail = {"scopes": [str(each) for each in scopes], "frontend": body.frontend_type}
            audit.append(session, actor_name(request), "key.created", key.id, detail, moment)
            return {
                "id": outside(key.id),
                "api_key": secret,
                "description": key.name,
                "frontend_type": body.frontend_type,
                "trusted": body.trusted,
            }

    answer = await answered(work)
    await state.access_changed()
    return answer


async def public_settings(request: Request) -> Response:
    """What a front end needs to know."""

    def work() -> Any:
        room = trees_of(request)
        configuration = room.store.configuration
        return {
            "PROJECT_NAME": "Ostraka",
            "MESSAGE_SIZE_LIMIT": configuration.message_size_limit,
            "DUPLICATE_MESSAGE_FILTER_WINDOW_MINUTES": (
                configuration.duplicate_message_window_minutes
            ),
            "TASK_VALIDITY_MINUTES": configuration.task_validity_minutes,
            "terms_required": room.terms_required,
        }

    return await answered(work)


async def full_settings(request: Request) -> Response:
    """How trees are grown, whole; no secret is part of it."""

    def work() -> Any:
        return trees_of(request).store.configuration.model_dump(mode="json")

    return await answered(work)


async def flagged(request: Request) -> Response:
    """Reported messages, the newest report first."""
    limit = query.whole(request, "max_count", _DEFAULT, 1, MOST)
    processed = query.boolean(request, "processed")

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            stretch = Stretch(limit=limit, descending=True)
            found = page_of_flags(session, stretch, processed=processed)
            return [_flag(each) for each in found.entries]

    return await answered(work)


async def flagged_page(request: Request) -> Response:
    """A page of reported messages between two places in their order."""
    stretch = Stretch(
        limit=query.whole(request, "max_count", _DEFAULT, 1, MOST),
        after=_place(request, "after"),
        before=_place(request, "before"),
        descending=query.boolean(request, "desc") is True,
    )
    processed = query.boolean(request, "processed")

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            found = page_of_flags(session, stretch, processed=processed)
            places = [
                f"{outside(each.message_id)}${written(each.reported_at)}" for each in found.entries
            ]
            items = [_flag(each) for each in found.entries]
            return page_shape(places, found, "created_date", stretch) | {"items": items}

    return await answered(work)


async def process_flag(request: Request) -> Response:
    """Note that somebody has looked at a reported message, and let it stay."""
    await read_call(request, type(None))

    def work() -> Any:
        store, ids = trees_of(request).store, inside("message", path_id(request, "message_id"))
        actor, moment = actor_name(request), now()
        return _flag(first_found(lambda each: process(store, each, actor, moment), ids))

    return await answered(work)


async def near_duplicates(request: Request) -> Response:
    """Prompts that say nearly what an earlier one says, the newest first."""
    limit = query.whole(request, "max_count", _DEFAULT, 1, MOST)

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            return [
                {
                    "message_id": outside(each.message_id),
                    "of_message_id": outside(each.of_message_id),
                    "similarity": each.similarity,
                    "created_date": written(each.found_at),
                }
                for each in list_near_duplicates(session, limit)
            ]

    return await answered(work)


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "message_id": outside(flag.message_id),
        "message_tree_id": outside(flag.tree_id),
        "text": flag.text,
        "reports": flag.reports,
        "processed": flag.processed_at is not None,
        "created_date": written(flag.reported_at),
    }


def _place(request: Request, name: str) -> tuple[datetime, str] | None:
    """A place in the order: `id$moment`, or a moment alone."""
    value = query.text(request, name)
    if value is None:
        return None
    ours, _, moment = value.rpartition("$")
    ids = inside("message", ours) if ours else ("",)
    return query.parse_moment(moment, name), ids[0]


def _require_administrator(request: Request) -> None:
    """Keys are made by administrators alone, who show that they are.

    Where no key was ever made, nobody does: the first key is made on the command line.
    """
    key, person = (request.scope.get(f"ostraka.{name}") for name in ("key", "person"))
    if key is not None and key.allows(Scope.ADMIN):
        return
    if person is not None and not person.is_local and person.may(Right.ADMINISTER):
        return
    raise MissingScopeError(
        "Only an administrator makes keys here; the first one is made by `ostraka keys create`."
    )
