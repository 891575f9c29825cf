"""Tree tasks for prompts, openings, bars, clients' ids, free labels, reports and revisions."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OPEN_INDEXES = {
    "ix_tree_tasks_expiry": (["expires_at"], False),
    "ix_tree_tasks_open": (["tree_id"], False),
    "uq_tree_tasks_open": (["message_id", "contributor", "activity"], True),
}
_TABLES = (
    "tree_revisions",
    "tree_flags",
    "tree_labels",
    "tree_client_ids",
    "tree_bars",
    "tree_openings",
)


def upgrade() -> None:
    """Make the tables, and room in the old ones; the openings are worked out on first use."""
    op.add_column("trees", sa.Column("opened_under", sa.String(64), nullable=True))
    _index("contributors", "ix_contributors_name", "username", "id")
    _index("contributors", "ix_contributors_display_name", "display_name", "id")
    _index("tree_messages", "ix_tree_messages_created", "created_at", "id")
    _widen_tasks()
    _openings()
    _client_ids()
    _labels()
    _flags()
    _revisions()


def downgrade() -> None:
    """Drop them, and the tasks that have no tree, for which there is no place any more."""
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM tree_tasks WHERE tree_id IS NULL")
    op.drop_index("ix_tree_tasks_prompts", "tree_tasks")
    _drop_open_indexes()
    with op.batch_alter_table("tree_tasks") as batch:
        for column in ("made_id", "result", "asked", "language", "kind"):
            batch.drop_column(column)
        batch.alter_column("message_id", existing_type=sa.String(64), nullable=False)
        batch.alter_column("tree_id", existing_type=sa.String(64), nullable=False)
    _make_open_indexes()
    op.drop_index("ix_tree_messages_created", "tree_messages")
    op.drop_index("ix_contributors_display_name", "contributors")
    op.drop_index("ix_contributors_name", "contributors")
    op.drop_column("trees", "opened_under")


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(name, table, list(columns))


def _drop_open_indexes() -> None:
    for name in _OPEN_INDEXES:
        op.drop_index(name, "tree_tasks")


def _make_open_indexes() -> None:
    """Indexes of open tasks alone: what SQLite reads back of them lacks the condition."""
    where = sa.text("state = 'open'")
    for name, (columns, unique) in _OPEN_INDEXES.items():
        op.create_index(
            name,
            "tree_tasks",
            columns,
            unique=unique,
            sqlite_where=where,
            postgresql_where=where,
        )


def _widen_tasks() -> None:
    _drop_open_indexes()
    with op.batch_alter_table("tree_tasks") as batch:
        batch.alter_column("tree_id", existing_type=sa.String(64), nullable=True)
        batch.alter_column("message_id", existing_type=sa.String(64), nullable=True)
        batch.add_column(sa.Column("kind", sa.String(30), nullable=True))
        batch.add_column(sa.Column("language", sa.String(35), nullable=True))
        batch.add_column(sa.Column("asked", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("result", sa.String(64), nullable=True))
        batch.add_column(sa.Column("made_id", sa.String(64), nullable=True))
    op.execute(
        "UPDATE tree_tasks SET language = (SELECT language FROM trees WHERE trees.id = tree_id),"
        " kind = (SELECT CASE tree_tasks.activity"
        " WHEN 'review' THEN CASE WHEN parent_id IS NULL THEN 'label_initial_prompt'"
        " ELSE 'label_' || role || '_reply' END"
        " WHEN 'rank' THEN CASE role WHEN 'prompter' THEN 'rank_assistant_replies'"
        " ELSE 'rank_prompter_replies' END"
        " ELSE CASE role WHEN 'prompter' THEN 'assistant_reply' ELSE 'prompter_reply' END END"
        " FROM tree_messages WHERE tree_messages.id = message_id)"
    )
    with op.batch_alter_table("tree_tasks") as batch:
        batch.alter_column("kind", existing_type=sa.String(30), nullable=False)
        batch.alter_column("language", existing_type=sa.String(35), nullable=False)
    _make_open_indexes()
    where = sa.text("state = 'open' AND activity = 'prompt'")
    op.create_index(
        "ix_tree_tasks_prompts",
        "tree_tasks",
        ["language"],
        sqlite_where=where,
        postgresql_where=where,
    )


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def _openings() -> None:
    op.create_table(
        "tree_openings",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("activity", sa.String(10), nullable=False),
        sa.Column("tree_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("is_free", sa.Boolean(), nullable=False),
        sa.Column("lonely", sa.Boolean(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("shuffle", sa.BigInteger(), nullable=False),
        _reference("tree_openings", "message_id", "tree_messages"),
        _reference("tree_openings", "tree_id", "trees"),
        sa.PrimaryKeyConstraint("message_id", "activity", name="pk_tree_openings"),
    )
    _index("tree_openings", "ix_tree_openings_tree", "tree_id")
    ordered = ("language", "kind", "is_free", "lonely", "missing", "shuffle")
    _index("tree_openings", "ix_tree_openings_next", *ordered)
    op.create_table(
        "tree_bars",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("activity", sa.String(10), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("tree_id", sa.String(64), nullable=False),
        sa.Column("why", sa.String(30), nullable=False),
        _reference("tree_bars", "message_id", "tree_messages"),
        _reference("tree_bars", "tree_id", "trees"),
        sa.PrimaryKeyConstraint("message_id", "activity", "contributor", name="pk_tree_bars"),
    )
    _index("tree_bars", "ix_tree_bars_tree", "tree_id")


def _client_ids() -> None:
    op.create_table(
        "tree_client_ids",
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("theirs", sa.String(200), nullable=False),
        sa.Column("ours", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("client", "kind", "theirs", name="pk_tree_client_ids"),
    )
    _index("tree_client_ids", "ix_tree_client_ids_ours", "ours")


def _labels() -> None:
    op.create_table(
        "tree_labels",
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("is_report", sa.Boolean(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _reference("tree_labels", "message_id", "tree_messages"),
        sa.PrimaryKeyConstraint("id", name="pk_tree_labels"),
    )
    _index("tree_labels", "ix_tree_labels_message", "message_id", "id")
    _index("tree_labels", "ix_tree_labels_contributor", "contributor", "id")


def _flags() -> None:
    op.create_table(
        "tree_flags",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.Column("processed_at", UtcDateTime(), nullable=True),
        sa.Column("processed_by", sa.String(64), nullable=True),
        _reference("tree_flags", "message_id", "tree_messages"),
        sa.PrimaryKeyConstraint("message_id", name="pk_tree_flags"),
    )
    _index("tree_flags", "ix_tree_flags_reported", "reported_at", "message_id")


def _revisions() -> None:
    op.create_table(
        "tree_revisions",
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("editor", sa.String(64), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _reference("tree_revisions", "message_id", "tree_messages"),
        sa.PrimaryKeyConstraint("id", name="pk_tree_revisions"),
    )
    _index("tree_revisions", "ix_tree_revisions_message", "message_id", "id")
