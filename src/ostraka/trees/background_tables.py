"""The tables of what happens behind the trees: counts, near-duplicates and rewards."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class TreeTallyRow(Base):
    """A count of what somebody did or received in an hour, on a day, or ever.

    Kept in the transaction of the act that changes it, so it always agrees with the trees' rows.
    """

    __tablename__ = "tree_tallies"
    __table_args__ = (Index("ix_tree_tallies_span", "span", "begins"),)

    contributor: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    span: Mapped[str] = mapped_column(String(10), primary_key=True)
    """`hour`, `day` or `total`."""
    begins: Mapped[datetime] = mapped_column(primary_key=True)
    amount: Mapped[float]


class TreePromptBandRow(Base):
    """One part of a prompt's MinHash: prompts that share one may be nearly the same."""

    __tablename__ = "tree_prompt_bands"
    __table_args__ = (Index("ix_tree_prompt_bands_digest", "band", "digest"),)

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    band: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[int] = mapped_column(BigInteger)


class TreeNearDuplicateRow(Base):
    """A prompt that says nearly what an earlier one says."""

    __tablename__ = "tree_near_duplicates"

    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("tree_messages.id"), primary_key=True
    )
    of_message_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    similarity: Mapped[float]
    created_at: Mapped[datetime]


class TreeRewardRow(Identified, Base):
    """What a reward judge made of a reply, from the message that followed it."""

    __tablename__ = "tree_rewards"
    __table_args__ = (
        Index("ix_tree_rewards_message", "message_id"),
        Index("uq_tree_rewards_once", "follow_up_id", "model", "document", unique=True),
    )

    message_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    follow_up_id: Mapped[str] = mapped_column(String(64), ForeignKey("tree_messages.id"))
    label: Mapped[str] = mapped_column(String(100))
    confidence: Mapped[float]
    reward: Mapped[float]
    counts: Mapped[bool]
    """Whether the judge was sure enough for the reward to mean anything."""
    model: Mapped[str] = mapped_column(String(300))
    document: Mapped[str] = mapped_column(String(80))
    """The digest of the label document."""
