"""`/api/v1/text_labels`: labels without a task, reports, and which labels there are."""

from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.server.review import query
from ostraka.server.review.common import Call
from ostraka.server.trees.bodies import TextLabels
from ostraka.server.trees.common import (
    ReplayedError,
    answered,
    contributor_of,
    done,
    inside,
    once,
    read,
    trees_of,
)
from ostraka.server.trees.given import labels_given
from ostraka.server.trees.interactions import review
from ostraka.server.trees.shapes import show_labels
from ostraka.trees import remarks
from ostraka.trees.acceptance import label_kind
from ostraka.trees.contributors import Contributor
from ostraka.trees.labels import NAMES, REPORT_LABELS
from ostraka.trees.reading import find_message
from ostraka.trees.room import TreeRoom


async def label(request: Request) -> Response:
    """Keep labels, or a report; with a task they are its review, as an interaction is."""
    call = await read(request, TextLabels)

    def work() -> None:
        room, given = trees_of(request), call.body
        who = contributor_of(request, room, given.user)
        if given.task_id is not None:
            review(room, who, given)
            return
        with suppress(ReplayedError):
            _keep(room, who, call)

    return await done(work)


def _keep(room: TreeRoom, who: Contributor, call: Call[TextLabels]) -> None:
    """Keep what was said without a task, once per `Idempotency-Key`."""
    given, labels, moment = call.body, labels_given(call.body.labels), now()
    also = once(call, who.id)
    if given.message_id is None:
        remarks.label(room.store, who.id, labels, given.text, moment, also=also)
        return
    with room.store.database.reading() as session:
        found = find_message(session, inside("message", given.message_id))
    if given.is_report:
        message = (found.tree_id, found.id)
        remarks.report(room.store, who.id, labels, given.text, moment, message, also)
    else:
        remarks.label(room.store, who.id, labels, given.text, moment, found.id, also)


async def valid_labels(request: Request) -> Response:
    """The labels of a message's kind, or all that fit a text of any kind."""
    message_id = query.text(request, "message_id")

    def work() -> Any:
        if message_id is None:
            return {"valid_labels": show_labels([n for n in NAMES if n != "fails_task"])}
        room = trees_of(request)
        with room.store.database.reading() as session:
            found = find_message(session, inside("message", message_id))
        message = room.store.read(found.tree_id).messages[found.id]
        names = room.store.configuration.labels_for(label_kind(message))
        return {"valid_labels": show_labels(names)}

    return await answered(work)


async def report_labels(request: Request) -> Response:
    """The labels that a report can have."""
    return await answered(lambda: {"valid_labels": show_labels(REPORT_LABELS)})
