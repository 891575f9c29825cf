"""A stamp on each tree, which changes with every change of anything in it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; a tree gets its first stamp with its next change."""
    with op.batch_alter_table("trees") as trees:
        trees.add_column(sa.Column("stamp", sa.String(64), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("trees") as trees:
        trees.drop_column("stamp")
