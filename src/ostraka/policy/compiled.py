"""A policy made ready: conditions compiled once, marks looked up once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from operator import ge
from typing import Any

from ostraka.policy.document import PolicyDocument, parse_policy
from ostraka.policy.expressions import Answer, Expression
from ostraka.policy.facts import AuthorFacts, Facts
from ostraka.policy.parts import CategoryPolicy, LadderStep, Queue, Rule
from ostraka.policy.remembering import REMEMBERED, Remembered
from ostraka.policy.severity import Severity
from ostraka.taxonomy import ViolationType


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its condition, and each of its categories with the score at which it fires."""

    rule: Rule
    expression: Expression | None
    marks: tuple[tuple[str, float], ...]
    thresholds: dict[str, float] = field(init=False, compare=False, repr=False)
    """The marks as a step of a path shows them: one table for all steps, so nobody changes it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", dict(self.marks))

    def holds(self, facts: Facts) -> Answer:
        """Whether it matches, or in words why its condition cannot be evaluated.

        Scores are looked at first: most items reach no mark, and then CEL is not asked.
        """
        if self.marks:
            scores = facts.scores
            for category, mark in self.marks:
                # A category that was not scored, like one scored as no number, reaches no mark.
                score = scores.get(category)
                if score is not None and score >= mark:
                    break
            else:
                return False
        return True if self.expression is None else self.expression(facts)

    def fired(self, facts: Facts) -> list[str]:
        """Its categories that reach their mark."""
        scores = facts.scores
        return [
            category
            for category, mark in self.marks
            if (score := scores.get(category)) is not None and score >= mark
        ]


@dataclass(frozen=True, slots=True)
class CompiledQueue:
    """A queue with its condition."""

    queue: Queue
    expression: Expression | None

    def takes(self, facts: Facts, violation: str, severity: Severity, outcome: Any) -> Answer:
        """Whether a case belongs here, or why that cannot be said."""
        queue = self.queue
        if queue.violations and violation not in queue.violations:
            return False
        if queue.severity is not None and severity.rank < queue.severity.rank:
            return False
        return True if self.expression is None else self.expression(facts, outcome)


class _Unmarked:
    """The rules that no score decides. Most items share what these ask for, so that it is
    remembered which of them do not say no: mostly none.
    """

    def __init__(self, rules: tuple[CompiledRule, ...]) -> None:
        self._rules = rules
        asked = [each.expression.asked for each in rules if each.expression is not None]
        self._remembered: Remembered[tuple[CompiledRule, ...]] | None = None
        if None not in asked:
            # Only what is read in the same way is the same: rules may narrow a map to other keys.
            reads = {read: None for each in asked for read in (each or {}).values()}
            self._remembered = Remembered(tuple(reads))

    def candidates(self, facts: Facts) -> tuple[CompiledRule, ...]:
        """The rules that match, or cannot be evaluated, and maybe others."""
        if self._remembered is None:
            return self._rules
        return self._remembered.answer(facts, self._that_may_match)

    def _that_may_match(self, facts: Facts) -> tuple[CompiledRule, ...]:
        return tuple(each for each in self._rules if each.holds(facts) is not False)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a policy asks of items in which the same categories were scored, in the same order."""

    names: tuple[str, ...]
    marks: tuple[float, ...]
    """For each of these categories the score below which it makes no rule match."""
    is_complete: bool
    """Whether every category that must be scored is among them, and any at all."""

    def reaches(self, scores: Mapping[str, float]) -> bool:
        """Whether one of these scores may make a rule match. One that is no number does not."""
        return any(map(ge, scores.values(), self.marks))


