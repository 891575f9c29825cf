"""A webhook, a delivery and two measures with the ids that the API's description has."""

from datetime import UTC, datetime
from pathlib import Path

from ostraka.policy.presets import default_policy
from ostraka.review.events import EVENTS
from ostraka.review.tables import DecisionRow, DeliveryRow, ItemRow, VerdictRow, WebhookRow
from ostraka.review.webhook_sending import new_secret
from ostraka.review.webhooks import message
from ostraka.server.description.record import (
    DELIVERY_ID,
    STATED_DECISION_ID,
    STATED_ITEM_ID,
    WEBHOOK_ID,
)
from ostraka.storage.database import Database

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def seed(data: Path) -> None:
    """Make them, or put them back as they were."""
    database = Database.at(f"sqlite:///{data / 'ostraka.db'}")
    with database.writing() as session:
        for row in _rows():
            session.merge(row)
            session.flush()
    database.close()


def _rows() -> list[object]:
    policy = default_policy().digest
    return [
        WebhookRow(
            id=WEBHOOK_ID,
            created_at=NOW,
            url="https://example.org/hook",
            description="",
            secret=new_secret(),
            events=list(EVENTS),
            failing_since=None,
            failures=0,
            paused_until=None,
            disabled_at=None,
            disabled_why=None,
            removed_at=None,
        ),
        DeliveryRow(
            id=DELIVERY_ID,
            created_at=NOW,
            webhook_id=WEBHOOK_ID,
            event="decision.made",
            payload=message("decision.made", {"decision_id": STATED_DECISION_ID}, NOW),
            work_id="work_none",
            state="dead",
            attempts=10,
            status=500,
            error="answered 500",
            delivered_at=None,
        ),
        ItemRow(
            id=STATED_ITEM_ID,
            created_at=NOW,
            fingerprint="0" * 64,
            text="Your garden gnome looks silly.",
            reach=1,
            details={},
            action="remove",
            violation="harassment",
            verdict_id=STATED_ITEM_ID.replace("item", "verdict"),
            reports=0,
        ),
        VerdictRow(
            id=STATED_ITEM_ID.replace("item", "verdict"),
            created_at=NOW,
            item_id=STATED_ITEM_ID,
            policy_digest=policy,
            action="escalate",
            violation="harassment",
            severity="medium",
            rule="ambiguous",
            why="It is not clear.",
            path=[],
            facts={},
            scores={},
            stage="lexical",
            sure=False,
            model="ostraka-lexical",
            versions={},
            reason="",
            shadow=False,
        ),
        DecisionRow(
            id=STATED_DECISION_ID,
            created_at=NOW,
            item_id=STATED_ITEM_ID,
            reviewer_id="person_1",
            reviewer_kind="person",
            action="remove",
            violation="harassment",
            reasons="It insults the owner.",
            policy_digest=policy,
            counts=True,
            effective_at=NOW,
            before={"action": "escalate", "violation": "harassment"},
        ),
    ]
