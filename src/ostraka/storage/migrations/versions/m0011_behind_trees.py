"""What happens behind the trees: counts, near-duplicate prompts, rewards, merged contributors."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the column that leads from a merged contributor to the one left."""
    with op.batch_alter_table("contributors") as contributors:
        contributors.add_column(sa.Column("merged_into", sa.String(64), nullable=True))
    op.create_table(
        "tree_tallies",
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("span", sa.String(10), nullable=False),
        sa.Column("begins", UtcDateTime(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("contributor", "name", "span", "begins", name="pk_tree_tallies"),
    )
    op.create_index("ix_tree_tallies_span", "tree_tallies", ["span", "begins"])
    _near_duplicates()
    _rewards()


def downgrade() -> None:
    """Drop them."""
    for table in ("tree_rewards", "tree_near_duplicates", "tree_prompt_bands", "tree_tallies"):
        op.drop_table(table)
    with op.batch_alter_table("contributors") as contributors:
        contributors.drop_column("merged_into")


def _near_duplicates() -> None:
    op.create_table(
        "tree_prompt_bands",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["tree_messages.id"],
            name="fk_tree_prompt_bands_message_id_tree_messages",
        ),
        sa.PrimaryKeyConstraint("message_id", "band", name="pk_tree_prompt_bands"),
    )
    op.create_index("ix_tree_prompt_bands_digest", "tree_prompt_bands", ["band", "digest"])
    op.create_table(
        "tree_near_duplicates",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("of_message_id", sa.String(64), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["tree_messages.id"],
            name="fk_tree_near_duplicates_message_id_tree_messages",
        ),
        sa.ForeignKeyConstraint(
            ["of_message_id"],
            ["tree_messages.id"],
            name="fk_tree_near_duplicates_of_message_id_tree_messages",
        ),
        sa.PrimaryKeyConstraint("message_id", name="pk_tree_near_duplicates"),
    )


def _rewards() -> None:
    op.create_table(
        "tree_rewards",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("follow_up_id", sa.String(64), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("reward", sa.Double(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("document", sa.String(80), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["follow_up_id"],
            ["tree_messages.id"],
            name="fk_tree_rewards_follow_up_id_tree_messages",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["tree_messages.id"], name="fk_tree_rewards_message_id_tree_messages"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tree_rewards"),
    )
    op.create_index("ix_tree_rewards_message", "tree_rewards", ["message_id"])
    op.create_index(
        "uq_tree_rewards_once", "tree_rewards", ["follow_up_id", "model", "document"], unique=True
    )
