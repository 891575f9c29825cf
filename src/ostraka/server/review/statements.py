"""Statements of reasons, and the transparency report."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import InvalidInputError
from ostraka.review import transparency as figures
from ostraka.review.measures import Measure, Period, measure_of_decision, measure_of_item
from ostraka.review.policies import PolicyStore
from ostraka.review.statements import Statements, terms_of
from ostraka.server.review.common import path_id, shown
from ostraka.server.review.query import moment, only
from ostraka.server.state import state_of

_MONTH: Final = timedelta(days=30)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


async def of_decision(request: Request) -> Response:
    """`GET /api/decisions/{decision_id}/statement`."""
    decision_id = path_id(request, "decision_id")
    return await _statement(request, lambda session: measure_of_decision(session, decision_id))


async def of_item(request: Request) -> Response:
    """`GET /api/items/{item_id}/statement`: of what was done to it last and stands."""
    item_id = path_id(request, "item_id")
    return await _statement(request, lambda session: measure_of_item(session, item_id))


async def transparency(request: Request) -> Response:
    """`GET /api/transparency`: the last thirty days, unless `since` and `until` say otherwise."""
    only(request, "since", "until")
    period = _period(moment(request, "since"), moment(request, "until"))

    def look(session: Session) -> Any:
        return {
            "since": period.since.isoformat(),
            "until": period.until.isoformat(),
            "figures": [each.as_dict() for each in figures.transparency(session, period)],
        }

    return await shown(request, look)


async def _statement(request: Request, find: Callable[[Session], Measure]) -> Response:
    only(request)
    terms = terms_of(state_of(request).settings)

    def look(session: Session) -> Any:
        measure = find(session)
        made = Statements(session, PolicyStore(), terms)
        return {
            "statement": made.fields(measure),
            "text": made.text(measure),
            "stands": measure.stands,
        }

    return await shown(request, look)


def _period(since: datetime | None, until: datetime | None) -> Period:
    end = until or now()
    start = since or (end - _MONTH if end - _FIRST > _MONTH else _FIRST)
    if start >= end:
        raise InvalidInputError("'since' is not before 'until'.", field="since")
    return Period(start, end)
