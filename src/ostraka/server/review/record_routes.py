"""Routes of webhooks, the audit log, statements of reasons and reports."""

from typing import Final

RECORD_ROUTES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("POST", "/api/webhooks", "webhooks", "add"),
    ("GET", "/api/webhooks", "webhooks", "every"),
    ("GET", "/api/webhooks/{webhook_id}", "webhooks", "one"),
    ("PATCH", "/api/webhooks/{webhook_id}", "webhooks", "change"),
    ("DELETE", "/api/webhooks/{webhook_id}", "webhooks", "remove"),
    ("POST", "/api/webhooks/{webhook_id}/rotate", "webhooks", "rotate"),
    ("POST", "/api/webhooks/{webhook_id}/test", "webhooks", "test"),
    ("POST", "/api/webhooks/{webhook_id}/replay", "webhooks", "replay_dead"),
    ("GET", "/api/webhook-deliveries", "webhooks", "deliveries"),
    ("GET", "/api/webhook-deliveries/{delivery_id}", "webhooks", "delivery"),
    ("POST", "/api/webhook-deliveries/{delivery_id}/replay", "webhooks", "replay"),
    ("GET", "/api/decisions/{decision_id}/statement", "statements", "of_decision"),
    ("GET", "/api/items/{item_id}/statement", "statements", "of_item"),
    ("GET", "/api/transparency", "statements", "transparency"),
    ("GET", "/api/audit", "audit", "entries"),
    ("GET", "/api/audit/head", "audit", "head"),
    ("GET", "/api/audit/verification", "audit", "verification"),
)
