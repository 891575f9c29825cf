"""Work for people: what it is about, and who must not get it."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Name the subject of work, make the table of bars, give priorities room for moments."""
    if op.get_context().dialect.name == "postgresql":  # SQLite's integers have the room
        op.alter_column("work", "priority", type_=sa.BigInteger())
    op.add_column("work", sa.Column("subject", sa.String(64), nullable=True))
    op.add_column("work", sa.Column("begun_at", UtcDateTime(), nullable=True))
    where = sa.text("subject IS NOT NULL")
    op.create_index(
        "ix_work_subject", "work", ["subject"], postgresql_where=where, sqlite_where=where
    )
    op.create_table(
        "work_bars",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("worker", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("subject", "worker", name="pk_work_bars"),
    )


def downgrade() -> None:
    """Drop them; a priority that only fits the wide column is cut to the narrow one's limits."""
    op.drop_table("work_bars")
    op.drop_index("ix_work_subject", "work")
    op.drop_column("work", "begun_at")
    op.drop_column("work", "subject")
    if op.get_context().dialect.name == "postgresql":
        limit = 2**31 - 1
        op.alter_column(
            "work",
            "priority",
            type_=sa.Integer(),
            postgresql_using=f"greatest(least(priority, {limit}), -{limit})",
        )
