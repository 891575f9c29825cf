"""`/api/v1/messages` and `/api/v1/frontend_messages`: read, alone and in their trees."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import NotFoundError
from ostraka.server.review import query
from ostraka.server.review.common import path_id
from ostraka.server.trees.common import (
    Client,
    answered,
    client_of,
    inside,
    known_contributor,
    language_of,
    outside,
    trees_of,
    written,
)
from ostraka.server.trees.shapes import page_shape, show_message, show_tree_state
from ostraka.trees import client_ids
from ostraka.trees.contributors import AUTH_METHODS, Contributor
from ostraka.trees.keyset import Stretch
from ostraka.trees.permissions import SENTENCES, Refusal
from ostraka.trees.reading import (
    MessageFilter,
    below,
    conversation,
    facts_of,
    find_message,
    longest_conversation,
    messages_of_tree,
    page_of_messages,
    tree_row,
    visible,
    with_most_replies,
)
from ostraka.trees.room import TreeRoom
from ostraka.trees.tables import TreeMessageRow

MOST: Final = 1000
DEFAULT: Final = 10

Rows = Sequence[TreeMessageRow]
Pick = Callable[[Rows, TreeMessageRow], Rows]


async def show(request: Request) -> Response:
    """One message."""

    def work() -> Any:
        reader = Reader(request)
        with reader.room.store.database.reading() as session:
            return reader.show(session, [reader.find(session)])[0]

    return await answered(work)


async def show_conversation(request: Request) -> Response:
    """The messages from the prompt to this one."""
    return await _several(request, "messages", lambda rows, row: conversation(rows, row.id))


async def show_children(request: Request) -> Response:
    """The replies to a message."""
    return await _several(
        request, None, lambda rows, row: [each for each in rows if each.parent_id == row.id]
    )


async def show_descendants(request: Request) -> Response:
    """A message and everything below it."""
    return await _several(request, "tree", lambda rows, row: [row, *below(rows, row.id)])


async def show_longest(request: Request) -> Response:
    """The longest conversation of the tree."""
    return await _several(request, "messages", lambda rows, row: longest_conversation(rows))


async def show_most_replies(request: Request) -> Response:
    """The message of the tree that has the most replies, with them."""
    return await _several(request, "tree", lambda rows, row: with_most_replies(rows))


async def show_tree(request: Request) -> Response:
    """The whole tree; with `include_spam=false` without rejected messages."""
    return await _several(request, "tree", lambda rows, row: rows)


async def show_state(request: Request) -> Response:
    """Where the tree is, and its limits."""

    def work() -> Any:
        reader = Reader(request)
        with reader.room.store.database.reading() as session:
            return show_tree_state(tree_row(session, reader.find(session).tree_id))

    return await answered(work)


async def list_all(request: Request) -> Response:
    """Messages, the newest first; without `trees.admin` those of the client's own users."""

    def work() -> Any:
        reader = Reader(request)
        return messages_answer(request, reader, filter_of(request, reader.client))

    return await answered(work)


async def page(request: Request) -> Response:
    """A page of messages between two places in their order."""

    def work() -> Any:
        reader = Reader(request)
        return page_answer(request, reader, filter_of(request, reader.client))

    return await answered(work)


def messages_answer(
    request: Request, reader: "Reader", wanted: MessageFilter
) -> list[dict[str, Any]]:
    """Messages as a list, the newest first unless `desc` says otherwise.

    Raises:
        InvalidInputError: a limit or order cannot be read.
    """
    stretch = Stretch(
        limit=query.whole(request, "max_count", DEFAULT, 1, MOST),
        descending=query.boolean(request, "desc") is not False,
    )
    with reader.room.store.database.reading() as session:
        found = page_of_messages(session, wanted, stretch)
        return reader.show(session, found.entries)


