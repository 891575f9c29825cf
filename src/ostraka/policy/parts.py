"""The tables of a policy document, each with what its fields may be. All are frozen."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ostraka.policy.severity import Severity
from ostraka.taxonomy import Action, ViolationType

LADDER: Final = "ladder"
"""The action of a rule that leaves the choice to the ladder."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Days = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9_/-]*$")]
Level = Literal["doubtful", "violation"]
"""`violation` is from a category's threshold upwards, `doubtful` from its lower mark upwards."""


def _tuple(value: Any) -> Any:
    """TOML's arrays are lists."""
    return tuple(value) if isinstance(value, list) else value


def _one_of(*enums: Iterable[str]) -> Any:
    """A name out of `enums`, as TOML writes it."""
    names: dict[Any, Any] = {str(each): each for enum in enums for each in enum}

    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"{value!r} is not valid; one of {', '.join(names)}")
        return names[value]

    return BeforeValidator(read)


SeverityName = Annotated[Severity, _one_of(Severity)]
ViolationName = Annotated[ViolationType, _one_of(ViolationType)]
ActionName = Annotated[Action, _one_of(Action)]
RuleAction = Annotated[Action | Literal["ladder"], _one_of(Action, [LADDER])]
Frozen: Final = BeforeValidator(_tuple)
Names = Annotated[tuple[str, ...], Frozen]
Actions = Annotated[tuple[ActionName, ...], Frozen]
Violations = Annotated[tuple[ViolationName, ...], Frozen]


class Part(BaseModel):
    """A table of the document: nothing unknown in it, nothing converted, nothing changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CategoryPolicy(Part):
    """From which score a category counts, and as what."""

    threshold: Share
    """From this score up it is a violation."""
    doubtful: Share | None = None
    """From this score up to the threshold people decide; without it there is no doubt."""
    severity: SeverityName
    violation: ViolationName
    unscored: Literal["ignore", "people"] = "ignore"
    """What an item without a score for it means: nothing, or that people look before approval."""
    custom: bool = False
    """A category that is not of Ostraka's taxonomy: some assessor of yours scores it."""
    note: str = ""

    def mark(self, level: Level) -> float:
        """The score at which `level` begins."""
        return (
            self.doubtful if level == "doubtful" and self.doubtful is not None else self.threshold
        )


class Rule(Part):
    """What calls for an action: scores at a level, a condition, or both."""

    name: Name
    categories: Names = ()
    """It needs one of these at its level…"""
    level: Level = "violation"
    when: str = ""
    """… and this CEL condition."""
    action: RuleAction
    violation: ViolationName | None = None
    """Default: that of the gravest category that fired."""
    severity: SeverityName | None = None
    strike_weight: Amount | None = None
    """Default: the weight of the action."""
    ban_days: Days | None = None
    zero_tolerance: bool = False
    people: bool = False
    """The action takes effect, and people look at it as well."""
    explanation: str = ""


class LadderStep(Part):
    """One step: it applies if every condition that it has holds."""

    action: ActionName
    severity: SeverityName | None = None
    """The violation is at least as grave as this."""
    violations: Annotated[int, Field(ge=1)] | None = None
    """The author has at least so many upheld violations, ever."""
    strikes: Annotated[float, Field(gt=0)] | None = None
    """The author's strikes that have not expired weigh at least so much."""
    ban_days: Days | None = None


class Strikes(Part):
    """What an upheld violation weighs on its author's record, by what was done; for how long."""

    warn: Amount = 0.5
    remove: Amount = 1.0
    ban_temporary: Amount = 2.0
    ban_permanent: Amount = 3.0
    expire_days: Amount = 180.0
    """0: they never expire."""

    def weight(self, action: Action) -> float:
        """The weight of `action`; what approves or asks people weighs nothing."""
        if action in (Action.APPROVE, Action.ESCALATE):
            return 0.0
        return float(getattr(self, action.value))

    @property
    def lasts_days(self) -> float | None:
        """For how long a strike counts; None for ever."""
        return self.expire_days or None


class Queue(Part):
    """Where cases wait: which ones, until when, and how many people decide each."""

    name: Name
    violations: Violations = ()
    severity: SeverityName | None = None
    """At least so grave."""
    when: str = ""
    """A CEL condition, over the facts and `outcome`."""
    deadline_hours: Annotated[float, Field(gt=0)] = 24.0
    reviewers: Annotated[int, Field(ge=1, le=9)] = 1
    """How many distinct people decide a case."""
    second_review: Share = 0.0
    """The share of decided cases that somebody else decides again, blind."""
    golden: Share = 0.0
    """The share of dealt cases whose right decision is known."""
    description: str = ""

    @property
    def deadline_seconds(self) -> float:
        """From the opening of a case to its deadline."""
        return self.deadline_hours * HOUR


class Appeals(Part):
    """Whether and how authors may ask to look again."""

    allowed: bool = True
    within_days: Days = 180.0
    """For how long after an action."""
    reviewers: Annotated[int, Field(ge=1, le=9)] = 1
    deadline_hours: Annotated[float, Field(gt=0)] = 72.0


class Example(Part):
    """A test of the policy: facts, or a text that a classifier scores, and what must come of it."""

    name: str = Field(min_length=1)
    text: str | None = None
    scores: dict[str, Share] = {}
    facts: dict[str, Any] = {}
    """Any facts but the scores, as `Facts.from_dict` takes them."""
    action: ActionName
    violation: ViolationName | None = None
    rule: str | None = None
    queue: str | None = None
