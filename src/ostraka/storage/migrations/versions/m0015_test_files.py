"""The files on which a job measures its model at the end."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; a job of before has no such files."""
    op.add_column("training_jobs", sa.Column("test_files", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("training_jobs", "test_files")
