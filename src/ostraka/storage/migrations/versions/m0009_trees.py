"""Conversation trees: contributors, messages, reviews, votes, marks, tasks and their log."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _contributors()
    _trees()
    _tree_messages()
    _tree_reviews()
    _tree_votes()
    _tree_marks()
    _tree_tasks()
    _tree_events()


def downgrade() -> None:
    """Drop the tables and what they hold."""
    for table in (
        "tree_events",
        "tree_tasks",
        "tree_marks",
        "tree_votes",
        "tree_reviews",
        "tree_messages",
        "trees",
        "contributors",
    ):
        op.drop_table(table)


def _contributors() -> None:
    op.create_table(
        "contributors",
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("auth_method", sa.String(20), nullable=False),
        sa.Column("username", sa.String(200), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("show_on_leaderboard", sa.Boolean(), nullable=False),
        sa.Column("terms_accepted_at", UtcDateTime(), nullable=True),
        sa.Column("banned_at", UtcDateTime(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("streak_began", UtcDateTime(), nullable=True),
        sa.Column("last_active_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contributors"),
        sa.UniqueConstraint("client", "auth_method", "username", name="uq_contributors_username"),
    )


def _trees() -> None:
    op.create_table(
        "trees",
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("halted_from", sa.String(30), nullable=True),
        sa.Column("goal_tree_size", sa.Integer(), nullable=False),
        sa.Column("max_depth", sa.Integer(), nullable=False),
        sa.Column("max_children_count", sa.Integer(), nullable=False),
        sa.Column("num_prompter_replies", sa.Integer(), nullable=False),
        sa.Column("lottery_won_at", UtcDateTime(), nullable=True),
        sa.Column("forgiven_rejections", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(1000), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trees"),
    )
    op.create_index("ix_trees_state", "trees", ["state", "language", "id"])


def _tree_messages() -> None:
    op.create_table(
        "tree_messages",
        sa.Column("tree_id", sa.String(64), nullable=False),
        sa.Column("parent_id", sa.String(64), nullable=True),
        sa.Column("author", sa.String(64), nullable=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("model_name", sa.String(1000), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.String(20), nullable=True),
        sa.Column("decided_score", sa.Double(), nullable=True),
        sa.Column("forgiven", sa.JSON(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("imported", sa.JSON(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["tree_messages.id"], name="fk_tree_messages_parent_id_tree_messages"
        ),
        sa.ForeignKeyConstraint(["tree_id"], ["trees.id"], name="fk_tree_messages_tree_id_trees"),
        sa.PrimaryKeyConstraint("id", name="pk_tree_messages"),
    )
    op.create_index("ix_tree_messages_author", "tree_messages", ["author", "created_at"])
    op.create_index("ix_tree_messages_parent", "tree_messages", ["parent_id"])
    op.create_index("ix_tree_messages_tree", "tree_messages", ["tree_id", "depth", "id"])


def _tree_reviews() -> None:
    op.create_table(
        "tree_reviews",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["tree_messages.id"], name="fk_tree_reviews_message_id_tree_messages"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tree_reviews"),
    )
    op.create_index("ix_tree_reviews_contributor", "tree_reviews", ["contributor", "id"])
    op.create_index(
        "uq_tree_reviews_once",
        "tree_reviews",
        ["message_id", "contributor", "round"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def _tree_votes() -> None:
    op.create_table(
        "tree_votes",
        sa.Column("parent_id", sa.String(64), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        sa.Column("not_rankable", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["tree_messages.id"], name="fk_tree_votes_parent_id_tree_messages"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tree_votes"),
    )
    op.create_index("ix_tree_votes_contributor", "tree_votes", ["contributor", "id"])
    op.create_index("ix_tree_votes_parent", "tree_votes", ["parent_id", "id"])


def _tree_marks() -> None:
    op.create_table(
        "tree_marks",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("code", sa.String(30), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["tree_messages.id"], name="fk_tree_marks_message_id_tree_messages"
        ),
        sa.PrimaryKeyConstraint("message_id", "contributor", "code", name="pk_tree_marks"),
    )


def _tree_tasks() -> None:
    op.create_table(
        "tree_tasks",
        sa.Column("tree_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("activity", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["tree_messages.id"], name="fk_tree_tasks_message_id_tree_messages"
        ),
        sa.ForeignKeyConstraint(["tree_id"], ["trees.id"], name="fk_tree_tasks_tree_id_trees"),
        sa.PrimaryKeyConstraint("id", name="pk_tree_tasks"),
    )
    op.create_index("ix_tree_tasks_contributor", "tree_tasks", ["contributor", "created_at"])
    op.create_index(
        "ix_tree_tasks_expiry",
        "tree_tasks",
        ["expires_at"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_tree_tasks_open",
        "tree_tasks",
        ["tree_id"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_tree_tasks_open",
        "tree_tasks",
        ["message_id", "contributor", "activity"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _tree_events() -> None:
    op.create_table(
        "tree_events",
        sa.Column("tree_id", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("act", sa.String(30), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tree_id"], ["trees.id"], name="fk_tree_events_tree_id_trees"),
        sa.PrimaryKeyConstraint("id", name="pk_tree_events"),
    )
    op.create_index("ix_tree_events_tree", "tree_events", ["tree_id", "id"])
