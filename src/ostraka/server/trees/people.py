"""`/api/v1/users` and `/api/v1/admin`: what moderators do about contributors."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import NotFoundError
from ostraka.server.review import query
from ostraka.server.review.common import path_id, read_call
from ostraka.server.trees.admin_bodies import MOST_NOTES, Merge
from ostraka.server.trees.common import (
    answered,
    client_of,
    done,
    first_found,
    inside,
    outside,
    read,
    trees_of,
)
from ostraka.storage import audit
from ostraka.trees import banning
from ostraka.trees.changing import Hand
from ostraka.trees.consequences import Consequences
from ostraka.trees.contributors import MOST_CHARACTERS, Contributor
from ostraka.trees.overview import system_counts
from ostraka.trees.people import People, Span
from ostraka.trees.room import TreeRoom

Act = Callable[[People, Contributor], Consequences]


async def change(request: Request) -> Response:
    """Change a contributor's profile; `enabled` bans them or lifts a ban."""
    await read_call(request, type(None))
    enabled = query.boolean(request, "enabled")
    display_name = query.bounded_text(request, "display_name", MOST_CHARACTERS)
    notes = query.bounded_text(request, "notes", MOST_NOTES)
    shown = query.boolean(request, "show_on_leaderboard")
    accepted = query.boolean(request, "tos_acceptance")

    def work() -> None:
        room, moment = trees_of(request), now()
        who = contributor_of_path(request, room)
        if enabled is False:
            banning.ban(room.store, who.id, actor_name(request), moment)
        elif enabled and who.banned_at is not None:
            banning.unban(room.store, who.id, actor_name(request), moment)
        room.contributors.change_profile(
            who.id,
            display_name=display_name,
            show_on_leaderboard=shown,
            terms_accepted_at=moment if accepted and who.terms_accepted_at is None else None,
            notes=notes,
        )
        detail = {"enabled": enabled, "show_on_leaderboard": shown, "terms_accepted": accepted}
        detail["renamed"] = display_name is not None
        _audit(request, room, "contributor.changed", who.id, detail)

    return await done(work)


async def forget(request: Request) -> Response:
    """Forget who a contributor is; their messages stay, under no name."""
    await read_call(request, type(None))

    def work() -> None:
        room = trees_of(request)
        who = contributor_of_path(request, room)
        banning.erase(room.store, who.id, actor_name(request), now())
        _audit(request, room, "contributor.forgotten", who.id, {})

    return await done(work)


async def delete_messages(request: Request) -> Response:
    """Delete what a contributor wrote, with what is below it; nothing is erased."""
    await read_call(request, type(None))

    def work() -> None:
        room = trees_of(request)
        who = contributor_of_path(request, room)
        People(hand_of(request, room)).delete_messages(who.id)

    return await done(work)


async def purge(request: Request) -> Response:
    """Erase a contributor; with `preview`, which it is unless false, only say what would go."""
    ban = query.boolean(request, "ban") is not False
    return await _shown_first(request, lambda people, who: people.purge(who.id, ban=ban))


async def purge_messages(request: Request) -> Response:
    """Erase what a contributor wrote, in a span of time; previews unless `preview` is false."""
    span = Span(
        prompts=query.boolean(request, "purge_initial_prompts") is True,
        since=query.moment(request, "min_date"),
        until=query.moment(request, "max_date"),
    )
    return await _shown_first(request, lambda people, who: people.purge_messages(who.id, span))


async def withdraw(request: Request) -> Response:
    """Take back what a contributor said of others; previews unless `preview` is false."""
    return await _shown_first(request, lambda people, who: people.withdraw(who.id))


async def reinstate(request: Request) -> Response:
    """Put back what was withdrawn; previews unless `preview` is false."""
    return await _shown_first(request, lambda people, who: people.reinstate(who.id))


async def merge(request: Request) -> Response:
    """Make one contributor of several."""
    call = await read(request, Merge)

    def work() -> None:
        room = trees_of(request)
        destination = _known(room, call.body.destination_user_id)
        sources = [_known(room, each).id for each in call.body.source_user_ids]
        People(hand_of(request, room)).merge(destination.id, sources)

    return await done(work)


def contributor_of_path(request: Request, room: TreeRoom) -> Contributor:
    """The contributor of the path, by id, or by how they signed in and their name.

    Raises:
        NotFoundError: there is none.
    """
    if "username" not in request.path_params:
        return _known(room, path_id(request, "user_id"))
    auth_method, username = (path_id(request, name) for name in ("auth_method", "username"))
    known = room.contributors.find(client_of(request).id, auth_method, username)
    if known is None:
        raise NotFoundError("There is no such contributor.", code="contributor_not_found")
    return known


def hand_of(request: Request, room: TreeRoom, *, preview: bool = False) -> Hand:
    """Acts of whoever asks, now."""
    return Hand(room.store, actor_name(request), now(), preview)


def actor_name(request: Request) -> str:
    """Who asks, for the logs: somebody signed in, or a client."""
    client = client_of(request)
    return client.person.id if client.person is not None else client.id


async def _shown_first(request: Request, act: Act) -> Response:
    """What an act leads to; it is done only where `preview=false` says so."""
    await read_call(request, type(None))
    preview = query.boolean(request, "preview") is not False

    def work() -> Any:
        room, began = trees_of(request), time.perf_counter()
        who = contributor_of_path(request, room)
        before = _counts(room)
        found = act(People(hand_of(request, room, preview=preview)), who)
        after = _expected(before, found) if preview else _counts(room)
        shown = found.as_dict()
        return {
            "before": before,
            "after": after,
            "preview": preview,
            "duration": time.perf_counter() - began,
            "consequences": shown
            | {
                "contributor": outside(found.contributor),
                "trees": [each | {"tree_id": outside(each["tree_id"])} for each in shown["trees"]],
            },
        }

    return await answered(work)


def _counts(room: TreeRoom) -> dict[str, int]:
    with room.store.database.reading() as session:
        return system_counts(session)


def _expected(before: dict[str, int], found: Consequences) -> dict[str, int]:
    """What the counts would be."""
    gone: int = found.as_dict()["messages_deleted"]
    return before | {"active": before["active"] - gone, "deleted": before["deleted"] + gone}


def _known(room: TreeRoom, theirs: str) -> Contributor:
    return first_found(room.contributors.get, inside("contributor", theirs))


def _audit(
    request: Request, room: TreeRoom, act: str, contributor: str, detail: dict[str, Any]
) -> None:
    def unit(session: Session) -> None:
        audit.append(session, actor_name(request), act, contributor, detail, now())

    room.store.write(unit)
