"""`/api/appeals`: what authors ask to be looked at again."""

from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.review.appeals import STATES, appeal, get_appeal, withdraw_appeal
from ostraka.review.items import find_item
from ostraka.review.shapes import show_appeal
from ostraka.review.tables import AppealRow, CaseRow
from ostraka.server.review import query
from ostraka.server.review.bodies import NewAppeal
from ostraka.server.review.common import path_id, perform, read_call, shown
from ostraka.server.review.reports import name_one
from ostraka.server.review.room import room_of


async def create(request: Request) -> Response:
    """Open an appeal, which becomes a case."""
    call = await read_call(request, NewAppeal)
    sent, room = call.body, room_of(request)
    name_one(sent.item_id, sent.external_id)

    def act(session: Session, moment: datetime) -> Any:
        item = find_item(session, sent.item_id, sent.external_id, lock=True)
        policy = room.policies.active(session)
        row, case = appeal(
            session,
            item,
            sent.author,
            sent.reason,
            call.actor.id,
            policy,
            moment,
            sent.plausible,
        )
        return show_appeal(row) | {"case_id": case.id}

    return await perform(request, call, act)


async def list_all(request: Request) -> Response:
    """Appeals, the newest first."""
    query.only(request, "state", "item_id", "limit", "cursor")
    page = query.page_of(request)
    state, item_id = query.choice(request, "state", STATES), query.text(request, "item_id")
    wanted = select(AppealRow).order_by(AppealRow.id.desc()).limit(page.limit + 1)
    if state is not None:
        wanted = wanted.where(AppealRow.state == state)
    if item_id is not None:
        wanted = wanted.where(AppealRow.item_id == item_id)
    if page.after is not None:
        wanted = wanted.where(AppealRow.id < page.after[0])

    def look(session: Session) -> Any:
        found = session.scalars(wanted).all()
        return query.page_answer(found, page, lambda each: (each.id,), _show)

    return await shown(request, look)


async def retrieve(request: Request) -> Response:
    """One appeal with its case."""
    appeal_id = path_id(request, "appeal_id")

    def look(session: Session) -> Any:
        row = get_appeal(session, appeal_id)
        case = select(CaseRow.id).where(CaseRow.item_id == row.item_id)
        case_id = session.scalar(case.where(CaseRow.appeal_id == row.id).order_by(CaseRow.id))
        return _show(row) | {"case_id": case_id}

    return await shown(request, look)


async def delete(request: Request) -> Response:
    """Withdraw an open appeal."""
    call = await read_call(request, NoneType)
    appeal_id = path_id(request, "appeal_id")

    def act(session: Session, moment: datetime) -> Any:
        return show_appeal(withdraw_appeal(session, appeal_id, call.actor.id, moment))

    return await perform(request, call, act)


def _show(row: AppealRow) -> dict[str, Any]:
    return show_appeal(row) | {"reason": row.reason}
