"""What two versions say of the same items, side by side: the shape that backtests and shadow runs
share. Plain values, which are kept and shown as JSON; texts are looked up when they are shown,
since they may have to be erased.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from ostraka.estimates.shares import Share


@dataclass(frozen=True, slots=True)
class Cell:
    """Of how many items one version says `before` and the other `after`."""

    before: str
    after: str
    items: int


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many items a rule of the policy decided."""

    rule: str
    items: int


@dataclass(frozen=True, slots=True)
class Example:
    """An item of which the two say different things, or of which one says other than people."""

    item_id: str
    verdict_id: str
    before: str
    """Action."""
    after: str
    violation_before: str
    violation_after: str
    rule_before: str
    rule_after: str
    why: str
    """What decides now, as a sentence."""
    people: str | None = None
    """What people decided, where they did."""
    text: str | None = None
    """Looked up when it is shown and never kept, since it may have to be erased."""


@dataclass(frozen=True, slots=True)
class AgainstPeople:
    """One version measured by what people decided.

    An item counts as a violation where people warned, removed or banned. `precision`: of the items
    that the version acts on by itself, how many people found to be violations. `recall`: of the
    violations, how many it acts on by itself; `found`: how many it acts on or shows to people.
    """

    decided: int
    """Items that people decided and that could be compared."""
    same_action: Share
    precision: Share
    recall: Share
    found: Share


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions over the same items: `before` is what acts, `after` what is tried."""

    items: int
    same: Share
    """Items of which both say the same action."""
    matrix: tuple[Cell, ...]
    """Every pair of actions that occurs, the most frequent first."""
    violations_changed: int
    """Items with the same action for another violation."""
    newly_caught: int
    """Approved before, now acted on or shown to people."""
    newly_freed: int
    """Approved now, and not before."""
    caught: tuple[Example, ...]
    freed: tuple[Example, ...]
    changed: tuple[Example, ...]
    """Other changes of the action."""
    people_before: AgainstPeople
    people_after: AgainstPeople
    against_people: tuple[Example, ...]
    """Where what is tried says other than people did."""


@dataclass(frozen=True, slots=True)
class NotReplayed:
    """Items that could not be replayed, and why, with a few of them."""

    reason: str
    items: int
    item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unscored:
    """A category that rules ask about and that items were not scored for."""

    category: str
    items: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a version asks of people and of models, per day of the period."""

    days: float
    cases_before: int
    cases_after: int
    cases_per_day_before: float
    cases_per_day_after: float
    judge_calls: int
    """Items for which an LLM judge was asked; a policy does not change that."""
    judge_calls_per_day: float
    model_calls: int
    """Made by the backtest: none, since scores are reused."""
    model_calls_to_complete: int
    """What it would take to score the items that lack a category which the policy asks about."""


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a draft would have done with stored items, with their scores and facts as they were."""

    policy: str
    """The draft's digest."""
    against: str
    """Digest of the policy that acted when the backtest was made."""
    since: str | None
    until: str | None
    """The first and last item, as moments in ISO 8601."""
    items: int
    """Looked at."""
    replayed: int
    not_replayed: tuple[NotReplayed, ...]
    unscored: tuple[Unscored, ...]
    compared: Compared
    rules: tuple[RuleCount, ...]
    """The draft's rules that decided, the most frequent first."""
    idle_rules: tuple[str, ...]
    """The draft's rules that decided nothing."""
    cost: Cost
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `as_dict` wrote."""
        return msgspec.convert(data, cls)


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a draft or a candidate model said of live traffic beside what acted."""

    kind: str
    """`policy` or `model`."""
    subject: str
    """The policy's digest, or the model's name with its version."""
    running: bool
    since: str | None
    until: str | None
    """The first and last item of the run."""
    compared: Compared
    minimum: int
    """How many items a run must have seen before its subject may act."""
    missing: int
    """How many of them are missing."""
    ready: bool
    waiting: int
    """Pieces of work that are still to be looked at."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return written
