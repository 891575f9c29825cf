"""`/api/webhooks…` and `/api/webhook-deliveries…`."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.review import webhook_store as store
from ostraka.review.events import DELIVERY_STATES, EVENTS, TEST_EVENT
from ostraka.review.record_shapes import show_delivery, show_webhook
from ostraka.server.review.common import path_id, perform, read_call, shown
from ostraka.server.review.query import choice, only, page_answer, page_of, text
from ostraka.server.state import state_of


class NewWebhook(Struct, forbid_unknown_fields=True):
    """A webhook to be: where it goes, and what it wants to hear of."""

    url: str
    events: list[str]
    description: str = ""


class Change(Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out or null stays."""

    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    enabled: bool | None = None


class Rotation(Struct, forbid_unknown_fields=True):
    """For how long messages are signed with the old secret too."""

    overlap_seconds: float = store.OVERLAP.total_seconds()


async def add(request: Request) -> Response:
    """`POST /api/webhooks`: the only answer that shows the secret, but for a rotation's."""
    call = await read_call(request, NewWebhook)
    private = _private(request)

    def act(session: Session, now: datetime) -> Any:
        row, secret = store.add_webhook(
            session,
            call.body.url,
            call.body.events,
            call.body.description,
            private=private,
            actor=call.actor.id,
            now=now,
        )
        return show_webhook(row) | {"secret": secret}

    return await perform(request, call, act)


async def every(request: Request) -> Response:
    """`GET /api/webhooks`."""
    only(request)

    def look(session: Session) -> Any:
        return {"data": [show_webhook(row) for row in store.list_webhooks(session)]}

    return await shown(request, look)


async def one(request: Request) -> Response:
    """`GET /api/webhooks/{webhook_id}`."""
    only(request)
    webhook_id = path_id(request, "webhook_id")
    return await shown(request, lambda s: show_webhook(store.get_webhook(s, webhook_id)))


async def change(request: Request) -> Response:
    """`PATCH /api/webhooks/{webhook_id}`."""
    call = await read_call(request, Change)
    body = call.body
    wanted = store.WebhookChange(
        body.url,
        None if body.events is None else tuple(body.events),
        body.description,
        body.enabled,
    )
    webhook_id, private = path_id(request, "webhook_id"), _private(request)

    def act(session: Session, now: datetime) -> Any:
        actor = call.actor.id
        row = store.change_webhook(
            session, webhook_id, wanted, private=private, actor=actor, now=now
        )
        return show_webhook(row)

    return await perform(request, call, act)


async def remove(request: Request) -> Response:
    """`DELETE /api/webhooks/{webhook_id}`."""
    call = await read_call(request, type(None))
    webhook_id = path_id(request, "webhook_id")

    def act(session: Session, now: datetime) -> Any:
        store.remove_webhook(session, webhook_id, actor=call.actor.id, now=now)
        return {"id": webhook_id, "removed": True}

    return await perform(request, call, act)


async def rotate(request: Request) -> Response:
    """`POST /api/webhooks/{webhook_id}/rotate`."""
    call = await read_call(request, Rotation)
    webhook_id = path_id(request, "webhook_id")
    seconds = call.body.overlap_seconds
    # A length that no timedelta can have is too long as well.
    longest = store.LONGEST_OVERLAP.total_seconds() + 1
    overlap = timedelta(seconds=max(-1.0, min(seconds, longest)))

    def act(session: Session, now: datetime) -> Any:
        actor = call.actor.id
        row, secret = store.rotate_secret(session, webhook_id, overlap, actor=actor, now=now)
        return show_webhook(row) | {"secret": secret}

    return await perform(request, call, act)


async def test(request: Request) -> Response:
    """`POST /api/webhooks/{webhook_id}/test`."""
    call = await read_call(request, type(None))
    webhook_id = path_id(request, "webhook_id")

    def act(session: Session, now: datetime) -> Any:
        delivery_id = store.send_test(session, webhook_id, actor=call.actor.id, now=now)
        return show_delivery(store.get_delivery(session, delivery_id))

    return await perform(request, call, act)


async def replay_dead(request: Request) -> Response:
    """`POST /api/webhooks/{webhook_id}/replay`: a share of the dead; ask until none is left."""
    call = await read_call(request, type(None))
    webhook_id = path_id(request, "webhook_id")

    def act(session: Session, now: datetime) -> Any:
        count = store.replay_dead(session, webhook_id, actor=call.actor.id, now=now)
        return {"replayed": count, "more": count == store.REPLAYED_AT_A_TIME}

    return await perform(request, call, act)


async def deliveries(request: Request) -> Response:
    """`GET /api/webhook-deliveries`: with `state=dead`, the dead letters."""
    only(request, "webhook_id", "state", "event", "limit", "cursor")
    page = page_of(request)
    wanted = store.DeliveryFilter(
        webhook_id=text(request, "webhook_id"),
        state=choice(request, "state", DELIVERY_STATES),
        event=choice(request, "event", (*EVENTS, TEST_EVENT)),
        before=page.after[0] if page.after else None,
    )

    def look(session: Session) -> Any:
        found = store.list_deliveries(session, wanted, page.limit + 1)
        return page_answer(found, page, lambda row: (row.id,), show_delivery)

    return await shown(request, look)


async def delivery(request: Request) -> Response:
    """`GET /api/webhook-deliveries/{delivery_id}`: with what it sends."""
    only(request)
    delivery_id = path_id(request, "delivery_id")

    def look(session: Session) -> Any:
        row = store.get_delivery(session, delivery_id)
        return show_delivery(row) | {"payload": row.payload}

    return await shown(request, look)


async def replay(request: Request) -> Response:
    """`POST /api/webhook-deliveries/{delivery_id}/replay`."""
    call = await read_call(request, type(None))
    delivery_id = path_id(request, "delivery_id")

    def act(session: Session, now: datetime) -> Any:
        return show_delivery(store.replay(session, delivery_id, actor=call.actor.id, now=now))

    return await perform(request, call, act)


def _private(request: Request) -> bool:
    return state_of(request).settings.webhook_private_addresses
