"""The tables of conversation trees.

What contributors said is append-only: a review or vote that is withdrawn keeps its row, with the
moment. No column counts what rows count already. The text of a message is in one place: a task
refers to it and holds no copy.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class ContributorRow(Identified, Base):
    """Somebody who contributes through a client. No profile that a client sends lifts a ban."""

    __tablename__ = "contributors"
    __table_args__ = (
        UniqueConstraint("client", "auth_method", "username", name="uq_contributors_username"),
        Index("ix_contributors_name", "username", "id"),
        Index("ix_contributors_display_name", "display_name", "id"),
    )

    client: Mapped[str] = mapped_column(String(64))
    """The API key whose client knows them by this name."""
    auth_method: Mapped[str] = mapped_column(String(20))
    username: Mapped[str] = mapped_column(String(200))
    display_name: Mapped[str] = mapped_column(String(200))
    show_on_leaderboard: Mapped[bool]
    terms_accepted_at: Mapped[datetime | None]
    banned_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    notes: Mapped[str] = mapped_column(Text)
    streak_began: Mapped[datetime | None]
    last_active_at: Mapped[datetime | None]
    merged_into: Mapped[str | None] = mapped_column(String(64))
    """The contributor that this one turned out to be."""


class TreeRow(Identified, Base):
    """A tree. Whoever changes anything in it locks this row first, so it has one writer."""

    __tablename__ = "trees"
    __table_args__ = (Index("ix_trees_state", "state", "language", "id"),)

    language: Mapped[str] = mapped_column(String(35))
    state: Mapped[str] = mapped_column(String(30))
    halted_from: Mapped[str | None] = mapped_column(String(30))
    goal_tree_size: Mapped[int]
    max_depth: Mapped[int]
    max_children_count: Mapped[int]
    num_prompter_replies: Mapped[int]
    lottery_won_at: Mapped[datetime | None]
    forgiven_rejections: Mapped[int]
    origin: Mapped[str | None] = mapped_column(String(1000))
    opened_under: Mapped[str | None] = mapped_column(String(64))
    """Digest of the configuration that its openings were worked out under."""
    stamp: Mapped[str | None] = mapped_column(String(64))
    """Another one after every change of anything in the tree; see `known`."""


class TreeMessageRow(Identified, Base):
    """A prompt or reply. The prompt has its tree's id."""

    __tablename__ = "tree_messages"
    __table_args__ = (
        Index("ix_tree_messages_tree", "tree_id", "depth", "id"),
        Index("ix_tree_messages_parent", "parent_id"),
        Index("ix_tree_messages_author", "author", "created_at"),
        Index("ix_tree_messages_created", "created_at", "id"),
    )

    tree_id: Mapped[str] = mapped_column(String(64), ForeignKey("trees.id"))
    parent_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    author: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(35))
    depth: Mapped[int]
    deleted: Mapped[bool]
    late: Mapped[bool]
    edited: Mapped[bool]
    synthetic: Mapped[bool]
    model_name: Mapped[str | None] = mapped_column(String(1000))
    round: Mapped[int]
    accepted: Mapped[bool | None]
    decided_by: Mapped[str | None] = mapped_column(String(20))
    decided_score: Mapped[float | None]
    forgiven: Mapped[dict[str, Any]] = mapped_column(JSON)
    rank: Mapped[int | None]
    imported: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class TreeReviewRow(Identified, Base):
    """What one contributor said of a message in one round."""

    __tablename__ = "tree_reviews"
    __table_args__ = (
        Index("ix_tree_reviews_contributor", "contributor", "id"),
        Index(
            "uq_tree_reviews_once",
            "message_id",
            "contributor",
            "round",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    message_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    contributor: Mapped[str] = mapped_column(String(64))
    round: Mapped[int]
    labels: Mapped[dict[str, float]]
    withdrawn_at: Mapped[datetime | None]


class TreeVoteRow(Identified, Base):
    """One contributor's ranking of the replies to a message."""

    __tablename__ = "tree_votes"
    __table_args__ = (
        Index("ix_tree_votes_parent", "parent_id", "id"),
        Index("ix_tree_votes_contributor", "contributor", "id"),
    )

    parent_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    contributor: Mapped[str] = mapped_column(String(64))
    tiers: Mapped[list[list[str]]] = mapped_column(JSON)
    not_rankable: Mapped[bool]
    withdrawn_at: Mapped[datetime | None]
    """When the contributor's votes were withdrawn, or a candidate was edited."""


class TreeMarkRow(Base):
    """One contributor's reaction, red flag or skip on a message."""

    __tablename__ = "tree_marks"

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    contributor: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str] = mapped_column(String(30), primary_key=True)
    created_at: Mapped[datetime]


class TreeTaskRow(Identified, Base):
    """A task: a lease on a message of a tree while it is `open`.

    A task to write a prompt has no tree before it is done; then it has the new one.
    """

    __tablename__ = "tree_tasks"
    __table_args__ = (
        Index("ix_tree_tasks_contributor", "contributor", "created_at"),
        Index(
            "uq_tree_tasks_open",
            "message_id",
            "contributor",
            "activity",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_tree_tasks_open",
            "tree_id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_tree_tasks_expiry",
            "expires_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_tree_tasks_prompts",
            "language",
            sqlite_where=text("state = 'open' AND activity = 'prompt'"),
            postgresql_where=text("state = 'open' AND activity = 'prompt'"),
        ),
    )

    tree_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("trees.id"))
    message_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    contributor: Mapped[str] = mapped_column(String(64))
    activity: Mapped[str] = mapped_column(String(10))
    """`reply`, `review`, `rank`, or `prompt` for one that has no tree yet."""
    kind: Mapped[str] = mapped_column(String(30))
    language: Mapped[str] = mapped_column(String(35))
    asked: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of a review: which labels were asked for, and how; None means all."""
    state: Mapped[str] = mapped_column(String(10))
    """`open`, `done`, `skipped`, `expired` or `closed` with its tree."""
    shown: Mapped[list[str]]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(String(64))
    """Digest of what was handed in, so that what is sent again is known and not done again."""
    made_id: Mapped[str | None] = mapped_column(String(64))
    """The message that was written."""


class TreeEventRow(Identified, Base):
    """What happened to a tree, by whom and why; never changed."""

    __tablename__ = "tree_events"
    __table_args__ = (Index("ix_tree_events_tree", "tree_id", "id"),)

    tree_id: Mapped[str] = mapped_column(String(64), ForeignKey("trees.id"))
    actor: Mapped[str] = mapped_column(String(64))
    act: Mapped[str] = mapped_column(String(30))
    """What was done, or `moved` for a transition."""
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


class TreeOpeningRow(Base):
    """Work on a message that there is, so that the next task is found without reading any tree.

    Written with every change of a tree, in the same transaction, out of the rules that accept
    work: it holds no rule of its own.
    """

    __tablename__ = "tree_openings"
    __table_args__ = (
        Index("ix_tree_openings_tree", "tree_id"),
        Index(
            "ix_tree_openings_next",
            "language",
            "kind",
            "is_free",
            "lonely",
            "missing",
            "shuffle",
        ),
    )

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    activity: Mapped[str] = mapped_column(String(10), primary_key=True)
    tree_id: Mapped[str] = mapped_column(String(64), ForeignKey("trees.id"))
    kind: Mapped[str] = mapped_column(String(30))
    language: Mapped[str] = mapped_column(String(35))
    is_free: Mapped[bool]
    """Whether somebody new could begin now: not all places are held by open tasks."""
    lonely: Mapped[bool]
    missing: Mapped[int]
    """How many more people it needs."""
    shuffle: Mapped[int] = mapped_column(BigInteger)
    """Where it stands in an order that means nothing, to draw from without reading all."""


class TreeBarRow(Base):
    """Somebody for whom an opening is not, and why: it is their own, they did or skipped it."""

    __tablename__ = "tree_bars"
    __table_args__ = (Index("ix_tree_bars_tree", "tree_id"),)

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    activity: Mapped[str] = mapped_column(String(10), primary_key=True)
    contributor: Mapped[str] = mapped_column(String(64), primary_key=True)
    tree_id: Mapped[str] = mapped_column(String(64), ForeignKey("trees.id"))
    why: Mapped[str] = mapped_column(String(30))


class TreeClientIdRow(Base):
    """What a client calls a task or message of ours."""

    __tablename__ = "tree_client_ids"
    __table_args__ = (Index("ix_tree_client_ids_ours", "ours"),)

    client: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    """`task` or `message`."""
    theirs: Mapped[str] = mapped_column(String(200), primary_key=True)
    ours: Mapped[str] = mapped_column(String(64))


class TreeLabelRow(Identified, Base):
    """What somebody said of a message or text without a task; it decides nothing.

    Append-only: of one contributor and message the newest counts.
    """

    __tablename__ = "tree_labels"
    __table_args__ = (
        Index("ix_tree_labels_message", "message_id", "id"),
        Index("ix_tree_labels_contributor", "contributor", "id"),
    )

    contributor: Mapped[str] = mapped_column(String(64))
    message_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    text: Mapped[str] = mapped_column(Text)
    """The text without a message, or why a message was reported."""
    labels: Mapped[dict[str, float]]
    is_report: Mapped[bool]


class TreeFlagRow(Base):
    """A message that was reported, for somebody to look at; a new report opens it again."""

    __tablename__ = "tree_flags"
    __table_args__ = (Index("ix_tree_flags_reported", "reported_at", "message_id"),)

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    reported_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    processed_by: Mapped[str | None] = mapped_column(String(64))


class TreeRevisionRow(Identified, Base):
    """A text that a message had; the first one is the original."""

    __tablename__ = "tree_revisions"
    __table_args__ = (Index("ix_tree_revisions_message", "message_id", "id"),)

    message_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    text: Mapped[str] = mapped_column(Text)
    editor: Mapped[str | None] = mapped_column(String(64))
