"""Webhooks themselves: added, changed, tested, removed; and their deliveries, looked at and
replayed. Every change has its entry in the audit log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.review.events import DELIVERY_STATES, EVENTS, TEST_EVENT
from ostraka.review.tables import DeliveryRow, WebhookRow
from ostraka.review.webhook_addresses import parse_target
from ostraka.review.webhook_sending import new_secret
from ostraka.review.webhooks import deliver, message, queue_delivery
from ostraka.storage import audit
from ostraka.storage.ids import new_id

DESCRIPTION_CHARACTERS: Final = 200
OVERLAP: Final = timedelta(days=1)
LONGEST_OVERLAP: Final = timedelta(days=30)
REPLAYED_AT_A_TIME: Final = 500
SWITCHED_OFF_BY: Final = "switched off by "
"""Before the id of whoever disabled a webhook."""


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be different; None leaves it as it is."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list, newest first; None leaves everything in."""

    webhook_id: str | None = None
    state: str | None = None
    event: str | None = None
    before: str | None = None
    """Only deliveries with a smaller id: the cursor of a page."""


def add_webhook(
    session: Session,
    url: str,
    events: Iterable[str],
    description: str,
    *,
    private: bool,
    actor: str,
    now: datetime,
) -> tuple[WebhookRow, str]:
    """Make a webhook. Returns it with its secret, which is not shown again.

    Raises:
        InvalidInputError: a URL or an event that cannot be.
    """
    parse_target(url, private=private)
    secret = new_secret()
    row = WebhookRow(
        id=new_id("webhook"),
        created_at=now,
        url=url,
        description=_description(description),
        secret=secret,
        events=_events(events),
        failures=0,
    )
    session.add(row)
    session.flush()
    detail = {"url": url, "events": row.events}
    audit.append(session, actor, "webhook.added", row.id, detail, now)
    return row, secret


def get_webhook(session: Session, webhook_id: str, *, lock: bool = False) -> WebhookRow:
    """The webhook; locked until the transaction ends, if wanted.

    Raises:
        NotFoundError: there is none, or it was removed.
    """
    row = session.get(WebhookRow, webhook_id, with_for_update=lock, populate_existing=lock)
    if row is None or row.removed_at is not None:
        raise NotFoundError(f"No webhook has the id '{webhook_id}'.")
    return row


def list_webhooks(session: Session) -> list[WebhookRow]:
    """All webhooks that were not removed, oldest first."""
    alive = select(WebhookRow).where(WebhookRow.removed_at.is_(None)).order_by(WebhookRow.id)
    return list(session.scalars(alive))


def change_webhook(
    session: Session,
    webhook_id: str,
    change: WebhookChange,
    *,
    private: bool,
    actor: str,
    now: datetime,
) -> WebhookRow:
    """Change a webhook. To enable one forgets its failures.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: a URL or an event that cannot be.
    """
    row = get_webhook(session, webhook_id, lock=True)
    detail: dict[str, object] = {}
    if change.url is not None:
        parse_target(change.url, private=private)
        row.url = detail["url"] = change.url
    if change.events is not None:
        row.events = detail["events"] = _events(change.events)
    if change.description is not None:
        row.description = detail["description"] = _description(change.description)
    if change.enabled is not None:
        detail["enabled"] = change.enabled
        _forgive(row)
        row.disabled_at = None if change.enabled else now
        row.disabled_why = None if change.enabled else f"{SWITCHED_OFF_BY}{actor}"
    audit.append(session, actor, "webhook.changed", row.id, detail, now)
    return row


