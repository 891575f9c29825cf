"""`/api/v1/tasks`: taken, acknowledged, held, refused and given back."""

from typing import Any, Literal

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import ConflictError, NotFoundError
from ostraka.server.review import query
from ostraka.server.review.common import Call, path_id
from ostraka.server.trees.bodies import (
    TaskAcknowledgement,
    TaskClose,
    TaskRefusal,
    TaskRequest,
    User,
)
from ostraka.server.trees.common import (
    DEFAULT_LANGUAGE,
    RANDOM,
    answered,
    client_of,
    contributor_of,
    done,
    inside,
    known_contributor,
    language_of,
    names_contributor,
    read,
    read_if_sent,
    trees_of,
    written,
)
from ostraka.server.trees.limiting import take_allowance
from ostraka.server.trees.shapes import show_task
from ostraka.trees import client_ids
from ostraka.trees.assignment import Resend
from ostraka.trees.contributors import Contributor
from ostraka.trees.language_tags import canonical
from ostraka.trees.offers import Offer
from ostraka.trees.room import TreeRoom
from ostraka.trees.selection import NoTaskError, TaskType
from ostraka.trees.tables import TreeTaskRow
from ostraka.trees.tasks import refuse_ended

NOBODY = ""
"""Who is not known yet: nothing is barred for them."""


async def take(request: Request) -> Response:
    """The next task for a contributor, held for them from now on."""
    call = await read(request, TaskRequest)

    def work() -> Any:
        room, body = trees_of(request), call.body
        who = contributor_of(request, room, body.user)
        take_allowance(request, client_of(request).id, who.id, body.type)
        if body.collective:
            raise ConflictError(
                "No task is given to many: each contributor takes one of their own.",
                field="collective",
                code="collective_tasks",
            )
        return show_task(_taken(room, who, call))

    return await answered(work)


async def availability(request: Request) -> Response:
    """How much there is of each kind for a contributor; with `explain`, why there is none."""
    query.only(request, "lang", "explain", "api_key")
    language, explain = language_of(request) or DEFAULT_LANGUAGE, query.boolean(request, "explain")
    call = await read_if_sent(request, User)

    def work() -> Any:
        room = trees_of(request)
        if call.body is None and not names_contributor(request):
            contributor_of(request, room, None)  # which refuses who names nobody
        who = known_contributor(request, room, call.body)
        found = room.assignment.availability(who.id if who else NOBODY, language, now())
        counts: dict[str, Any] = {"random": found.total}
        counts |= {str(kind): count for kind, count in found.counts.items()}
        if not explain:
            return counts
        return {
            "counts": counts,
            "reasons": {str(kind): list(said) for kind, said in found.reasons.items()},
        }

    return await answered(work)


async def show(request: Request) -> Response:
    """A task of a client's contributor, as it was given out, however it ended."""
    query.only(request, "api_key")

    def work() -> Any:
        room = trees_of(request)
        row = _row(request, room)
        return show_task(room.assignment.get(row.id, row.contributor))

    return await answered(work)


async def acknowledge(request: Request) -> Response:
    """Let the client call a task by an id of its own."""
    call = await read(request, TaskAcknowledgement)

    def work() -> None:
        room = trees_of(request)
        client, row = client_of(request).id, _row(request, room)

        def unit(session: Session) -> None:
            task = client_ids.task_of_client(session, client, row.id)
            if client_ids.name_of(session, client, row.id) != call.body.message_id:
                refuse_ended(task, now())
            client_ids.name_task(session, client, call.body.message_id, task)

        room.store.write(unit)

    return await done(work)


async def refuse(request: Request) -> Response:
    """Give a task back, and do not ask its contributor for this again."""
    call = await read_if_sent(request, TaskRefusal)

    def work() -> None:
        room = trees_of(request)
        row = _row(request, room)
        reason = (call.body.reason if call.body else None) or ""
        room.assignment.skip(row.id, row.contributor, now(), reason)

    return await done(work)


async def take_back(request: Request) -> Response:
    """Undo a refusal: the same again as a new task, if its place is still there."""
    await read(request, type(None))

    def work() -> Any:
        room = trees_of(request)
        row = _row(request, room)
        offer = room.assignment.undo_skip(row.id, row.contributor, now(), RANDOM)
        if offer is None:
            raise NotFoundError(
                "Somebody else has taken it by now; it may be offered to you again.",
                code="no_task",
            )
        return show_task(offer)

    return await answered(work)


async def renew(request: Request) -> Response:
    """Hold a task as long again from now on."""
    await read(request, type(None))

    def work() -> Any:
        room = trees_of(request)
        row = _row(request, room)
        return {"expires_at": written(room.assignment.renew(row.id, row.contributor, now()))}

    return await answered(work)


async def close(request: Request) -> Response:
    """Give back the task that the client calls so; its contributor may be asked again."""
    call = await read(request, TaskClose)

    def work() -> None:
        room, client = trees_of(request), client_of(request).id
        with room.store.database.reading() as session:
            task_id = client_ids.named(session, client, client_ids.TASK, call.body.message_id)
            if task_id is None:
                raise NotFoundError("There is no such task.", code="task_not_found")
            row = client_ids.task_of_client(session, client, task_id)
        room.assignment.give_back(row.id, row.contributor, now())

    return await done(work)


def _taken(room: TreeRoom, who: Contributor, call: Call[Any]) -> Offer:
    body: TaskRequest = call.body
    kind: TaskType | Literal["random"]
    if body.type == "random":
        kind = "random"
    elif body.type in list(TaskType):
        kind = TaskType(body.type)
    else:
        raise NotFoundError("Tasks of this kind are not given out.", field="type", code="no_task")
    resend = Resend(who.id, call.key, call.fingerprint) if call.key else None
    language = canonical(body.lang or DEFAULT_LANGUAGE)
    try:
        return room.assignment.request(who.id, kind, language, now(), RANDOM, resend)
    except NoTaskError as none:
        raise NotFoundError(none.message, field="type", code="no_task") from none


def _row(request: Request, room: TreeRoom) -> TreeTaskRow:
    """The task of the path, if a contributor of this client has it, the one named if one is.

    Raises:
        NotFoundError: they have no such task.
        InvalidInputError: the header cannot be read.
    """
    client = client_of(request)
    who = known_contributor(request, room)
    for task_id in inside("task", path_id(request, "task_id")):
        with room.store.database.reading() as session:
            try:
                row = client_ids.task_of_client(session, client.id, task_id)
            except NotFoundError:
                continue
            if row.contributor == who.id if who else not names_contributor(request):
                return row
    raise NotFoundError("There is no such task.", code="task_not_found")
