"""What a tree is made of. All of it is values: an act gives new ones.

Counts are never kept beside what they count. How many reviews, rankings, replies or red flags there
are follows from the rows, so withdrawing a vote cannot leave a count behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

RED_FLAG: Final = "red_flag"
SKIP_REPLY: Final = "_skip_reply"
SKIP_LABELING: Final = "_skip_labeling"
SKIP_RANKING: Final = "_skip_ranking"
SKIPS: Final = (SKIP_REPLY, SKIP_LABELING, SKIP_RANKING)
REACTIONS: Final = (
    "+1",
    "-1",
    RED_FLAG,
    "100",
    "rofl",
    "clap",
    "diamond",
    "heart_eyes",
    "disappointed",
    "poop",
    "skull",
    *SKIPS,
)


class Role(StrEnum):
    """Who speaks. Along a path the two alternate."""

    PROMPTER = "prompter"
    ASSISTANT = "assistant"

    @property
    def other(self) -> "Role":
        """Who answers."""
        return Role.ASSISTANT if self is Role.PROMPTER else Role.PROMPTER


@dataclass(frozen=True, slots=True)
class Review:
    """What one contributor said of a message, through a task."""

    contributor: str
    labels: Mapping[str, float]
    round: int = 0
    """A message that was edited or reopened is reviewed anew, in the next round."""
    given_at: datetime | None = field(default=None, compare=False)
    """None while it is on its way into the database."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One contributor's reaction to a message, red flag or skip."""

    contributor: str
    code: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a message counts. It is taken once; later reviews are kept and change nothing."""

    accepted: bool
    by: Literal["reviews", "moderator", "import"] = "reviews"
    score: float | None = None
    """What it rests on: the acceptance, where reviews decided."""


@dataclass(frozen=True, slots=True)
class LabelValue:
    """The mean of what reviewers said, and how many said it."""

    value: float
    count: int


@dataclass(frozen=True, slots=True)
class ImportedFacts:
    """What a file said of a message whose single reviews and marks are not known."""

    review_count: int = 0
    labels: Mapping[str, LabelValue] = field(default_factory=lambda: MappingProxyType({}))
    emojis: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    detoxify: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Message:
    """A node of a tree."""

    id: str
    author: str | None
    role: Role
    text: str
    created_at: datetime
    parent_id: str | None = None
    depth: int = 0
    language: str = "en"
    """Of the tree: what a browser says is no reason to send a message to other reviewers."""
    deleted: bool = False
    late: bool = False
    """It came after its tree had grown up: kept, but neither reviewed nor counted."""
    edited: bool = False
    synthetic: bool = False
    model_name: str | None = None
    reviews: tuple[Review, ...] = ()
    round: int = 0
    decision: Decision | None = None
    marks: frozenset[Mark] = frozenset()
    forgiven: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many marks of a code a moderator has looked at and let pass."""
    rank: int | None = None
    """Place among its siblings in the consensus, 0 the best."""
    imported: ImportedFacts | None = None

    @property
    def accepted(self) -> bool:
        """Whether it was accepted; not the same as not rejected."""
        return self.decision is not None and self.decision.accepted

    @property
    def rejected(self) -> bool:
        """Whether it was rejected."""
        return self.decision is not None and not self.decision.accepted

    @property
    def counted_reviews(self) -> tuple[Review, ...]:
        """The reviews of the present round."""
        return tuple(review for review in self.reviews if review.round == self.round)

    def marked_by(self, contributor: str, code: str) -> bool:
        """Whether somebody put this mark on it."""
        return Mark(contributor, code) in self.marks

    def open_marks(self, code: str) -> int:
        """How many marks of a code no moderator has let pass."""
        return sum(mark.code == code for mark in self.marks) - self.forgiven.get(code, 0)


@dataclass(frozen=True, slots=True)
class RankingVote:
    """One contributor's order of the replies to a message, best first; a tier holds equals."""

    contributor: str
    parent_id: str
    tiers: tuple[tuple[str, ...], ...]
    not_rankable: bool = False
    """None of them can be ranked: the order is what stood on the screen, and no vote."""
    given_at: datetime | None = field(default=None, compare=False)
    """None while it is on its way into the database."""


class Activity(StrEnum):
    """What a lease in a tree is held for."""

    REPLY = "reply"
    REVIEW = "review"
    RANK = "rank"


@dataclass(frozen=True, slots=True)
class TreeLease:
    """A contributor works on a message until a moment: a reply to it, a review, a ranking."""

    id: str
    activity: Activity
    message_id: str
    contributor: str
    expires_at: datetime
    shown: tuple[str, ...] = ()
    """The replies to rank, as they were shown; a ranking answers what was shown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Copied from the configuration when a tree begins, so that later changes leave it alone."""

    goal_tree_size: int
    max_depth: int
    max_children_count: int
    num_prompter_replies: int = 1
