"""Events for webhooks, put into the outbox in the transaction of what they tell of.

Each event becomes one delivery, a row of its own, for each webhook that wants it, and one piece of
work that sends it. An event may be due later, at the end of a grace period, and be cancelled until
then.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, String, insert, text
from sqlalchemy.orm import Session

from ostraka.review.events import EVENTS
from ostraka.review.tables import DeliveryRow
from ostraka.storage.ids import new_id
from ostraka.work.queue import enqueue, withdraw

QUEUE: Final = "webhooks"
SEND: Final = "webhook"
MAX_PAYLOAD_BYTES: Final = 64 * 2**10
_KEPT_BYTES: Final = 1000
"""Of a payload that is too large, what a single value may have to stay."""

_MOST_ATTEMPTS: Final = 100
"""A bound for work that never ends; the handler gives up far earlier."""

_ALIVE: Final = text(
    "SELECT id, events FROM webhooks WHERE disabled_at IS NULL AND removed_at IS NULL"
).columns(id=String, events=JSON)
_WANTED: Final = "ostraka.webhooks"


def emit(
    session: Session, event: str, payload: dict[str, Any], at: datetime, now: datetime
) -> list[str]:
    """Put an event into the outbox, to leave at `at`; returns the ids of its deliveries.

    `payload` must not hold the text of an item, which may have to be erased: receivers get its id.
    Above 64 KiB its larger values are left out, and the message says `"shortened": true`.
    """
    if event not in EVENTS:
        raise ValueError(f"'{event}' is no event; one of {', '.join(EVENTS)}")
    wanting = [webhook_id for webhook_id, events in _active(session) if event in events]
    if not wanting:
        return []
    body = _body(event, payload, now)
    return [deliver(session, webhook_id, body, at, now) for webhook_id in wanting]


def cancel(session: Session, delivery_ids: Iterable[str]) -> list[str]:
    """Stop deliveries that were never tried; returns which.

    Of the others the receiver may know, so that it has to be told of what happened since.
    """
    cancelled = []
    for delivery_id in delivery_ids:
        delivery = session.get(DeliveryRow, delivery_id)
        if delivery is None or delivery.state != "pending":
            continue
        if withdraw(session, delivery.work_id):
            delivery.state = "cancelled"
            cancelled.append(delivery_id)
    return cancelled


def deliver(
    session: Session, webhook_id: str, body: dict[str, Any], at: datetime, now: datetime
) -> str:
    """Put one message for one webhook into the outbox; returns the delivery's id."""
    delivery_id = new_id("delivery")
    delivery = {
        "id": delivery_id,
        "created_at": now,
        "webhook_id": webhook_id,
        "event": body["type"],
        "payload": body,
        "work_id": queue_delivery(session, delivery_id, at if at > now else None),
        "state": "pending",
        "attempts": 0,
    }
    session.execute(insert(DeliveryRow), [delivery])
    return delivery_id


def queue_delivery(session: Session, delivery_id: str, at: datetime | None) -> str:
    """Queue the sending of a delivery; returns the work's id."""
    return enqueue(
        session,
        queue=QUEUE,
        kind=SEND,
        payload={"delivery_id": delivery_id},
        run_at=at,
        max_attempts=_MOST_ATTEMPTS,
    )


def message(event: str, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The body of a message, as the Standard Webhooks specification recommends it."""
    return {"type": event, "timestamp": now.isoformat(), "data": data}


def _body(event: str, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    body = message(event, payload, now)
    if _bytes_in(body) <= MAX_PAYLOAD_BYTES:
        return body
    short = {name: each for name, each in payload.items() if _bytes_in(each) <= _KEPT_BYTES}
    return message(event, short, now) | {"shortened": True}


def _bytes_in(value: Any) -> int:
    return len(json.dumps(value))


def _active(session: Session) -> list[tuple[str, list[str]]]:
    """The webhooks that are to hear of events; asked once in a transaction."""
    known = session.info.get(_WANTED)
    if known is None or known[0] is not session.get_transaction():
        rows = session.connection().execute(_ALIVE).all()
        know(session, [(row.id, row.events) for row in rows])
    found: list[tuple[str, list[str]]] = session.info[_WANTED][1]
    return found


def know(session: Session, alive: list[tuple[str, list[str]]]) -> None:
    """Note the webhooks that are to hear of events, as this transaction has just read them."""
    session.info[_WANTED] = session.get_transaction() or session.begin(), alive
