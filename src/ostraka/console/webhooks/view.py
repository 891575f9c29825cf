"""What the pages of webhooks show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.access.person import Person
from ostraka.console.review.names import names_of
from ostraka.review import webhook_store as store
from ostraka.review.tables import DeliveryRow, WebhookRow

A_PAGE: Final = 50
_LAST: Final = 10
"""Deliveries on the page of their webhook."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries of one webhook that are not done with."""

    pending: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Everything:
    """All webhooks, with what waits for each and what died."""

    webhooks: Sequence[WebhookRow]
    counts: Mapping[str, Counts]

    def of(self, webhook_id: str) -> Counts:
        """The counts of one."""
        return self.counts.get(webhook_id, Counts())


@dataclass(frozen=True, slots=True)
class OneWebhook:
    """A webhook with its newest deliveries."""

    row: WebhookRow
    counts: Counts
    deliveries: Sequence[DeliveryRow]
    disabled_why: str
    """With the name of whoever did it; empty unless it is disabled."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, the newest first."""

    rows: Sequence[DeliveryRow]
    next_before: str | None
    addresses: Mapping[str, str]
    """The URL of each webhook by its id, removed ones too."""
    removed: frozenset[str]


@dataclass(frozen=True, slots=True)
class OneDelivery:
    """A delivery, and where it goes."""

    row: DeliveryRow
    url: str
    is_removed: bool
    """Whether its webhook was, so that it cannot be sent again."""


def everything(session: Session) -> Everything:
    """All webhooks that were not removed."""
    return Everything(store.list_webhooks(session), _counts(session))


def one_webhook(session: Session, webhook_id: str, reader: Person) -> OneWebhook:
    """One of them, as somebody sees it.

    Raises:
        NotFoundError: there is none, or it was removed.
    """
    row = store.get_webhook(session, webhook_id)
    newest = store.list_deliveries(session, store.DeliveryFilter(webhook_id=row.id), _LAST)
    counts = _counts(session).get(row.id, Counts())
    return OneWebhook(row, counts, newest, _with_name(session, row.disabled_why or "", reader))


def delivery_page(session: Session, wanted: store.DeliveryFilter) -> DeliveryPage:
    """Deliveries that fit."""
    found = store.list_deliveries(session, wanted, A_PAGE + 1)
    rows = found[:A_PAGE]
    known = session.execute(select(WebhookRow.id, WebhookRow.url, WebhookRow.removed_at)).all()
    return DeliveryPage(
        rows=rows,
        next_before=rows[-1].id if len(found) > A_PAGE else None,
        addresses={row.id: row.url for row in known},
        removed=frozenset(row.id for row in known if row.removed_at is not None),
    )


def one_delivery(session: Session, delivery_id: str) -> OneDelivery:
    """One of them.

    Raises:
        NotFoundError: there is none.
    """
    row = store.get_delivery(session, delivery_id)
    webhook = session.get_one(WebhookRow, row.webhook_id)
    return OneDelivery(row, webhook.url, webhook.removed_at is not None)


def _with_name(session: Session, why: str, reader: Person) -> str:
    """The reason why a webhook is disabled, where it ends with the id of whoever did it."""
    before, by, actor = why.rpartition(store.SWITCHED_OFF_BY)
    if not by:
        return why
    name = names_of(session, [actor], reader).of(actor)
    return f"{before}{by}{'you' if name == 'You' else name}"


def _counts(session: Session) -> dict[str, Counts]:
    """By the index of states, which passes over what was delivered."""
    open_ones = (
        select(DeliveryRow.webhook_id, DeliveryRow.state, func.count())
        .where(DeliveryRow.state.in_(["pending", "dead"]))
        .group_by(DeliveryRow.webhook_id, DeliveryRow.state)
    )
    found: dict[str, dict[str, int]] = {}
    for webhook_id, state, count in session.execute(open_ones):
        found.setdefault(webhook_id, {})[state] = count
    return {webhook_id: Counts(**states) for webhook_id, states in found.items()}
