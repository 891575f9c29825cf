"""What contributors have done, as points, levels, streaks and places on a board."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

STREAK_ENDS_AFTER: Final = timedelta(hours=36)
GOOD_AGREEMENT: Final = 0.75
"""The share of pairs in which a ranking must agree with the consensus to be a good one."""


class Frame(StrEnum):
    """A span of time that a board looks at."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"

    def begins(self, now: datetime) -> datetime | None:
        """From when on things count: a day is 24 hours, a week and a month begin at midnight."""
        if self is Frame.DAY:
            return now - timedelta(days=1)
        if self is Frame.TOTAL:
            return None
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=7 if self is Frame.WEEK else 30)


@dataclass(frozen=True, slots=True)
class Contributions:
    """How much one contributor did in a frame."""

    prompts: int = 0
    replies_assistant: int = 0
    replies_prompter: int = 0
    labels_simple: int = 0
    labels_full: int = 0
    rankings_total: int = 0
    rankings_good: int = 0
    accepted_prompts: int = 0
    accepted_replies_assistant: int = 0
    accepted_replies_prompter: int = 0
    reply_ranked_1: int = 0
    reply_ranked_2: int = 0
    reply_ranked_3: int = 0


def leader_score(done: Contributions) -> int:
    """The points of a contributor."""
    return (
        int(done.prompts * 0.1)
        + 4 * done.replies_assistant
        + done.replies_prompter
        + done.labels_simple
        + 2 * done.labels_full
        + done.rankings_total
        + done.rankings_good
        + int(done.accepted_prompts * 0.1)
        + 4 * done.accepted_replies_assistant
        + done.accepted_replies_prompter
        + 9 * done.reply_ranked_1
        + 3 * done.reply_ranked_2
        + done.reply_ranked_3
    )


@dataclass(frozen=True, slots=True)
class Received:
    """What others said of one contributor's messages; labels are sums of whole numbers."""

    red_flags: int = 0
    upvotes: int = 0
    downvotes: int = 0
    spam_prompts: int = 0
    lang_mismatch: int = 0
    not_appropriate: int = 0
    pii: int = 0
    hate_speech: int = 0
    sexual_content: int = 0
    political_content: int = 0


def troll_score(received: Received) -> int:
    """How much trouble a contributor makes."""
    return (
        3 * received.red_flags
        - received.upvotes
        + received.downvotes
        + received.spam_prompts
        + received.lang_mismatch
        + received.not_appropriate
        + received.pii
        + received.hate_speech
        + received.sexual_content
        + received.political_content
    )


def _thresholds() -> tuple[int, ...]:
    total, found = 0.0, [0]
    for step in range(1, 100):
        total += 1.1521 * step + 3
        found.append(round(total))
    return tuple(found)


LEVELS: Final = _thresholds()
"""The points that each level begins with."""


def level(score: int) -> int:
    """The level of a contributor who has any points to count."""
    return sum(threshold <= score for threshold in LEVELS)


@dataclass(frozen=True, slots=True)
class Streak:
    """Since when somebody contributes without a long pause."""

    began: datetime
    last: datetime

    def days(self, now: datetime) -> int:
        """Whole days since it began; none once the pause is too long, whoever looks."""
        if now - self.last > STREAK_ENDS_AFTER or self.began > now:
            return 0
        return (self.last - self.began) // timedelta(days=1)


def streak_after(streak: Streak | None, now: datetime) -> Streak:
    """The streak after a contribution."""
    if streak is None or streak.began > now or now - streak.last > STREAK_ENDS_AFTER:
        return Streak(now, now)
    return Streak(streak.began, max(now, streak.last))


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a board."""

    contributor: str
    score: int
    rank: int


def board(scores: Mapping[str, int]) -> list[Place]:
    """Contributors by points; equal points are told apart by id, so that places are stable."""
    order = sorted(scores.items(), key=lambda each: (-each[1], each[0]))
    return [Place(name, score, rank) for rank, (name, score) in enumerate(order, start=1)]


def window(places: Sequence[Place], contributor: str, size: int) -> list[Place]:
    """So many lines of a board around a contributor, who is in the middle where that can be."""
    at = next((i for i, place in enumerate(places) if place.contributor == contributor), None)
    if at is None:
        return []
    start = max(0, min(at - size // 2, len(places) - size))
    return list(places[start : start + size])
