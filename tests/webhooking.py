"""What the tests of webhooks share: a webhook, an event, a worker that sends."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from ostraka.review.events import EVENTS
from ostraka.review.tables import DeliveryRow, WebhookRow
from ostraka.review.webhook_sending import Sender
from ostraka.review.webhook_store import add_webhook
from ostraka.review.webhook_work import Deliveries, Plan
from ostraka.review.webhooks import QUEUE, SEND, emit
from ostraka.storage.database import Database
from ostraka.work.worker import Worker

QUICK = (0.2, 0.2, 0.2)


def now() -> datetime:
    return datetime.now(UTC)


def add(database: Database, url: str, events: Sequence[str] = EVENTS) -> tuple[str, str]:
    """Id and secret of a new webhook."""
    with database.writing() as session:
        row, secret = add_webhook(session, url, events, "", private=True, actor="key_1", now=now())
        return row.id, secret


def tell(
    database: Database, event: str = "decision.made", count: int = 1, after: float = 0.0
) -> list[str]:
    """Emit an event so many times; returns the ids of its deliveries."""
    ids: list[str] = []
    with database.writing() as session:
        for number in range(count):
            at = now() + timedelta(seconds=after)
            ids += emit(session, event, {"decision_id": f"decision_{number}"}, at, now())
    return ids


@contextmanager
def sending(
    database: Database,
    *,
    pauses: Sequence[float] = QUICK,
    seconds: float = 2.0,
    private: bool = True,
    disable_after: timedelta = timedelta(days=5),
    slots: int = 4,
) -> Iterator[None]:
    """A worker that sends webhooks, for as long as the block runs."""
    plan = Plan(pauses, disable_after)
    deliveries = Deliveries(database, Sender(seconds, private=private), plan, now)
    worker = Worker(
        database,
        {SEND: deliveries.handle},
        queues=[QUEUE],
        slots=slots,
        poll_seconds=0.05,
        lease_seconds=5.0,
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def delivery(database: Database, delivery_id: str) -> DeliveryRow:
    with database.reading() as session:
        return session.get_one(DeliveryRow, delivery_id)


def webhook(database: Database, webhook_id: str) -> WebhookRow:
    with database.reading() as session:
        return session.get_one(WebhookRow, webhook_id)


def states(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(DeliveryRow.state).order_by(DeliveryRow.id)))


def settled(database: Database, *expected: str) -> bool:
    return states(database) == list(expected)
