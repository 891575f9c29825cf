"""What `/api/rewards` takes and answers. Imports nothing that is slow: the description reads it."""

from typing import Annotated, Any

from msgspec import Meta, Struct

MOST_CONVERSATIONS = 1000
"""In one request; whole files are for `ostraka judge rewards`, which goes on where it stopped."""


class RewardOrder(Struct, forbid_unknown_fields=True):
    """Conversations to judge: turns, OpenAI chats, ShareGPT or Open-Assistant trees, mixed freely.

    `threshold` is the confidence from which an opinion counts, the label document's unless given.
    """

    conversations: Annotated[
        list[dict[str, Any]], Meta(min_length=1, max_length=MOST_CONVERSATIONS)
    ]
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    history: bool = False


class Spoken(Struct, forbid_unknown_fields=True):
    """What one speaker said before a question."""

    role: str
    content: str


class Reward(Struct, forbid_unknown_fields=True):
    """A turn, counted from 1 in the order of the request, and what the judge thinks of it."""

    turn: int
    id: str
    question: str
    answer: str
    follow_up: str
    label: str
    confidence: float
    rationale: str
    reward: float
    should_update: bool
    outcome: str
    confidence_source: str
    model: str
    document: str
    detail: str
    history: list[Spoken] | None = None


class RewardTotals(Struct, forbid_unknown_fields=True):
    """What all turns came to; `labels` counts those that were judged."""

    turns: int
    outcomes: dict[str, int]
    labels: dict[str, int]
    updates: int
    total_reward: float


class BadConversation(Struct, forbid_unknown_fields=True):
    """An entry of `conversations`, counted from 1, that holds none, and why."""

    number: int
    problem: str


class Rewards(Struct, forbid_unknown_fields=True):
    """Rewards in the order of the request."""

    data: list[Reward]
    summary: RewardTotals
    bad_conversations: list[BadConversation]
