"""What the policy says of decisions, and whether a decision is one that may be made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from ostraka.errors import InvalidInputError
from ostraka.policy.document import PolicyDocument
from ostraka.review.strikes import DEFAULT_BAN, STRIKING, Strike
from ostraka.taxonomy import Action, ViolationType

GRACE: Final = timedelta(seconds=60)
MOST_REASON_CHARACTERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who acts on cases. Persons and agents obey the same rules."""

    id: str
    kind: Literal["person", "agent"]
    lead: bool = False
    """Whether they may decide what was escalated, act in bulk and undo what others did."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a reviewer says of a case."""

    action: Action
    violation: ViolationType
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the policy that is active says of decisions."""

    policy_digest: str
    grace: timedelta = GRACE
    """For how long a decision can be undone before anybody outside hears of it."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """What an action weighs on the author's record; 1 where none is named."""
    strikes_expire: timedelta | None = None
    ban: timedelta = DEFAULT_BAN
    """How long a temporary ban lasts."""
    reasons_for: frozenset[Action] = frozenset()
    """The actions that need reasons."""
    second_review: Mapping[str, float] = field(default_factory=dict)
    """By queue, the share of decided cases that somebody else decides again."""
    golden: Mapping[str, float] = field(default_factory=dict)
    """By queue, how many cases whose right decision is known are dealt for each other one."""

    @classmethod
    def of(cls, policy: PolicyDocument) -> Self:
        """The terms of a policy."""
        strikes = policy.strikes
        expire = strikes.lasts_days
        return cls(
            policy_digest=policy.digest,
            grace=timedelta(seconds=policy.grace_seconds),
            weights={str(action): strikes.weight(action) for action in STRIKING},
            strikes_expire=None if expire is None else timedelta(days=expire),
            ban=timedelta(days=policy.ban_days),
            reasons_for=frozenset(policy.reasons_for),
            second_review={queue.name: queue.second_review for queue in policy.queues},
            golden={queue.name: queue.golden for queue in policy.queues},
        )

    def strike(self, ruling: Ruling, now: datetime, decision_id: str) -> Strike | None:
        """What a decision puts on the author's record."""
        if ruling.action not in STRIKING:
            return None
        temporary = ruling.action is Action.BAN_TEMPORARY
        return Strike(
            action=ruling.action,
            violation=str(ruling.violation),
            weight=self.weights.get(ruling.action, 1.0),
            expires_at=None if self.strikes_expire is None else now + self.strikes_expire,
            banned_until=now + self.ban if temporary else None,
            decision_id=decision_id,
        )


def check_ruling(ruling: Ruling, terms: Terms) -> None:
    """Refuse what does not fit together.

    Raises:
        InvalidInputError: names the field and what it may be.
    """
    if ruling.action is Action.APPROVE and ruling.violation is not ViolationType.NONE:
        raise InvalidInputError(
            "An item that is approved has no violation.", field="violation", valid=["none"]
        )
    if ruling.action in STRIKING and ruling.violation is ViolationType.NONE:
        raise InvalidInputError(
            f"The action '{ruling.action}' needs the violation that it is for.",
            field="violation",
            valid=[str(each) for each in ViolationType if each is not ViolationType.NONE],
        )
    if len(ruling.reasons) > MOST_REASON_CHARACTERS:
        raise InvalidInputError(
            f"Reasons have {MOST_REASON_CHARACTERS:,} characters at most.", field="reasons"
        )
    if ruling.action in terms.reasons_for and not ruling.reasons.strip():
        raise InvalidInputError(
            f"The policy wants reasons for the action '{ruling.action}'.",
            field="reasons",
            valid="a sentence for the people who will ask why",
        )
