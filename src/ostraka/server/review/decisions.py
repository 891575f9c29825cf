"""`/api/decisions`: undo one, decide on many items at once and undo all of that."""

from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.review.bulk_decisions import (
    Preview,
    Selection,
    decide_in_bulk,
    preview,
    undo_bulk,
)
from ostraka.review.shapes import moment as written
from ostraka.review.terms import Ruling, Terms
from ostraka.review.undoing import undo
from ostraka.server.review.case_bodies import BulkDecision, BulkPreview, NewUndo
from ostraka.server.review.cases import queue_of, reviewer_of, show_made
from ostraka.server.review.common import path_id, perform, read_call
from ostraka.server.review.room import room_of


async def undo_one(request: Request) -> Response:
    """Take a decision back by its inverse."""
    call = await read_call(request, NewUndo)
    who, decision_id = reviewer_of(request), path_id(request, "decision_id")
    seconds = queue_of(request).seconds

    def act(session: Session, moment: datetime) -> Any:
        undone = undo(session, decision_id, who, moment, seconds=seconds, reasons=call.body.reasons)
        return show_made(undone.inverse) | {
            "told": undone.told,
            "claimed": undone.lease is not None,
        }

    return await perform(request, call, act)


async def preview_bulk(request: Request) -> Response:
    """What a bulk decision would do."""
    call = await read_call(request, BulkPreview)
    who, room, sent = reviewer_of(request), room_of(request), call.body

    def act(session: Session, moment: datetime) -> Any:
        terms = Terms.of(room.policies.active(session).document)
        found = preview(session, _selection(sent), _ruling(sent), who, terms)
        return _show(found) | {"token": found.token, "looked_at": written(moment)}

    return await perform(request, call, act)


async def bulk(request: Request) -> Response:
    """Do what a preview showed."""
    call = await read_call(request, BulkDecision)
    who, room, sent = reviewer_of(request), room_of(request), call.body

    def act(session: Session, moment: datetime) -> Any:
        terms = Terms.of(room.policies.active(session).document)
        selection, ruling = _selection(sent), _ruling(sent)
        bulk_id, done = decide_in_bulk(session, selection, ruling, sent.token, who, terms, moment)
        return {"bulk_id": bulk_id, "effective_at": written(moment + terms.grace)} | _show(done)

    return await perform(request, call, act)


async def bulk_undo(request: Request) -> Response:
    """Take back all that a bulk decision did."""
    call = await read_call(request, NoneType)
    who, bulk_id = reviewer_of(request), path_id(request, "bulk_id")
    seconds = queue_of(request).seconds

    def act(session: Session, moment: datetime) -> Any:
        undone = undo_bulk(session, bulk_id, who, moment, seconds=seconds)
        return {"bulk_id": bulk_id, "undone": undone.undone, "kept": undone.kept}

    return await perform(request, call, act)


def _show(found: Preview) -> dict[str, Any]:
    return {
        "changes": [
            {
                "item_id": each.item_id,
                "action": each.action,
                "violation": each.violation,
                "cases": each.cases,
            }
            for each in found.changes
        ],
        "left_out": found.left_out,
    }


def _selection(sent: BulkPreview) -> Selection:
    which = sent.items
    ids = tuple(dict.fromkeys(which.item_ids))
    return Selection(ids, which.author, which.thread_id, which.action, which.violation)


def _ruling(sent: BulkPreview) -> Ruling:
    return Ruling(sent.action, sent.violation, sent.reasons)
