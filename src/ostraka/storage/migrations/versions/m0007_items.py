"""Items, what the policy says of them, what people report, and the policies themselves."""

import sqlalchemy as sa
from alembic import op

from ostraka.storage.types import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SEARCH_VECTOR = (
    "to_tsvector('simple'::regconfig, "
    r"""translate(text, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))"""
)
"""Words as SQLite's tokenizer cuts them, at punctuation: PostgreSQL has ideas of addresses."""


def upgrade() -> None:
    """Make the tables."""
    _authors()
    _items()
    _verdicts()
    _reports()
    _policies()
    _policy_activations()
    _backtests()
    _answers()


def downgrade() -> None:
    """Drop the tables and what they hold."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE items_search")
        op.execute("DROP TABLE items_search_rows")
    for table in (
        "answers",
        "backtests",
        "policy_activations",
        "policies",
        "reports",
        "verdicts",
        "items",
        "authors",
    ):
        op.drop_table(table)


def _authors() -> None:
    op.create_table(
        "authors",
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("banned_until", UtcDateTime(), nullable=True),
        sa.Column("banned_permanently", sa.Boolean(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_authors"),
        sa.UniqueConstraint("external_id", name="uq_authors_external_id"),
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("external_id", sa.String(200), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author_id", sa.String(64), nullable=True),
        sa.Column("thread_id", sa.String(200), nullable=True),
        sa.Column("parent_id", sa.String(200), nullable=True),
        sa.Column("language", sa.String(35), nullable=True),
        sa.Column("source", sa.String(100), nullable=True),
        sa.Column("reach", sa.Integer(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("verdict_id", sa.String(64), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["authors.id"], name="fk_items_author_id_authors"),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("external_id", name="uq_items_external_id"),
    )
    op.create_index("ix_items_action", "items", ["action", "id"])
    op.create_index("ix_items_author", "items", ["author_id", "id"])
    op.create_index("ix_items_created_at", "items", ["created_at", "id"])
    op.create_index("ix_items_thread", "items", ["thread_id", "id"])
    op.create_index("ix_items_violation", "items", ["violation", "id"])
    _search()


def _search() -> None:
    """Words of items, newest first: an index of PostgreSQL's, a table of SQLite's FTS5.

    On SQLite, triggers keep it: whoever copies the table `items` in a later revision has to make
    them again. The index holds no text, so an erased text is nowhere else.
    """
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"CREATE INDEX ix_items_search ON items USING gin ({SEARCH_VECTOR})")
        return
    op.execute("CREATE TABLE items_search_rows (number INTEGER PRIMARY KEY, item_id TEXT UNIQUE)")
    op.execute(
        "CREATE VIRTUAL TABLE items_search "
        "USING fts5(text, content='', tokenize='unicode61 remove_diacritics 0')"
    )
    forget = (
        "INSERT INTO items_search (items_search, rowid, text) SELECT 'delete', number, old.text "
        "FROM items_search_rows WHERE item_id = old.id AND old.text IS NOT NULL;"
    )
    learn = (
        "INSERT INTO items_search (rowid, text) SELECT number, new.text "
        "FROM items_search_rows WHERE item_id = new.id AND new.text IS NOT NULL;"
    )
    number = "INSERT INTO items_search_rows (item_id) VALUES (new.id);"
    lose = "DELETE FROM items_search_rows WHERE item_id = old.id;"
    for name, event, statements in (
        ("insert", "AFTER INSERT ON items", number + learn),
        ("update", "AFTER UPDATE OF text ON items", forget + learn),
        ("delete", "AFTER DELETE ON items", forget + lose),
    ):
        op.execute(f"CREATE TRIGGER items_search_{name} {event} BEGIN {statements} END")


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("policy_digest", sa.String(71), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("stage", sa.String(30), nullable=False),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_verdicts_item_id_items"),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_item", "verdicts", ["item_id", "id"])
    op.create_index("ix_verdicts_policy", "verdicts", ["policy_digest", "id"])
    op.create_index(
        "ix_verdicts_shadow",
        "verdicts",
        ["model", "id"],
        sqlite_where=sa.text("shadow"),
        postgresql_where=sa.text("shadow"),
    )


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("reporter", sa.String(200), nullable=False),
        sa.Column("violation", sa.String(30), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_reports_item_id_items"),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
    )
    op.create_index("uq_reports_item_reporter", "reports", ["item_id", "reporter"], unique=True)


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_policies"),
    )


def _policy_activations() -> None:
    op.create_table(
        "policy_activations",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("policy_digest", sa.String(71), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_digest"],
            ["policies.digest"],
            name="fk_policy_activations_policy_digest_policies",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_policy_activations"),
    )
    op.create_index("ix_policy_activations_kind", "policy_activations", ["kind", "id"])


def _backtests() -> None:
    op.create_table(
        "backtests",
        sa.Column("policy_digest", sa.String(71), nullable=False),
        sa.Column("against_digest", sa.String(71), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_digest"], ["policies.digest"], name="fk_backtests_policy_digest_policies"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_backtests"),
    )


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name="pk_answers"),
    )
    op.create_index("ix_answers_created_at", "answers", ["created_at"])
