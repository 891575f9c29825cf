"""Backtests and shadow runs: what a draft would have done, and what it would do."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.review.backtest import keep, last_backtest, replay
from ostraka.review.comparison import BacktestReport, ShadowReport
from ostraka.review.comparison_texts import with_texts
from ostraka.review.policies import shadows
from ostraka.review.replaying import Window
from ostraka.review.shadow_report import model_reports, policy_report
from ostraka.review.shapes import moment
from ostraka.review.tables import BacktestRow
from ostraka.server.review import query
from ostraka.server.review.bodies import BacktestOrder
from ostraka.server.review.common import path_id, perform, read_call, shown
from ostraka.server.review.room import room_of
from ostraka.server.state import state_of


async def make_backtest(request: Request) -> Response:
    """Replay a policy on stored items and keep what comes of it."""
    call = await read_call(request, BacktestOrder)
    room, digest = room_of(request), path_id(request, "digest")
    window = _window(call.body)
    report = await asyncio.to_thread(replay, room.database, room.policies, digest, window)

    def act(session: Session, moment: datetime) -> Any:
        room.policies.kept(session, report.policy, moment)
        return _show_kept(keep(session, report, call.actor.id, moment), report)

    return await perform(request, call, act)


async def show_backtest(request: Request) -> Response:
    """The newest backtest of a policy, with the texts of its examples."""
    query.only(request)
    room, digest = room_of(request), path_id(request, "digest")

    def look(session: Session) -> Any:
        row = last_backtest(session, room.policies.digest(session, digest))
        if row is None:
            raise NotFoundError(f"The policy '{digest}' was never replayed on stored items.")
        report = BacktestReport.from_dict(row.report)
        told = replace(report, compared=with_texts(session, report.compared))
        return _show_kept(row, told)

    return await shown(request, look)


async def show_shadow(request: Request) -> Response:
    """What a policy said of live traffic in its last shadow run."""
    query.only(request)
    room, digest = room_of(request), path_id(request, "digest")
    minimum = state_of(request).settings.shadow_minimum

    def look(session: Session) -> Any:
        return _show(
            session, policy_report(session, room.policies.digest(session, digest), minimum)
        )

    return await shown(request, look)


async def show_shadows(request: Request) -> Response:
    """Every policy in shadow, and the candidate models."""
    query.only(request, "model")
    minimum = state_of(request).settings.shadow_minimum
    model = query.text(request, "model")

    def look(session: Session) -> Any:
        running = (
            [] if model else [policy_report(session, each, minimum) for each in shadows(session)]
        )
        reports = [*running, *model_reports(session, minimum, model)]
        return {"minimum": minimum, "data": [_show(session, each) for each in reports]}

    return await shown(request, look)


def _window(order: BacktestOrder) -> Window:
    since = query.parse_moment(order.since, "since") if order.since else None
    until = query.parse_moment(order.until, "until") if order.until else None
    if since and until and since >= until:
        raise InvalidInputError("'since' is not before 'until'.", field="since")
    return Window(since, until, order.items)


def _show_kept(row: BacktestRow, report: BacktestReport) -> dict[str, Any]:
    return {"id": row.id, "created_at": moment(row.created_at), "report": report.as_dict()}


def _show(session: Session, report: ShadowReport) -> dict[str, Any]:
    return replace(report, compared=with_texts(session, report.compared)).as_dict()
