"""`/api/queues`, `/api/cases`: claim a case, keep it, skip it, decide it.

People and agents, which are API keys with the scope `review`, come in by the same door and obey
the same rules. Who acts is what the gate found out, never what was sent.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.keys import Scope
from ostraka.access.ring import now
from ostraka.access.roles import Role
from ostraka.errors import MissingScopeError
from ostraka.review.case_view import show_case_line, show_whole_case
from ostraka.review.cases import CaseState, get_case
from ostraka.review.decisions import decide
from ostraka.review.queue import ClaimedCase, ReviewQueue, skip
from ostraka.review.queue_counts import MOST_COUNTED, count_queues, skips_of_open_cases
from ostraka.review.shapes import moment as written
from ostraka.review.shapes import show_decision
from ostraka.review.tables import CaseRow, DecisionRow
from ostraka.review.terms import Reviewer, Ruling, Terms
from ostraka.server.envelopes import json_response
from ostraka.server.review import query
from ostraka.server.review.case_bodies import Claim, NewDecision, NewSkip
from ostraka.server.review.common import (
    actor_of,
    path_id,
    perform,
    read_call,
    shown,
)
from ostraka.server.review.room import room_of
from ostraka.server.state import state_of


async def queues(request: Request) -> Response:
    """How full the queues are."""
    query.only(request)
    room = room_of(request)

    def look(session: Session) -> Any:
        names = [queue.name for queue in room.policies.active(session).document.queues]
        counts = count_queues(session, names, now())
        return {
            "data": [
                {
                    "name": each.name,
                    "open": each.open,
                    "overdue": each.overdue,
                    "claimed": each.claimed,
                    "next_due_at": written(each.next_due_at),
                }
                for each in counts
            ],
            "counted_to": MOST_COUNTED,
        }

    return await shown(request, look)


async def claim(request: Request) -> Response:
    """The most urgent case for who asks, with everything needed to decide it; null if none is."""
    call = await read_call(request, Claim)
    names = call.body.queues
    return await _claimed(request, lambda queue, who: queue.claim(who, names))


async def take(request: Request) -> Response:
    """Claim one certain case: for leads, and for who holds it already."""
    await read_call(request, NoneType)
    case_id = path_id(request, "case_id")

    def one(queue: ReviewQueue, who: Reviewer) -> ClaimedCase:
        if not who.lead:
            raise MissingScopeError("Only a lead may choose a case; claim the next one instead.")
        return queue.take(who, case_id)

    return await _claimed(request, one)


async def heartbeat(request: Request) -> Response:
    """Keep a case for another while."""
    await read_call(request, NoneType)
    queue, who, case_id = queue_of(request), reviewer_of(request), path_id(request, "case_id")
    kept = await asyncio.to_thread(queue.heartbeat, who, case_id)
    return json_response({"case_id": case_id, "expires_at": written(kept.expires_at)})


async def release(request: Request) -> Response:
    """Give a case back undecided."""
    await read_call(request, NoneType)
    queue, who, case_id = queue_of(request), reviewer_of(request), path_id(request, "case_id")
    await asyncio.to_thread(queue.release, who, case_id)
    return json_response({"case_id": case_id, "released": True})


async def skip_one(request: Request) -> Response:
    """Leave a case to others, for a reason."""
    call = await read_call(request, NewSkip)
    who, case_id = reviewer_of(request), path_id(request, "case_id")

    def act(session: Session, moment: datetime) -> Any:
        skip(session, who, case_id, call.body.reason, moment)
        return {"case_id": case_id, "skipped": True}

    return await perform(request, call, act)


async def list_all(request: Request) -> Response:
    """Cases, the most urgent first."""
    query.only(request, "state", "queue", "limit", "cursor")
    page, who = query.page_of(request, 2), reviewer_of(request)
    state = query.choice(request, "state", [str(each) for each in CaseState]) or CaseState.OPEN
    name = query.text(request, "queue")
    wanted = select(CaseRow).where(CaseRow.state == state)
    if name is not None:
        wanted = wanted.where(CaseRow.queue == name)
    if page.after is not None:
        after = datetime.fromisoformat(page.after[0]), page.after[1]
        wanted = wanted.where(tuple_(CaseRow.due_at, CaseRow.id) > after)
    wanted = wanted.order_by(CaseRow.due_at, CaseRow.id).limit(page.limit + 1)

    def look(session: Session) -> Any:
        found, moment = session.scalars(wanted).all(), now()
        return query.page_answer(
            found,
            page,
            lambda each: (each.due_at.isoformat(), each.id),
            lambda each: show_case_line(each, who, moment),
        )

    return await shown(request, look)


async def retrieve(request: Request) -> Response:
    """One case."""
    who, case_id = reviewer_of(request), path_id(request, "case_id")

    def look(session: Session) -> Any:
        return show_whole_case(session, get_case(session, case_id), who, now())

    return await shown(request, look)


async def skips(request: Request) -> Response:
    """Who left which open cases to others, and why; for leads."""
    query.only(request, "limit")
    limit = query.whole(request, "limit", query.LIMIT, 1, query.MOST)
    if not reviewer_of(request).lead:
        raise MissingScopeError("Only a lead sees who skipped what.")

    def look(session: Session) -> Any:
        return {
            "data": [
                {
                    "case_id": each.case_id,
                    "reviewer": each.reviewer_id,
                    "reason": each.reason,
                    "skipped_at": written(each.skipped_at),
                }
                for each in skips_of_open_cases(session, limit)
            ]
        }

    return await shown(request, look)


async def create_decision(request: Request) -> Response:
    """Decide a case that who asks has claimed."""
    call = await read_call(request, NewDecision)
    who, case_id, room = reviewer_of(request), path_id(request, "case_id"), room_of(request)
    sent = call.body
    ruling = Ruling(sent.action, sent.violation, sent.reasons)

    def act(session: Session, moment: datetime) -> Any:
        terms = Terms.of(room.policies.active(session).document)
        made = decide(session, case_id, who, ruling, terms, moment, call.key)
        case = get_case(session, case_id)
        return show_made(made) | {"case": {"id": case.id, "state": case.state, "queue": case.queue}}

    return await perform(request, call, act)


def show_made(decision: DecisionRow) -> dict[str, Any]:
    """A decision, as who made it sees it; whether it counts would tell a blind case."""
    shown = show_decision(decision)
    del shown["counts"]
    return shown | {
        "item_id": decision.item_id,
        "effective_at": written(decision.effective_at),
        "bulk_id": decision.bulk_id,
    }


def queue_of(request: Request) -> ReviewQueue:
    """The application's queue, made with the first request; called in its event loop."""
    shared = request.app.state
    if not hasattr(shared, "review_queue"):
        seconds = state_of(request).settings.review_lease_seconds
        shared.review_queue = ReviewQueue(room_of(request).database, now, seconds)
    queue: ReviewQueue = shared.review_queue
    return queue


def reviewer_of(request: Request) -> Reviewer:
    """Who acts, and whether they may decide what was escalated."""
    actor = actor_of(request)
    person, key = request.scope.get("ostraka.person"), request.scope.get("ostraka.key")
    if person is not None:
        lead = person.role in (Role.LEAD, Role.ADMIN)
    else:
        lead = key is None or key.allows(Scope.ADMIN)
    return Reviewer(actor.id, actor.kind, lead)


async def _claimed(
    request: Request, find: Callable[[ReviewQueue, Reviewer], ClaimedCase | None]
) -> Response:
    queue, who, database = queue_of(request), reviewer_of(request), room_of(request).database

    def run() -> Any:
        found = find(queue, who)
        if found is None:
            return {"case": None, "expires_at": None}
        with database.reading() as session:
            case = get_case(session, found.case_id)
            return {
                "case": show_whole_case(session, case, who, now()),
                "expires_at": written(found.expires_at),
            }

    return json_response(await asyncio.to_thread(run))
