"""What a worker does for webhooks: send a delivery, and note how it went.

A delivery is tried until it is accepted or its pauses are used up; then it is dead and stays to be
replayed. Its outcome is written with the end of its work, so that a worker that dies sends again,
under the same id: at least once.

A receiver that is down must not keep others waiting: while one is paused, its deliveries are put
back untried.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.review.events import TEST_EVENT
from ostraka.review.tables import DeliveryRow, WebhookRow
from ostraka.review.webhook_sending import Answer, Sender, body_of, headers
from ostraka.review.webhooks import SEND
from ostraka.settings import Settings
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.work.leases import Lease, complete, give_up, postpone, put_off
from ostraka.work.worker import Handler, WorkContext

_LONGEST_REST: Final = 300.0
"""Seconds for which a receiver that fails is left alone at most."""

_SHORTEST_REST: Final = timedelta(milliseconds=100)
_BLUR: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """When a delivery is tried again, and when a webhook is given up."""

    pauses: Sequence[float]
    disable_after: timedelta

    @property
    def attempts(self) -> int:
        """The first one, and one behind each pause."""
        return len(self.pauses) + 1

    def pause(self, attempt: int, answer: Answer) -> timedelta:
        """How long to wait behind an attempt, counted from 1; never less than was asked for."""
        seconds = self.pauses[min(attempt, len(self.pauses)) - 1]
        return timedelta(seconds=max(seconds, answer.retry_after or 0.0))

    def rest(self, failures: int) -> timedelta:
        """How long a receiver is left alone after so many failures in a row."""
        return timedelta(
            seconds=min(self.pauses[min(failures, len(self.pauses)) - 1], _LONGEST_REST)
        )


def webhook_handlers(
    database: Database, settings: Settings, now: Callable[[], datetime]
) -> dict[str, Handler]:
    """The kind of work that sends webhooks."""
    sender = Sender(settings.webhook_seconds, private=settings.webhook_private_addresses)
    disable_after = timedelta(days=settings.webhook_disable_days)
    deliveries = Deliveries(database, sender, Plan(settings.webhook_pauses, disable_after), now)
    return {SEND: deliveries.handle}


class Deliveries:
    """Sends deliveries. Threads may share it."""

    def __init__(
        self, database: Database, sender: Sender, plan: Plan, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._sender = sender
        self._plan = plan
        self._now = now

    def handle(self, lease: Lease, context: WorkContext) -> None:
        """Make one attempt, unless there is a reason not to."""
        with self._database.reading() as session:
            delivery = session.get(DeliveryRow, lease.payload["delivery_id"])
            if delivery is None or delivery.state != "pending" or delivery.work_id != lease.work_id:
                return
            webhook = session.get_one(WebhookRow, delivery.webhook_id)
            session.expunge_all()
        reason = self._no_attempt(webhook, lease)
        if reason is not None:
            self._bury(lease, delivery.id, reason)
        elif delivery.event != TEST_EVENT and (rest := self._rest(webhook)):
            with self._database.writing() as session:
                postpone(session, lease, rest)
        else:
            context.check()
            self._attempt(lease, delivery, webhook)

    def _no_attempt(self, webhook: WebhookRow, lease: Lease) -> str | None:
        if webhook.removed_at is not None:
            return "the webhook was removed"
        if webhook.disabled_at is not None:
            return f"the webhook is disabled: {webhook.disabled_why}"
        if lease.attempt > self._plan.attempts:
            return "the worker ended during every attempt"
        return None

    def _rest(self, webhook: WebhookRow) -> timedelta | None:
        """How long its receiver is left alone yet; blurred, so that not all come at once."""
        if webhook.paused_until is None:
            return None
        rest = webhook.paused_until - self._now()
        return max(_blurred(rest), _SHORTEST_REST) if rest > timedelta() else None

    def _attempt(self, lease: Lease, delivery: DeliveryRow, webhook: WebhookRow) -> None:
        body = body_of(delivery.payload)
        moment = self._now()
        head = headers(_secrets(webhook, moment), delivery.id, moment, body)
        answer = self._sender.send(webhook.url, head, body)
        with self._database.writing() as session:
            # The webhook first: whoever changes both takes them in this order.
            if answer.accepted and not webhook.failures:
                row = session.get_one(WebhookRow, webhook.id)
            else:
                row = session.get_one(WebhookRow, webhook.id, with_for_update=True)
            self._note(session, lease, row, answer)

    def _note(self, session: Session, lease: Lease, webhook: WebhookRow, answer: Answer) -> None:
        """Write down how an attempt ended, together with the end of its work."""
        now = self._now()
        delivery = session.get_one(DeliveryRow, lease.payload["delivery_id"])
        delivery.attempts += 1
        delivery.status, delivery.error = answer.status, answer.error
        if answer.accepted:
            delivery.state, delivery.delivered_at = "delivered", now
            if webhook.failures:
                webhook.failures, webhook.failing_since, webhook.paused_until = 0, None, None
            complete(session, lease)
            return
        self._blame(session, webhook, answer, now)
        if lease.attempt >= self._plan.attempts or webhook.disabled_at is not None:
            delivery.state = "dead"
            give_up(session, lease, answer.error or "")
        else:
            pause = _blurred(self._plan.pause(lease.attempt, answer))
            put_off(session, lease, answer.error or "", pause)

    def _blame(self, session: Session, webhook: WebhookRow, answer: Answer, now: datetime) -> None:
        """Count a failure against the receiver; too many days of them disable it."""
        webhook.failures += 1
        webhook.failing_since = webhook.failing_since or now
        if answer.ill:
            webhook.paused_until = now + self._plan.rest(webhook.failures)
        failing = now - webhook.failing_since
        if webhook.disabled_at is not None:
            return
        if answer.gone:
            _disable(session, webhook, "it answered 410 Gone", now)
        elif failing >= self._plan.disable_after:
            since = webhook.failing_since.isoformat(timespec="seconds")
            why = f"every attempt has failed since {since}; the last: {answer.error}"
            _disable(session, webhook, why, now)

    def _bury(self, lease: Lease, delivery_id: str, reason: str) -> None:
        with self._database.writing() as session:
            delivery = session.get_one(DeliveryRow, delivery_id)
            delivery.state, delivery.error = "dead", reason
            give_up(session, lease, reason)


def _disable(session: Session, webhook: WebhookRow, why: str, now: datetime) -> None:
    webhook.disabled_at, webhook.disabled_why = now, why
    detail: dict[str, Any] = {"why": why, "failures": webhook.failures}
    audit.append(session, "system", "webhook.disabled", webhook.id, detail, now)


def _secrets(webhook: WebhookRow, now: datetime) -> list[str]:
    """The secret; while it is being changed, the one before it too."""
    keys = [webhook.secret]
    until = webhook.previous_secret_until
    if webhook.previous_secret is not None and until is not None and now < until:
        keys.append(webhook.previous_secret)
    return keys


def _blurred(pause: timedelta) -> timedelta:
    return pause * random.uniform(1.0, 1.0 + _BLUR)