class Policy:
    """A document that can be evaluated. Immutable, and safe to share between threads."""

    def __init__(self, document: PolicyDocument) -> None:
        self.document = document
        self.digest = document.digest
        self.name = document.name
        categories = document.categories
        self.rules = tuple(
            CompiledRule(
                rule,
                Expression(rule.when) if rule.when else None,
                tuple((name, categories[name].mark(rule.level)) for name in rule.categories),
            )
            for rule in document.rules
        )
        self.queues = tuple(
            CompiledQueue(queue, Expression(queue.when, routes=True) if queue.when else None)
            for queue in document.queues
        )
        self._unmarked = _Unmarked(tuple(each for each in self.rules if not each.marks))
        self._lowest = _lowest(self.rules)
        self._scored: dict[tuple[str, ...], Scored] = {}
        self.zero_tolerance = tuple(
            dict.fromkeys(
                name
                for each in self.rules
                if each.rule.zero_tolerance
                for name in each.rule.categories
            )
        )
        self.must_be_scored = tuple(
            name for name, category in categories.items() if category.unscored == "people"
        )

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """The policy that `text` writes.

        Raises:
            PolicyError: with every fault found, each with its place.
        """
        return cls(parse_policy(text))

    def __repr__(self) -> str:
        """Name and digest."""
        return f"Policy({self.name!r}, {self.digest[:19]})"

    def scored(self, scores: Mapping[str, float]) -> Scored:
        """What is asked of items with scores of these categories: few sets of them ever come."""
        names = tuple(scores)
        known = self._scored.get(names)
        if known is None:
            known = Scored(
                names,
                tuple(self._lowest.get(name, inf) for name in names),
                bool(names) and all(name in scores for name in self.must_be_scored),
            )
            if len(self._scored) >= REMEMBERED:
                self._scored.clear()
            self._scored[names] = known
        return known

    def candidates(self, facts: Facts) -> tuple[CompiledRule, ...]:
        """The rules that may match: all, or some without marks where no score reaches any."""
        if self.scored(facts.scores).reaches(facts.scores):
            return self.rules
        return self._unmarked.candidates(facts)

    def is_plain(self, facts: Facts) -> bool:
        """Whether it is known without looking at each rule that none of them speaks against it.

        Then `evaluate` approves it, as most items, and who only counts needs no outcome.
        """
        scores = facts.scores
        scored = self.scored(scores)
        return (
            scored.is_complete
            and not scored.reaches(scores)
            and not self._unmarked.candidates(facts)
            and not isnan(sum(scores.values()))
        )

    def rule(self, name: str) -> CompiledRule | None:
        """The rule of that name; None for what every policy does by itself."""
        return next((each for each in self.rules if each.rule.name == name), None)

    def gravest(self, categories: list[str]) -> tuple[ViolationType, Severity]:
        """Violation and severity of the gravest of `categories`, the first among equals."""
        if not categories:
            return ViolationType.NONE, Severity.MEDIUM
        tables: Mapping[str, CategoryPolicy] = self.document.categories
        found = max((tables[name] for name in categories), key=lambda each: each.severity.rank)
        return found.violation, found.severity

    def ladder_step(self, severity: Severity, author: AuthorFacts) -> int:
        """The first step that applies; the last one always does."""
        steps = self.document.ladder
        for number, step in enumerate(steps):
            if applies(step, severity, author):
                return number
        return len(steps) - 1

    def doubt(self, facts: Facts) -> float:
        """How near the scores come to being decided otherwise, from 0 to 1."""
        if not facts.sure:
            return 1.0
        return max(self._doubts(facts.scores), default=1.0)

    def _doubts(self, scores: Mapping[str, float]) -> Iterator[float]:
        for name, category in self.document.categories.items():
            score = scores.get(name)
            if score is not None:
                low, high = category.mark("doubtful"), category.threshold
                distance = max(low - score, score - high, 0.0)
                yield max(0.0, 1.0 - 2.0 * distance)


def applies(step: LadderStep, severity: Severity, author: AuthorFacts) -> bool:
    """Whether every condition of `step` holds."""
    return (
        (step.severity is None or severity.rank >= step.severity.rank)
        and (step.violations is None or author.violations >= step.violations)
        and (step.strikes is None or author.strikes >= step.strikes)
    )


def _lowest(rules: tuple[CompiledRule, ...]) -> dict[str, float]:
    """For each category the score below which it makes no rule match."""
    lowest: dict[str, float] = {}
    for compiled in rules:
        for category, mark in compiled.marks:
            lowest[category] = min(mark, lowest.get(category, mark))
    return lowest
