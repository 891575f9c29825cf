"""`/api/v1/messages/…`: reactions, and what moderators do to messages and trees."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.server.review import query
from ostraka.server.review.common import read_call
from ostraka.server.trees.bodies import Edit, Emoji
from ostraka.server.trees.common import ReplayedError, answered, contributor_of, done, once, read
from ostraka.server.trees.messages import Reader
from ostraka.server.trees.shapes import show_revision
from ostraka.trees import remarks
from ostraka.trees.changing import Hand
from ostraka.trees.editing import edit_message, revisions
from ostraka.trees.single_acts import (
    delete_message,
    move_tree,
    resume_tree,
    undelete_message,
)
from ostraka.trees.states import Event


async def react(request: Request) -> Response:
    """Put a reaction on a message or take it away; the message as it is then."""
    call = await read(request, Emoji)

    def work() -> Any:
        reader = Reader(request)
        who = contributor_of(request, reader.room, call.body.user)
        reader.contributor = who
        message, given = _message(reader), call.body
        with suppress(ReplayedError):
            remarks.react(
                reader.room.store,
                who.id,
                message,
                given.emoji,
                given.op,
                now(),
                also=once(call, who.id),
            )
        with reader.room.store.database.reading() as session:
            return reader.show(session, [reader.find(session)])[0]

    return await answered(work)


async def delete(request: Request) -> Response:
    """Delete a message and everything below it; `undelete` brings it back."""
    return await _moderated(request, delete_message)


async def undelete(request: Request) -> Response:
    """Bring back a deleted message and everything above it; what is below stays away."""
    return await _moderated(request, undelete_message)


async def edit(request: Request) -> Response:
    """Put another text in a message; it is reviewed anew, and the old one is kept."""
    call = await read(request, Edit)

    def work() -> None:
        reader = Reader(request)
        editor = contributor_of(request, reader.room, call.body.user)
        (_, message_id), text = _message(reader), call.body.new_content
        with suppress(ReplayedError):
            hand = Hand(reader.room.store, editor.id, now())
            edit_message(hand, message_id, text, also=once(call, editor.id))

    return await done(work)


async def history(request: Request) -> Response:
    """The texts that a message had, the original first; none where it was never edited."""

    def work() -> Any:
        reader = Reader(request)
        with reader.room.store.database.reading() as session:
            found = revisions(session, reader.find(session).id)
            return [show_revision(row, reader.contributor) for row in found]

    return await answered(work)


async def change_state(request: Request) -> Response:
    """Halt a tree, or with `halt=false` let it go on from where it was."""
    halt = query.boolean(request, "halt") is not False
    await read_call(request, type(None))

    def work() -> None:
        reader = Reader(request)
        tree_id, _ = _message(reader)
        hand = _hand(reader)
        if halt:
            move_tree(hand, tree_id, Event.HALT)
        else:
            resume_tree(hand, tree_id)

    return await done(work)


async def _moderated(request: Request, act: Callable[[Hand, str], object]) -> Response:
    """Do a moderator's act to a message, and let the tree follow from it."""
    await read_call(request, type(None))

    def work() -> None:
        reader = Reader(request)
        _, message_id = _message(reader)
        act(_hand(reader), message_id)

    return await done(work)


def _message(reader: Reader) -> tuple[str, str]:
    """Tree and id of the message of the path."""
    with reader.room.store.database.reading() as session:
        row = reader.find(session)
        return row.tree_id, row.id


def _hand(reader: Reader) -> Hand:
    """Who acts: the contributor that the client names, else the client."""
    actor = reader.contributor.id if reader.contributor else reader.client.id
    return Hand(reader.room.store, actor, now())
