"""`/api/golden…`: items whose right decision is known, dealt to reviewers unseen."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.review.golden import add_golden, every_golden, retire_golden
from ostraka.review.shapes import moment
from ostraka.review.tables import GoldenRow
from ostraka.review.terms import Ruling
from ostraka.server.review.bodies import NewGolden
from ostraka.server.review.common import path_id, perform, read_call, shown
from ostraka.server.review.query import only
from ostraka.taxonomy import Action


async def name(request: Request) -> Response:
    """`POST /api/golden/{item_id}`."""
    call = await read_call(request, NewGolden)
    item_id, sent = path_id(request, "item_id"), call.body
    right = Ruling(Action(sent.action), sent.violation, sent.reasons)

    def act(session: Session, now: Any) -> Any:
        return _show(add_golden(session, item_id, right, call.actor.id, now))

    return await perform(request, call, act)


async def every(request: Request) -> Response:
    """`GET /api/golden`."""
    only(request)
    return await shown(
        request, lambda session: {"data": [_show(row) for row, _ in every_golden(session)]}
    )


async def retire(request: Request) -> Response:
    """`DELETE /api/golden/{item_id}`."""
    call = await read_call(request, type(None))
    item_id = path_id(request, "item_id")

    def act(session: Session, now: Any) -> Any:
        retire_golden(session, item_id, call.actor.id, now)
        return {"item_id": item_id, "retired": True}

    return await perform(request, call, act)


def _show(row: GoldenRow) -> dict[str, Any]:
    return {
        "item_id": row.item_id,
        "created_at": moment(row.created_at),
        "action": row.action,
        "violation": row.violation,
        "reasons": row.explanation,
    }
