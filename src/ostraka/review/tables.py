"""The tables of items, verdicts, cases and what people decide.

What happened is append-only: verdicts, reports, decisions, strikes and activations are never
changed, but for the moments that close them. A decision is taken back by another decision.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class AuthorRow(Identified, Base):
    """Whoever wrote items, by the name that the caller has for them."""

    __tablename__ = "authors"

    external_id: Mapped[str] = mapped_column(String(200), unique=True)
    since: Mapped[datetime | None]
    """When the account was made, as far as the caller said."""
    banned_until: Mapped[datetime | None]
    """End of a temporary ban; a permanent one has `banned_permanently`."""
    banned_permanently: Mapped[bool]


class ItemRow(Identified, Base):
    """One piece of content. `text` is null once it was erased on request."""

    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_created_at", "created_at", "id"),
        Index("ix_items_author", "author_id", "id"),
        Index("ix_items_thread", "thread_id", "id"),
        Index("ix_items_action", "action", "id"),
        Index("ix_items_violation", "violation", "id"),
        Index("ix_items_language", "language", "id"),
        Index("ix_items_source", "source", "id"),
        Index(
            "ix_items_erased",
            "id",
            sqlite_where=text("erased_at IS NOT NULL"),
            postgresql_where=text("erased_at IS NOT NULL"),
        ),
    )

    external_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what the caller sent: the same id with other content is a conflict."""
    text: Mapped[str | None] = mapped_column(Text)
    author_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("authors.id"))
    thread_id: Mapped[str | None] = mapped_column(String(200))
    parent_id: Mapped[str | None] = mapped_column(String(200))
    """The caller's id of the item that this one answers."""
    language: Mapped[str | None] = mapped_column(String(35))
    source: Mapped[str | None] = mapped_column(String(100))
    reach: Mapped[int]
    """How many people have seen it or will, as far as the caller knows."""
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The caller's metadata."""
    action: Mapped[str] = mapped_column(String(20))
    """What counts now: the verdict's action until people decide otherwise."""
    violation: Mapped[str] = mapped_column(String(30))
    verdict_id: Mapped[str] = mapped_column(String(64))
    reports: Mapped[int]
    """Counted in the transaction that adds a report."""
    erased_at: Mapped[datetime | None]


class VerdictRow(Identified, Base):
    """What one version of the policy said of an item, with everything that it rested on."""

    __tablename__ = "verdicts"
    __table_args__ = (
        Index("ix_verdicts_item", "item_id", "id"),
        Index("ix_verdicts_policy", "policy_digest", "id"),
        Index(
            "ix_verdicts_shadow",
            "model",
            "id",
            sqlite_where=text("shadow"),
            postgresql_where=text("shadow"),
        ),
    )

    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    policy_digest: Mapped[str] = mapped_column(String(71))
    action: Mapped[str] = mapped_column(String(20))
    violation: Mapped[str] = mapped_column(String(30))
    severity: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(String(100))
    why: Mapped[str] = mapped_column(Text)
    """What decided, as a sentence."""
    path: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Every rule that was looked at, in order, with its facts and outcome."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    scores: Mapped[dict[str, float]]
    stage: Mapped[str] = mapped_column(String(30))
    sure: Mapped[bool]
    model: Mapped[str] = mapped_column(String(300))
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    """What an LLM judge said, if one was asked."""
    shadow: Mapped[bool]
    """By a draft or a candidate that does not act."""


class ReportRow(Identified, Base):
    """One person's report of an item; the same person reports an item once."""

    __tablename__ = "reports"
    __table_args__ = (Index("uq_reports_item_reporter", "item_id", "reporter", unique=True),)

    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    reporter: Mapped[str] = mapped_column(String(200))
    violation: Mapped[str] = mapped_column(String(30))
    note: Mapped[str | None] = mapped_column(Text)


class CaseRow(Identified, Base):
    """An item, or an appeal, that people must decide. Its tasks are rows of the room `work`.

    `due_at` orders the queue: it is fixed when the case opens or its facts change, from the
    queue's deadline less what severity, reach, reports and doubt take off (`urgency`), so that
    age needs no recount and no case waits for ever.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_queue", "queue", "state", "due_at"),
        Index("ix_cases_state", "state", "due_at"),
        Index("ix_cases_severity", "state", "severity", "due_at", "id"),
        Index("ix_cases_kind", "state", "kind", "due_at", "id"),
        Index("ix_cases_state_item", "state", "item_id"),
        Index("ix_cases_item", "item_id"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    """`item`, `appeal`, `second_review`, `golden` or `adjudication`."""
    state: Mapped[str] = mapped_column(String(20))
    """`open`, `decided` or `withdrawn`."""
    queue: Mapped[str] = mapped_column(String(50))
    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    verdict_id: Mapped[str] = mapped_column(String(64), ForeignKey("verdicts.id"))
    appeal_id: Mapped[str | None] = mapped_column(String(64))
    origin_id: Mapped[str | None] = mapped_column(String(64))
    """The case that a second review or an adjudication looks at again."""
    why: Mapped[str] = mapped_column(Text)
    """Why people are asked, as a sentence."""
    severity: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The parts that add up to `due_at`: `{"reason", "seconds"}`."""
    due_at: Mapped[datetime]
    reviewers: Mapped[int]
    """How many distinct reviewers decide it."""
    decided_at: Mapped[datetime | None]
    decision_id: Mapped[str | None] = mapped_column(String(64))
    """The decision that counts."""