def rotate_secret(
    session: Session, webhook_id: str, overlap: timedelta, *, actor: str, now: datetime
) -> tuple[WebhookRow, str]:
    """Give a webhook a new secret; until the overlap ends, messages are signed with both.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: an overlap that is negative or too long.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidInputError(
            f"an overlap lasts 0 seconds to {LONGEST_OVERLAP.days} days", field="overlap_seconds"
        )
    row = get_webhook(session, webhook_id, lock=True)
    row.previous_secret, row.previous_secret_until = row.secret, now + overlap
    row.secret = new_secret()
    detail = {"overlap_seconds": overlap.total_seconds()}
    audit.append(session, actor, "webhook.secret_rotated", row.id, detail, now)
    return row, row.secret


def remove_webhook(session: Session, webhook_id: str, *, actor: str, now: datetime) -> None:
    """Remove a webhook. Its deliveries stay to be looked at; what is pending becomes dead.

    Raises:
        NotFoundError: there is none.
    """
    row = get_webhook(session, webhook_id, lock=True)
    row.removed_at = now
    row.secret, row.previous_secret = "", None
    audit.append(session, actor, "webhook.removed", row.id, {"url": row.url}, now)


def send_test(session: Session, webhook_id: str, *, actor: str, now: datetime) -> str:
    """Send a message that says nothing, whatever events are wanted; returns the delivery's id.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is disabled.
    """
    row = get_webhook(session, webhook_id)
    _need_enabled(row)
    body = message(TEST_EVENT, {"webhook_id": row.id}, now)
    audit.append(session, actor, "webhook.tested", row.id, {}, now)
    return deliver(session, row.id, body, now, now)


def list_deliveries(session: Session, wanted: DeliveryFilter, limit: int) -> list[DeliveryRow]:
    """Deliveries, the newest first.

    Raises:
        InvalidInputError: no such state.
    """
    if wanted.state is not None and wanted.state not in DELIVERY_STATES:
        raise InvalidInputError(
            f"'{wanted.state}' is no state of a delivery; one of {', '.join(DELIVERY_STATES)}",
            field="state",
        )
    query = select(DeliveryRow).order_by(DeliveryRow.id.desc()).limit(limit)
    for column, value in (
        (DeliveryRow.webhook_id, wanted.webhook_id),
        (DeliveryRow.state, wanted.state),
        (DeliveryRow.event, wanted.event),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.before is not None:
        query = query.where(DeliveryRow.id < wanted.before)
    return list(session.scalars(query))


def get_delivery(session: Session, delivery_id: str) -> DeliveryRow:
    """The delivery.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(DeliveryRow, delivery_id)
    if row is None:
        raise NotFoundError(f"No delivery has the id '{delivery_id}'.")
    return row


def replay(session: Session, delivery_id: str, *, actor: str, now: datetime) -> DeliveryRow:
    """Send a delivery again, under the same id, with all its attempts before it.

    Raises:
        NotFoundError: there is none, or its webhook was removed.
        ConflictError: it is still under way, or its webhook is disabled.
    """
    row = get_delivery(session, delivery_id)
    webhook = get_webhook(session, row.webhook_id, lock=True)
    session.refresh(row, with_for_update=True)
    if row.state == "pending":
        raise ConflictError(f"'{delivery_id}' is still under way")
    _need_enabled(webhook)
    webhook.paused_until = None
    _send_again(session, row)
    detail = {"delivery_id": row.id}
    audit.append(session, actor, "webhook.replayed", webhook.id, detail, now)
    return row


def replay_dead(session: Session, webhook_id: str, *, actor: str, now: datetime) -> int:
    """Send dead deliveries of a webhook again, oldest first; returns how many, at most 500.

    Raises:
        NotFoundError: there is no such webhook.
        ConflictError: it is disabled.
    """
    webhook = get_webhook(session, webhook_id, lock=True)
    _need_enabled(webhook)
    webhook.paused_until = None
    dead = (
        select(DeliveryRow)
        .where(DeliveryRow.webhook_id == webhook_id, DeliveryRow.state == "dead")
        .order_by(DeliveryRow.id)
        .limit(REPLAYED_AT_A_TIME)
        .with_for_update()
    )
    rows = list(session.scalars(dead))
    for row in rows:
        _send_again(session, row)
    if rows:
        detail = {"deliveries": len(rows)}
        audit.append(session, actor, "webhook.replayed", webhook.id, detail, now)
    return len(rows)


def forget_deliveries(session: Session, before: datetime, limit: int = 1000) -> int:
    """Delete what was delivered or cancelled, made before a moment; returns how many."""
    old = (
        select(DeliveryRow.id)
        .where(DeliveryRow.state.in_(["delivered", "cancelled"]), DeliveryRow.created_at < before)
        .limit(limit)
    )
    ids = list(session.scalars(old))
    session.execute(delete(DeliveryRow).where(DeliveryRow.id.in_(ids)))
    return len(ids)


def _send_again(session: Session, row: DeliveryRow) -> None:
    row.state = "pending"
    row.error = None
    row.work_id = queue_delivery(session, row.id, None)


def _need_enabled(row: WebhookRow) -> None:
    if row.disabled_at is not None:
        raise ConflictError(f"'{row.id}' is disabled: {row.disabled_why}. Enable it first.")


def _forgive(row: WebhookRow) -> None:
    row.failures, row.failing_since, row.paused_until = 0, None, None


def _events(events: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(events))
    unknown = [each for each in wanted if each not in EVENTS]
    if unknown or not wanted:
        wrong = f"'{unknown[0]}' is no event" if unknown else "give at least one event"
        raise InvalidInputError(f"{wrong}; one of {', '.join(EVENTS)}", field="events")
    return wanted


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > DESCRIPTION_CHARACTERS or not text.isprintable():
        raise InvalidInputError(
            f"a description has at most {DESCRIPTION_CHARACTERS} printable characters",
            field="description",
        )
    return text
