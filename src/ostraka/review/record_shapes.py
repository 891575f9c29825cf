"""Webhooks, deliveries and entries of the audit log as the API and `--json` show them."""

from datetime import datetime
from typing import Any

from ostraka.review.tables import DeliveryRow, WebhookRow
from ostraka.storage.chain import Anchor, Entry, Verification


def show_webhook(row: WebhookRow) -> dict[str, Any]:
    """A webhook, without its secret."""
    return {
        "id": row.id,
        "created_at": row.created_at.isoformat(),
        "url": row.url,
        "description": row.description,
        "events": row.events,
        "enabled": row.disabled_at is None,
        "disabled_at": _moment(row.disabled_at),
        "disabled_why": row.disabled_why,
        "failing_since": _moment(row.failing_since),
        "failures": row.failures,
        "previous_secret_until": _moment(row.previous_secret_until),
    }


def show_delivery(row: DeliveryRow) -> dict[str, Any]:
    """A delivery, without what it sends."""
    return {
        "id": row.id,
        "created_at": row.created_at.isoformat(),
        "webhook_id": row.webhook_id,
        "event": row.event,
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status,
        "error": row.error,
        "delivered_at": _moment(row.delivered_at),
    }


def show_entry(entry: Entry) -> dict[str, Any]:
    """An entry with everything that its hash covers."""
    return {
        "sequence": entry.sequence,
        "created_at": entry.created_at.isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def read_entry(shown: dict[str, Any]) -> Entry:
    """An entry from an export.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    moment = datetime.fromisoformat(shown["created_at"])
    return Entry(**{name: shown[name] for name in Entry.__slots__} | {"created_at": moment})


def show_head(head: Anchor | None) -> dict[str, Any]:
    """The newest entry's place and hash; an empty log has the sequence 0."""
    if head is None:
        return {"sequence": 0, "hash": None, "head": None}
    return {"sequence": head.sequence, "hash": head.hash, "head": str(head)}


def show_verification(found: Verification) -> dict[str, Any]:
    """What a walk over the log has found."""
    broken = found.broken
    return {
        "whole": found.whole,
        "entries": found.entries,
        "head": str(found.head) if found.head else None,
        "broken": None
        if broken is None
        else {"sequence": broken.sequence, "damage": broken.damage, "message": broken.message},
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
