"""`/api/policies`: added, shown, activated, rolled back, tried in shadow."""

import asyncio
from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import NotFoundError
from ostraka.policy.presets import default_text
from ostraka.policy.testing import Score, scorer_of, texts_of
from ostraka.review.policies import (
    get_policy,
    history,
    last_activation,
    shadows,
)
from ostraka.review.promoting import Promotion, promote
from ostraka.review.shapes import show_activation, show_policy
from ostraka.review.tables import PolicyRow
from ostraka.server.review import query
from ostraka.server.review.bodies import Activation, Change, NewPolicy
from ostraka.server.review.common import path_id, perform, read_call, shown
from ostraka.server.review.room import room_of
from ostraka.server.state import state_of


async def create(request: Request) -> Response:
    """Add a policy; it does not act before it is activated."""
    call = await read_call(request, NewPolicy)
    room = room_of(request)

    def act(session: Session, moment: datetime) -> Any:
        row = room.policies.add(session, call.body.document, call.actor.id, call.body.note, moment)
        return show_policy(row)

    return await perform(request, call, act)


async def list_all(request: Request) -> Response:
    """Policies, the newest first."""
    query.only(request, "limit", "cursor")
    page = query.page_of(request, keys=2)
    newest = (PolicyRow.created_at.desc(), PolicyRow.digest.desc())
    wanted = select(PolicyRow).order_by(*newest).limit(page.limit + 1)
    if page.after is not None:
        before, digest = query.parse_moment(page.after[0], "cursor"), page.after[1]
        same_moment = (PolicyRow.created_at == before) & (PolicyRow.digest < digest)
        wanted = wanted.where((PolicyRow.created_at < before) | same_moment)

    def look(session: Session) -> Any:
        return query.page_answer(
            session.scalars(wanted).all(),
            page,
            lambda each: (each.created_at.isoformat(), each.digest),
            show_policy,
        )

    return await shown(request, look)


async def retrieve(request: Request) -> Response:
    """One policy with its document."""
    digest, room = path_id(request, "digest"), room_of(request)

    def look(session: Session) -> Any:
        try:
            row = get_policy(session, digest)
        except NotFoundError:
            if digest != room.policies.default().digest:
                raise
            return _show_default(digest)
        return show_policy(row) | {"document": row.document}

    return await shown(request, look)


async def active(request: Request) -> Response:
    """The policy that acts, since when, and the drafts in shadow."""
    room = room_of(request)

    def look(session: Session) -> Any:
        policy = room.policies.active(session)
        newest = last_activation(session, "active")
        return {
            "digest": policy.digest,
            "name": policy.name,
            "activation": show_activation(newest) if newest else None,
            "shadows": shadows(session),
        }

    return await shown(request, look)


async def activations(request: Request) -> Response:
    """What acted and what was in shadow, the newest first."""
    query.only(request, "limit", "cursor")
    page = query.page_of(request)

    def look(session: Session) -> Any:
        found = history(session, page.limit + 1, page.after[0] if page.after else None)
        return query.page_answer(found, page, lambda each: (each.id,), show_activation)

    return await shown(request, look)


async def activate(request: Request) -> Response:
    """Let a policy act."""
    call = await read_call(request, Activation)
    digest, room = path_id(request, "digest"), room_of(request)
    minimum = state_of(request).settings.shadow_minimum
    score = await _scorer(request, digest)

    def act(session: Session, moment: datetime) -> Any:
        wanted = Promotion(
            digest,
            call.actor.id,
            call.body.note,
            minimum,
            score=score,
            without_backtest=call.body.without_backtest,
            without_shadow=call.body.without_shadow,
        )
        return show_activation(promote(session, room.policies, wanted, moment))

    return await perform(request, call, act)


async def rollback(request: Request) -> Response:
    """Let the policy act that acted before."""
    call = await read_call(request, Change)
    room = room_of(request)

    def act(session: Session, moment: datetime) -> Any:
        return show_activation(
            room.policies.rollback(session, call.actor.id, call.body.note, moment)
        )

    return await perform(request, call, act)


async def start_shadow(request: Request) -> Response:
    """Let a draft see live traffic without acting."""
    call = await read_call(request, Change)
    digest, room = path_id(request, "digest"), room_of(request)

    def act(session: Session, moment: datetime) -> Any:
        digest_kept = room.policies.kept(session, digest, moment).digest
        return show_activation(
            room.policies.start_shadow(session, digest_kept, call.actor.id, call.body.note, moment)
        )

    return await perform(request, call, act)


async def stop_shadow(request: Request) -> Response:
    """End a draft's shadow run; its verdicts stay."""
    call = await read_call(request, NoneType)
    digest, room = path_id(request, "digest"), room_of(request)

    def act(session: Session, moment: datetime) -> Any:
        row = room.policies.stop_shadow(session, digest, call.actor.id, "", moment)
        return show_activation(row)

    return await perform(request, call, act)


async def _scorer(request: Request, digest: str) -> Score | None:
    """What the classifier says of the texts among a policy's examples, asked before the writer."""
    room = room_of(request)

    def look() -> list[str]:
        with room.database.reading() as session:
            return texts_of(room.policies.get(session, room.policies.digest(session, digest)))

    texts = await asyncio.to_thread(look)
    verdicts = await state_of(request).scoring.verdicts(texts) if texts else []
    return scorer_of(dict(zip(texts, verdicts, strict=True)))


def _show_default(digest: str) -> dict[str, Any]:
    """The policy that ships with the package, where nothing was kept under it yet."""
    return {
        "digest": digest,
        "created_at": None,
        "name": "",
        "author": "system",
        "note": "Ships with Ostraka.",
        "document": default_text(),
    }
