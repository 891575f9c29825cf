"""The tables of this room."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class State(StrEnum):
    """Where a piece of work stands."""

    WAITING = "waiting"
    """Not due before `run_at`."""
    READY = "ready"
    """May be claimed."""
    LEASED = "leased"
    """A worker is at it, until `lease_until` unless it extends its lease."""
    DONE = "done"
    DEAD = "dead"
    """Given up: its attempts are used up, or another one would not help. Stays to be looked at."""
    CANCELLED = "cancelled"


UNFINISHED = (State.WAITING, State.READY, State.LEASED)
FINISHED = (State.DONE, State.DEAD, State.CANCELLED)


class WorkRow(Identified, Base):
    """One piece of work.

    Each index serves one statement and holds only the rows that it can find: a claim costs the
    same whether ten thousand rows are queued or a million.
    """

    __tablename__ = "work"

    queue: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))
    priority: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    run_at: Mapped[datetime]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    lease_until: Mapped[datetime | None]
    token: Mapped[int]
    worker: Mapped[str | None] = mapped_column(String(200))
    begun_at: Mapped[datetime | None]
    """When a person took it up. None for machines' work."""
    last_error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(String(64))
    """What people's work is about: nobody gets two pieces about one subject. None for machines."""

    __table_args__ = (
        Index(
            "ix_work_subject",
            "subject",
            postgresql_where=text("subject IS NOT NULL"),
            sqlite_where=text("subject IS NOT NULL"),
        ),
        Index(
            "ix_work_ready",
            "queue",
            priority.desc(),
            "id",
            postgresql_where=text("state = 'ready'"),
            sqlite_where=text("state = 'ready'"),
        ),
        Index(
            "ix_work_leased",
            "lease_until",
            postgresql_where=text("state = 'leased'"),
            sqlite_where=text("state = 'leased'"),
        ),
        Index(
            "ix_work_waiting",
            "run_at",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
    )


class StepRow(Base):
    """The memo of a step that is done: a later attempt reads its result and goes on behind it."""

    __tablename__ = "work_steps"

    work_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("work.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)


class BarRow(Base):
    """Somebody who must not get work about a subject: its author, its first decider, a skipper."""

    __tablename__ = "work_bars"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    worker: Mapped[str] = mapped_column(String(200), primary_key=True)
    reason: Mapped[str] = mapped_column(String(50))
