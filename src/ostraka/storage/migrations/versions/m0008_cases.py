"""Cases, decisions and what follows from them: strikes, appeals, webhooks, the audit log."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _decisions()
    _strikes()
    _appeals()
    _golden_cases()
    _webhooks()
    _webhook_deliveries()
    _audit_log()


def downgrade() -> None:
    """Drop the tables and what they hold."""
    for table in (
        "audit_log",
        "webhook_deliveries",
        "webhooks",
        "golden_cases",
        "appeals",
        "strikes",
        "decisions",
        "cases",
    ):
        op.drop_table(table)


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("queue", sa.String(50), nullable=False),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("verdict_id", sa.String(64), nullable=False),
        sa.Column("appeal_id", sa.String(64), nullable=True),
        sa.Column("origin_id", sa.String(64), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("urgency", sa.JSON(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("reviewers", sa.Integer(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision_id", sa.String(64), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_cases_item_id_items"),
        sa.ForeignKeyConstraint(
            ["verdict_id"], ["verdicts.id"], name="fk_cases_verdict_id_verdicts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
    )
    op.create_index("ix_cases_item", "cases", ["item_id"])
    op.create_index("ix_cases_queue", "cases", ["queue", "state", "due_at"])
    op.create_index("ix_cases_state", "cases", ["state", "due_at"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("case_id", sa.String(64), nullable=True),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("reviewer_id", sa.String(64), nullable=False),
        sa.Column("reviewer_kind", sa.String(10), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.String(71), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("effective_at", UtcDateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("reverses", sa.String(64), nullable=True),
        sa.Column("bulk_id", sa.String(64), nullable=True),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_decisions_case_id_cases"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_decisions_item_id_items"),
        sa.ForeignKeyConstraint(
            ["reverses"], ["decisions.id"], name="fk_decisions_reverses_decisions"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_bulk", "decisions", ["bulk_id"])
    op.create_index("ix_decisions_case", "decisions", ["case_id", "id"])
    op.create_index("ix_decisions_created_at", "decisions", ["created_at"])
    op.create_index("ix_decisions_item", "decisions", ["item_id", "id"])
    op.create_index("ix_decisions_reviewer", "decisions", ["reviewer_id", "id"])
    op.create_index(
        "uq_decisions_idempotency", "decisions", ["reviewer_id", "idempotency_key"], unique=True
    )
    op.create_index("uq_decisions_reverses", "decisions", ["reverses"], unique=True)


def _strikes() -> None:
    op.create_table(
        "strikes",
        sa.Column("author_id", sa.String(64), nullable=False),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=True),
        sa.Column("verdict_id", sa.String(64), nullable=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("banned_until", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["authors.id"], name="fk_strikes_author_id_authors"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_strikes_item_id_items"),
        sa.PrimaryKeyConstraint("id", name="pk_strikes"),
    )
    op.create_index("ix_strikes_author", "strikes", ["author_id", "id"])
    op.create_index("ix_strikes_item", "strikes", ["item_id"])


def _appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("author_id", sa.String(64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("appealed_action", sa.String(20), nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=True),
        sa.Column("outcome_id", sa.String(64), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["authors.id"], name="fk_appeals_author_id_authors"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_appeals_item_id_items"),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
    )
    op.create_index("ix_appeals_state", "appeals", ["state", "id"])
    op.create_index(
        "uq_appeals_open",
        "appeals",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _golden_cases() -> None:
    op.create_table(
        "golden_cases",
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_golden_cases_item_id_items"),
        sa.PrimaryKeyConstraint("id", name="pk_golden_cases"),
        sa.UniqueConstraint("item_id", name="uq_golden_cases_item_id"),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("secret", sa.String(200), nullable=False),
        sa.Column("previous_secret", sa.String(200), nullable=True),
        sa.Column("previous_secret_until", UtcDateTime(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )


def _webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(50), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("work_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id_webhooks"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_webhook", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["state", "id"])


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("act", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["subject", "sequence"])
