"""`/api/v1/users` and `/api/v1/frontend_users`: contributors, their profiles and messages."""

from dataclasses import replace
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.errors import AuthenticationError, NotFoundError
from ostraka.server.envelopes import json_response
from ostraka.server.review import query
from ostraka.server.review.common import path_id, read_call
from ostraka.server.trees.bodies import Profile
from ostraka.server.trees.common import (
    answered,
    client_of,
    contributor_of,
    first_found,
    inside,
    outside,
    read,
    trees_of,
)
from ostraka.server.trees.messages import Reader, filter_of, messages_answer, page_answer
from ostraka.server.trees.shapes import page_shape, show_contributor
from ostraka.trees.contributors import AUTH_METHODS, Contributor
from ostraka.trees.keyset import KeysetPage, Stretch
from ostraka.trees.reading import MessageFilter
from ostraka.trees.room import TreeRoom

MOST: Final = 10_000
DEFAULT: Final = 100


async def upsert(request: Request) -> Response:
    """Keep a contributor's profile; it never lifts a ban."""
    call = await read(request, Profile)

    def work() -> Any:
        room, profile = trees_of(request), call.body
        who = contributor_of(request, room, profile, may_act=False)
        accepted = now() if profile.tos_acceptance and who.terms_accepted_at is None else None
        given = {
            "show_on_leaderboard": profile.show_on_leaderboard,
            "terms_accepted_at": accepted,
            "notes": profile.notes,
        }
        if any(value is not None for value in given.values()):
            who = room.contributors.change_profile(who.id, **given)
        return show_contributor(who)

    return await answered(work)


async def show(request: Request) -> Response:
    """A contributor."""
    return await answered(lambda: show_contributor(_of_path(request, trees_of(request))))


async def check_sign_in(request: Request) -> Response:
    """The name of whoever is signed in to the console, out of their cookie."""
    await read_call(request, type(None))
    person: Person | None = request.scope.get("ostraka.person")
    if person is None:
        raise AuthenticationError("Nobody is signed in here: a key is no person.")
    return json_response(person.name)


async def by_username(request: Request) -> Response:
    """Contributors in the order of their usernames."""
    return await _listed(request, "username")


async def by_display_name(request: Request) -> Response:
    """Contributors in the order of their display names."""
    return await _listed(request, "display_name")


async def page(request: Request) -> Response:
    """A page of contributors between two places in their order."""
    by = query.choice(request, "sort_key", ("username", "display_name")) or "username"

    def work() -> Any:
        stretch = Stretch(
            limit=query.whole(request, "max_count", DEFAULT, 1, MOST),
            after=_place(request, "after"),
            before=_place(request, "before"),
            descending=query.boolean(request, "desc") is True,
        )
        found = _found(request, stretch, "display_name" if by == "display_name" else "username")
        names = [getattr(each, by) for each in found.entries]
        places = [
            f"{outside(each.id)}${name}" for each, name in zip(found.entries, names, strict=True)
        ]
        items = [show_contributor(each) for each in found.entries]
        return page_shape(places, found, by, stretch) | {"items": items}

    return await answered(work)


async def list_messages(request: Request) -> Response:
    """The messages of a contributor, the newest first."""

    def work() -> Any:
        reader = Reader(request)
        return messages_answer(request, reader, _own(request, reader))

    return await answered(work)


async def page_messages(request: Request) -> Response:
    """A page of the messages of a contributor."""

    def work() -> Any:
        reader = Reader(request)
        return page_answer(request, reader, _own(request, reader))

    return await answered(work)


def _own(request: Request, reader: Reader) -> MessageFilter:
    """The filter for the messages of the contributor of the path."""
    author = _of_path(request, reader.room).id
    return replace(filter_of(request, reader.client), author=author)


def _of_path(request: Request, room: TreeRoom) -> Contributor:
    """The contributor of the path: by id, or by how they signed in and their name.

    Raises:
        NotFoundError: there is none, or another client knows them.
    """
    client = client_of(request)
    if "username" in request.path_params:
        auth_method, username = (path_id(request, name) for name in ("auth_method", "username"))
        known = room.contributors.find(client.id, auth_method, username)
        if known is None:
            raise NotFoundError("There is no such contributor.", code="contributor_not_found")
        return known
    found = first_found(room.contributors.get, inside("contributor", path_id(request, "user_id")))
    if found.client != client.id and not client.is_admin:
        raise NotFoundError("There is no such contributor.", code="contributor_not_found")
    return found


async def _listed(request: Request, by: Literal["username", "display_name"]) -> Response:
    def work() -> Any:
        limit = query.whole(request, "max_count", DEFAULT, 1, MOST)
        # Clients of these older lists go on from a name alone.
        name = query.text(request, "gt")
        stretch = Stretch(limit=limit, after=None if name is None else (name, "\uffff"))
        found = _found(request, stretch, by)
        return [show_contributor(each) for each in found.entries]

    return await answered(work)


def _found(
    request: Request, stretch: Stretch, by: Literal["username", "display_name"]
) -> KeysetPage[Contributor]:
    client = client_of(request)
    return trees_of(request).contributors.page(
        stretch,
        client=query.text(request, "api_client_id") if client.is_admin else client.id,
        auth_method=query.choice(request, "auth_method", AUTH_METHODS),
        search=query.text(request, "search_text"),
        by=by,
    )


def _place(request: Request, name: str) -> tuple[str, str] | None:
    """A place in the order: `id$name`, or a name alone."""
    value = query.text(request, name)
    if value is None:
        return None
    ours, separator, text = value.partition("$")
    return (text, inside("contributor", ours)[0]) if separator else (value, "")
