"""`/api/reports`: what users report."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError
from ostraka.review.items import find_item
from ostraka.review.reports import report
from ostraka.review.shapes import show_report
from ostraka.server.review.bodies import REPORTABLE, NewReport
from ostraka.server.review.common import perform, read_call
from ostraka.server.review.room import room_of


async def create(request: Request) -> Response:
    """Take a report; the policy looks at the item again."""
    call = await read_call(request, NewReport)
    sent, room = call.body, room_of(request)
    name_one(sent.item_id, sent.external_id)
    if sent.violation not in REPORTABLE:
        raise InvalidInputError(
            f"'violation' cannot be '{sent.violation}'.", field="violation", valid=REPORTABLE
        )

    def act(session: Session, moment: datetime) -> Any:
        item = find_item(session, sent.item_id, sent.external_id, lock=True)
        found = report(
            session,
            item,
            sent.reporter,
            sent.violation,
            sent.note,
            call.actor.id,
            room.policies.active(session),
            moment,
        )
        return show_report(found.report) | {
            "duplicate": found.duplicate,
            "reports": item.reports,
            "action": item.action,
            "case_id": found.case_id,
        }

    return await perform(request, call, act)


def name_one(item_id: str | None, external_id: str | None) -> None:
    """An item is named in exactly one way.

    Raises:
        InvalidInputError: in none, or in two.
    """
    if (item_id is None) == (external_id is None):
        raise InvalidInputError(
            "Name the item by either 'item_id' or 'external_id'.",
            field="item_id",
            code="missing" if item_id is None else "invalid_value",
            valid="the id of an item, or its external_id instead",
        )
