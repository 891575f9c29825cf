"""What comes of an evaluation. The decision is made at once; words, path and queue on demand."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ostraka.policy.compiled import Policy
from ostraka.policy.facts import Facts
from ostraka.policy.path import Decided, Step, path_of, routed, why_of
from ostraka.policy.severity import Severity
from ostraka.taxonomy import Action, ViolationType


@dataclass(frozen=True, slots=True)
class UrgencyFacts:
    """What makes a case more urgent than others of its queue.

    `doubt` is 1 where a score lies between the marks of its category or the last assessor was
    unsure, and falls to 0 with the distance from every mark.
    """

    severity: Severity
    reach: int
    reports: int
    doubt: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy says of an item.

    `needs_people` is true where people must decide, or look at what took effect. `strike_weight`
    is what the author's record gains by it, `ban_days` how long a temporary ban lasts.
    """

    action: Action
    violation: ViolationType
    severity: Severity
    rule: str
    needs_people: bool
    strike_weight: float
    ban_days: float | None
    zero_tolerance: bool
    policy: Policy = field(repr=False, compare=False)
    facts: Facts = field(repr=False)
    ladder_step: int | None = None
    """The number of the ladder's step that chose the action, counted from 0."""
    error: str = ""
    """Why the rule's condition could not be evaluated, where that is so."""

    @property
    def why(self) -> str:
        """Rule, scores, ladder and action in sentences."""
        return why_of(self._decided)

    @property
    def path(self) -> tuple[Step, ...]:
        """Every rule that was looked at, in order; then the ladder, and queues that failed."""
        return tuple(path_of(self._decided))

    @property
    def queue(self) -> str:
        """The queue in which a case about it waits, whether or not one is opened now."""
        return routed(self._decided)[0]

    @property
    def urgency(self) -> UrgencyFacts:
        """What the queue orders by."""
        doubt = self.policy.doubt(self.facts)
        reports = self.facts.reports.count
        return UrgencyFacts(self.severity, self.facts.item.reach, reports, doubt)

    @property
    def _decided(self) -> Decided:
        return Decided(
            self.policy,
            self.facts,
            self.action,
            self.violation,
            self.severity,
            self.rule,
            self.ladder_step,
            self.error,
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON, with the path."""
        return {
            "action": self.action.value,
            "violation": self.violation.value,
            "severity": self.severity.value,
            "rule": self.rule,
            "why": self.why,
            "needs_people": self.needs_people,
            "queue": self.queue,
            "strike_weight": self.strike_weight,
            "ban_days": self.ban_days,
            "zero_tolerance": self.zero_tolerance,
            "urgency": asdict(self.urgency),
            "path": [step.as_dict() for step in self.path],
            "policy": self.policy.digest,
        }
