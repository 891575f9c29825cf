"""Quality of decisions, and what happened per day and queue."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import InvalidInputError
from ostraka.review.agreement import quality_report
from ostraka.review.insights import insights as insights_of
from ostraka.review.measures import Period
from ostraka.server.review.common import shown
from ostraka.server.review.query import moment, only

_LONGEST: Final = timedelta(days=370)


async def quality(request: Request) -> Response:
    """`GET /api/quality`: the last ninety days, unless `since` and `until` say otherwise."""
    return await _of_period(
        request, timedelta(days=90), lambda session, period: quality_report(session, period)
    )


async def insights(request: Request) -> Response:
    """`GET /api/insights`: the last thirty days, unless `since` and `until` say otherwise."""
    return await _of_period(
        request, timedelta(days=30), lambda session, period: insights_of(session, period)
    )


async def _of_period(
    request: Request, length: timedelta, look: Callable[[Session, Period], Any]
) -> Response:
    only(request, "since", "until")
    until = moment(request, "until") or now()
    since = moment(request, "since") or until - length
    if since >= until:
        raise InvalidInputError("'since' is not before 'until'.", field="since")
    if until - since > _LONGEST:
        raise InvalidInputError(
            "The period is too long.", field="since", valid=f"at most {_LONGEST.days} days"
        )
    return await shown(request, lambda session: look(session, Period(since, until)).as_dict())
