"""A webhook that answers, one that is disabled, and deliveries in every state."""

from datetime import UTC, datetime, timedelta

from ostraka.review.events import EVENTS
from ostraka.review.tables import DeliveryRow, WebhookRow
from ostraka.review.webhook_store import WebhookChange, add_webhook, change_webhook
from ostraka.review.webhooks import emit
from ostraka.storage.database import Database

LONG = "https://moderation-events.forum-with-a-long-name.example.org/hooks/" + "a" * 60


def add_deliveries(database: Database) -> str:
    """Returns the id of the webhook that has them all."""
    now = datetime.now(UTC)
    with database.writing() as session:
        row, _ = add_webhook(
            session, LONG, EVENTS, "The forum's own queue", private=False, actor="x", now=now
        )
        off, _ = add_webhook(
            session, "https://example.org/old", EVENTS[:1], "", private=False, actor="x", now=now
        )
        payload = {"decision_id": "decision_1", "item_id": "item_1", "action": "remove"}
        for _ in range(4):
            emit(session, "decision.made", payload, now + timedelta(days=1), now)
        change_webhook(
            session, off.id, WebhookChange(enabled=False), private=False, actor="x", now=now
        )
        deliveries = session.query(DeliveryRow).filter_by(webhook_id=row.id).all()
        for delivery, state, status, error in zip(
            deliveries,
            ("delivered", "dead", "cancelled"),
            (204, 500, None),
            (None, "the database of the receiver is <full>", None),
            strict=False,
        ):
            delivery.state, delivery.status, delivery.error = state, status, error
            delivery.attempts = 9 if state == "dead" else 1
        failing = session.get_one(WebhookRow, row.id)
        failing.failing_since, failing.failures = now - timedelta(hours=3), 4
        return row.id
