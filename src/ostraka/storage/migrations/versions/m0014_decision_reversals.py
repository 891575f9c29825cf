"""The index of reversals holds only decisions that are some.

SQLite takes a unique index to name one row, for `reverses IS NULL` too, which nearly every decision
fulfils: asked for somebody's last decisions it read all of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NAME = "uq_decisions_reverses"


def upgrade() -> None:
    """Make the index anew, of fewer rows."""
    op.drop_index(_NAME, "decisions")
    some = sa.text("reverses IS NOT NULL")
    op.create_index(
        _NAME,
        "decisions",
        ["reverses"],
        unique=True,
        sqlite_where=some,
        postgresql_where=some,
    )


def downgrade() -> None:
    """Make the index of all rows again."""
    op.drop_index(_NAME, "decisions")
    op.create_index(_NAME, "decisions", ["reverses"], unique=True)
