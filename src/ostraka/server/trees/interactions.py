"""`/api/v1/tasks/interaction`: what a contributor did for a task, in each of its forms."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.server.review.common import Call
from ostraka.server.trees.bodies import (
    Interaction,
    MessageRanking,
    MessageRating,
    TextLabels,
    TextReply,
)
from ostraka.server.trees.common import (
    RANDOM,
    answered,
    client_of,
    contributor_of,
    first_found,
    inside,
    outside,
    read,
    trees_of,
)
from ostraka.server.trees.given import labels_given
from ostraka.trees import client_ids
from ostraka.trees.contributors import Contributor
from ostraka.trees.offers import Offer
from ostraka.trees.room import TreeRoom

Tiers = tuple[tuple[str, ...], ...]


async def interact(request: Request) -> Response:
    """Take what was done for a task; sent again, it is taken once."""
    call: Call[Interaction] = await read(request, Interaction)

    def work() -> Any:
        room, client = trees_of(request), client_of(request).id
        who = contributor_of(request, room, call.body.user)
        match call.body:
            case TextReply():
                offer = _write(room, client, who, call.body)
            case MessageRanking():
                offer = _rank(room, client, who, call.body)
            case TextLabels():
                offer = review(room, who, call.body)
            case MessageRating():
                raise NotFoundError("No task asks for a rating.", code="task_not_found")
        return {"id": outside(offer.id), "type": "task_done"}

    return await answered(work)


def review(room: TreeRoom, who: Contributor, given: TextLabels) -> Offer:
    """Hand in the review that a task asked for.

    Raises:
        NotFoundError: no task is named, or they have no such task.
        InvalidInputError: it is about another message, or a label cannot be.
        ConflictError: the task ended, or its conversation was stopped.
    """
    if given.task_id is None:
        raise NotFoundError("Name the task, in 'task_id'.", field="task_id", code="task_not_found")
    offer = _offer(room, who, inside("task", given.task_id))
    if given.message_id is not None and offer.message_id not in inside("message", given.message_id):
        raise InvalidInputError(
            "The task is about another message.",
            field="message_id",
            code="wrong_message",
            valid=str(outside(offer.message_id)),
        )
    room.assignment.hand_in_labels(offer.id, labels_given(given.labels), who.id, now())
    return offer


def _write(room: TreeRoom, client: str, who: Contributor, given: TextReply) -> Offer:
    offer = _find(room, client, who, given)
    with room.store.database.reading() as session:
        client_ids.refuse_taken(session, client, given.user_message_id, offer.made_id)
    message = room.assignment.hand_in_text(offer.id, given.text, who.id, now(), RANDOM)

    def unit(session: Session) -> None:
        client_ids.name_message(session, client, given.user_message_id, message.id)

    room.store.write(unit)
    return offer


def _rank(room: TreeRoom, client: str, who: Contributor, given: MessageRanking) -> Offer:
    offer = _find(room, client, who, given)
    # What asks for something else has no places, and is refused for that.
    tiers = _tiers(given, offer.shown) if offer.shown else ()
    room.assignment.hand_in_ranking(
        offer.id, tiers, who.id, now(), not_rankable=bool(given.not_rankable)
    )
    return offer


def _tiers(given: MessageRanking, shown: Sequence[str]) -> Tiers:
    """The places on the screen as the replies that stood there.

    Raises:
        InvalidInputError: it does not name each place once.
    """
    tiers = [[place] for place in given.ranking] if given.tiers is None else given.tiers
    places = sorted(place for tier in tiers for place in tier)
    if places != list(range(len(shown))):
        raise InvalidInputError(
            "A ranking names the place of each reply once.",
            field="ranking" if given.tiers is None else "tiers",
            code="ranking_invalid",
            valid=f"an order of 0 to {len(shown) - 1}",
        )
    return tuple(tuple(shown[place] for place in tier) for tier in tiers)


def _find(
    room: TreeRoom, client: str, who: Contributor, given: TextReply | MessageRanking
) -> Offer:
    """The task that is meant: by the client's own id for it, else by ours.

    Raises:
        NotFoundError: they have no such task.
    """
    with room.store.database.reading() as session:
        known = client_ids.named(session, client, client_ids.TASK, given.message_id)
    if known is not None:
        return _offer(room, who, [known])
    if given.task_id is not None:
        return _offer(room, who, inside("task", given.task_id))
    raise NotFoundError(
        "You acknowledged no task under this id.", field="message_id", code="task_not_found"
    )


def _offer(room: TreeRoom, who: Contributor, ids: Sequence[str]) -> Offer:
    return first_found(lambda each: room.assignment.outline(each, who.id), ids)
