"""What webhooks can hear of, and what becomes of it. Imports nothing, for a server's start."""

from typing import Final

EVENTS: Final = (
    "item.verdict",
    "case.opened",
    "decision.made",
    "decision.undone",
    "appeal.decided",
)
TEST_EVENT: Final = "webhook.test"
"""Sent on request, whatever events are wanted."""

DELIVERY_STATES: Final = ("pending", "delivered", "dead", "cancelled")