def page_answer(request: Request, reader: "Reader", wanted: MessageFilter) -> dict[str, Any]:
    """A page of messages, and the places before and after it.

    Raises:
        InvalidInputError: a place, limit or order cannot be read.
    """
    stretch = Stretch(
        limit=query.whole(request, "max_count", DEFAULT, 1, MOST),
        after=_place(request, "after"),
        before=_place(request, "before"),
        descending=query.boolean(request, "desc") is True,
    )
    with reader.room.store.database.reading() as session:
        found = page_of_messages(session, wanted, stretch)
        places = [_written_place(row) for row in found.entries]
        return page_shape(places, found, "created_date", stretch) | {
            "items": reader.show(session, found.entries)
        }


def filter_of(request: Request, client: Client) -> MessageFilter:
    """The messages that a query asks for, as far as the client may list them.

    Raises:
        InvalidInputError: a parameter cannot be read.
    """
    words = query.text(request, "search_query")
    author = query.text(request, "user_id")
    everything = query.boolean(request, "allow_deleted") or query.boolean(
        request, "include_deleted"
    )
    return MessageFilter(
        client=query.text(request, "api_client_id") if client.is_admin else client.id,
        author=inside("contributor", author)[0] if author else None,
        auth_method=query.choice(request, "auth_method", AUTH_METHODS),
        username=query.text(request, "username"),
        language=language_of(request),
        since=query.moment(request, "start_date"),
        until=query.moment(request, "end_date"),
        words=words,
        only_roots=query.boolean(request, "only_roots") is True,
        deleted=None if everything and client.is_admin else False,
    )


class Reader:
    """Who reads messages, and what they may see of them. Blocks; make it in a thread."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.room: TreeRoom = trees_of(request)
        self.client: Client = client_of(request)
        self.contributor: Contributor | None = known_contributor(request, self.room)

    def find(self, session: Session) -> TreeMessageRow:
        """The message of the path, by our id or the client's.

        Raises:
            NotFoundError: there is none, or it was deleted and is not for this client.
        """
        if "frontend_id" in self.request.path_params:
            theirs = path_id(self.request, "frontend_id")
            ours = client_ids.named(session, self.client.id, client_ids.MESSAGE, theirs)
            ids: Sequence[str] = [ours] if ours else []
        else:
            ids = inside("message", path_id(self.request, "message_id"))
        row = find_message(session, ids)
        if row.deleted and not self.client.is_admin:
            raise NotFoundError(
                SENTENCES[Refusal.MESSAGE_NOT_FOUND], code=Refusal.MESSAGE_NOT_FOUND
            )
        return row

    def show(self, session: Session, rows: Rows) -> list[dict[str, Any]]:
        """Messages as they see them."""
        reader = self.contributor
        names = client_ids.names_of(session, self.client.id, [row.id for row in rows])
        return [
            show_message(facts, reader, names, is_admin=self.client.is_admin)
            for facts in facts_of(session, rows, reader.id if reader else None)
        ]


async def _several(request: Request, shape: str | None, pick: Pick) -> Response:
    """Messages of one tree: a list, or in the shape of a conversation or tree."""
    spam = query.boolean(request, "include_spam") is not False
    deleted = query.boolean(request, "include_deleted") is True

    def work() -> Any:
        reader = Reader(request)
        with reader.room.store.database.reading() as session:
            row = reader.find(session)
            every = messages_of_tree(session, row.tree_id)
            seen = visible(every, spam=spam, deleted=deleted and reader.client.is_admin)
            shown = reader.show(session, pick(seen, row))
        if shape is None:
            return shown
        found: dict[str, Any] = {"messages": shown}
        return {"id": outside(row.tree_id)} | found if shape == "tree" else found

    return await answered(work)


def _place(request: Request, name: str) -> tuple[datetime, str] | None:
    """A place in the order: `id$moment`, or a moment alone."""
    value = query.text(request, name)
    if value is None:
        return None
    ours, _, moment = value.rpartition("$")
    ids = inside("message", ours) if ours else ("",)
    return query.parse_moment(moment, name), ids[0]


def _written_place(row: TreeMessageRow) -> str:
    return f"{outside(row.id)}${written(row.created_at)}"
