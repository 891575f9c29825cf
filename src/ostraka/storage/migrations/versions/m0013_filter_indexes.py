"""Indexes for the filters of items and of the queue, so that none reads a whole table."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_items_language", "items", ["language", "id"]),
    ("ix_items_source", "items", ["source", "id"]),
    ("ix_cases_severity", "cases", ["state", "severity", "due_at", "id"]),
    ("ix_cases_kind", "cases", ["state", "kind", "due_at", "id"]),
    ("ix_cases_state_item", "cases", ["state", "item_id"]),
    ("ix_appeals_item", "appeals", ["item_id", "id"]),
)


def upgrade() -> None:
    """Make them."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    erased = sa.text("erased_at IS NOT NULL")
    op.create_index(
        "ix_items_erased", "items", ["id"], sqlite_where=erased, postgresql_where=erased
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_items_erased", "items")
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