class DecisionRow(Identified, Base):
    """One act on a case, by a person or an agent. Never changed; undone by another."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_case", "case_id", "id"),
        Index("ix_decisions_item", "item_id", "id"),
        Index("ix_decisions_reviewer", "reviewer_id", "id"),
        Index("ix_decisions_created_at", "created_at"),
        Index("ix_decisions_bulk", "bulk_id"),
        Index(
            "uq_decisions_reverses",
            "reverses",
            unique=True,
            sqlite_where=text("reverses IS NOT NULL"),
            postgresql_where=text("reverses IS NOT NULL"),
        ),
        Index("uq_decisions_idempotency", "reviewer_id", "idempotency_key", unique=True),
    )

    case_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("cases.id"))
    """Null where somebody acted on an item without a case, as in bulk."""
    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    reviewer_id: Mapped[str] = mapped_column(String(64))
    """A person's or an API key's id."""
    reviewer_kind: Mapped[str] = mapped_column(String(10))
    """`person` or `agent`."""
    action: Mapped[str] = mapped_column(String(20))
    violation: Mapped[str] = mapped_column(String(30))
    reasons: Mapped[str] = mapped_column(Text)
    policy_digest: Mapped[str] = mapped_column(String(71))
    counts: Mapped[bool]
    """Whether it acted on the item: false for blind second opinions and golden cases."""
    effective_at: Mapped[datetime]
    """End of the grace period, when webhooks leave."""
    seconds: Mapped[float | None]
    """From claim to decision."""
    reverses: Mapped[str | None] = mapped_column(String(64), ForeignKey("decisions.id"))
    """The decision that this one takes back."""
    bulk_id: Mapped[str | None] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What counted before: item's action and violation, author's bans; an undo restores it."""


class StrikeRow(Identified, Base):
    """An upheld violation on an author's record."""

    __tablename__ = "strikes"
    __table_args__ = (
        Index("ix_strikes_author", "author_id", "id"),
        Index("ix_strikes_item", "item_id"),
    )

    author_id: Mapped[str] = mapped_column(String(64), ForeignKey("authors.id"))
    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    decision_id: Mapped[str | None] = mapped_column(String(64))
    """Null where the policy acted by itself."""
    verdict_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(20))
    violation: Mapped[str] = mapped_column(String(30))
    weight: Mapped[float]
    banned_until: Mapped[datetime | None]
    """End of the temporary ban that came with it."""
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AppealRow(Identified, Base):
    """An author's request to look again at what was done to an item."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index("ix_appeals_state", "state", "id"),
        Index("ix_appeals_item", "item_id", "id"),
        Index(
            "uq_appeals_open",
            "item_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"))
    author_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("authors.id"))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    """`open`, `granted`, `denied` or `withdrawn`."""
    appealed_action: Mapped[str] = mapped_column(String(20))
    decision_id: Mapped[str | None] = mapped_column(String(64))
    """The decision that is appealed; null where the policy acted by itself."""
    outcome_id: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]


class PolicyRow(Base):
    """One version of the policy, by its digest: the document as it was written."""

    __tablename__ = "policies"

    digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    created_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(100))
    document: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)


class ActivationRow(Identified, Base):
    """When which policy began to act, or to be tried in shadow; the newest of a kind counts."""

    __tablename__ = "policy_activations"
    __table_args__ = (Index("ix_policy_activations_kind", "kind", "id"),)

    kind: Mapped[str] = mapped_column(String(20))
    """`active`, `shadow` or `shadow_ended`."""
    policy_digest: Mapped[str] = mapped_column(String(71), ForeignKey("policies.digest"))
    actor: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)


class BacktestRow(Identified, Base):
    """What a draft would have done with stored items."""

    __tablename__ = "backtests"

    policy_digest: Mapped[str] = mapped_column(String(71), ForeignKey("policies.digest"))
    against_digest: Mapped[str] = mapped_column(String(71))
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class GoldenRow(Identified, Base):
    """An item whose right decision is known, to be dealt among others."""

    __tablename__ = "golden_cases"

    item_id: Mapped[str] = mapped_column(String(64), ForeignKey("items.id"), unique=True)
    action: Mapped[str] = mapped_column(String(20))
    violation: Mapped[str] = mapped_column(String(30))
    explanation: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None]


class WebhookRow(Identified, Base):
    """An address that wants to hear of events. A removed one stays for its deliveries' sake."""

    __tablename__ = "webhooks"

    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200))
    secret: Mapped[str] = mapped_column(String(200))
    """Signs what is sent, so it cannot be a digest; shown once."""
    previous_secret: Mapped[str | None] = mapped_column(String(200))
    previous_secret_until: Mapped[datetime | None]
    """Until then what is sent is signed with both, so that a receiver can change over."""
    events: Mapped[list[str]]
    failing_since: Mapped[datetime | None]
    """The first failure after the last success."""
    failures: Mapped[int]
    """In a row."""
    paused_until: Mapped[datetime | None]
    """No attempts before: one that does not answer must not keep others waiting."""
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None]


class DeliveryRow(Identified, Base):
    """One event for one webhook. Its id is the message's id, the same on every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_state", "state", "id"),
    )

    webhook_id: Mapped[str] = mapped_column(String(64), ForeignKey("webhooks.id"))
    event: Mapped[str] = mapped_column(String(50))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The body as it is sent. Never holds the text of an item, which may have to be erased."""
    work_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    """`pending`, `delivered`, `dead` or `cancelled`."""
    attempts: Mapped[int]
    status: Mapped[int | None]
    """What the receiver answered last."""
    error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None]


class AnswerRow(Base):
    """What a write was answered, under the caller's idempotency key."""

    __tablename__ = "answers"

    actor: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request: another one under the same key is a mistake."""
    answer: Mapped[Any] = mapped_column(JSON)
