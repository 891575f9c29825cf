"""How an outcome came about: step by step, in words, and where a case about it would wait."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ostraka.policy.compiled import CompiledRule, Policy
from ostraka.policy.facts import Facts
from ostraka.policy.severity import Severity
from ostraka.policy.words import NAMES_OF_ACTIONS, score_words, sentence, step_words
from ostraka.taxonomy import Action, ViolationType

DEFAULT: Final = "default"
"""The rule of what no rule speaks against."""
NOT_ASSESSED: Final = "not-assessed"
"""The rule of what was not scored at all."""
NOT_SCORED: Final = "not-scored"
"""The rule of what lacks the score of a category that must be scored."""


class Decided(NamedTuple):
    """What was decided, from which the rest follows."""

    policy: Policy
    facts: Facts
    action: Action
    violation: ViolationType
    severity: Severity
    rule: str
    ladder_step: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was looked at: what it asked for, what it found, and how that ended."""

    rule: str
    matched: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Each fact that it asks about with its value; a score that is absent is None."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    condition: str = ""
    error: str = ""
    """Why its condition could not be evaluated."""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        found: dict[str, Any] = {"rule": self.rule, "matched": self.matched}
        if self.facts:
            found["facts"] = self.facts
        if self.thresholds:
            found["thresholds"] = self.thresholds
        if self.condition:
            found["condition"] = self.condition
        if self.error:
            found["error"] = self.error
        if self.note:
            found["note"] = self.note
        return found


def path_of(decided: Decided) -> Iterator[Step]:
    """Every rule that was looked at, in order; then the ladder, and queues that failed."""
    for compiled in decided.policy.rules:
        decides = compiled.rule.name == decided.rule
        yield _rule_step(compiled, decided, decides=decides)
        if decides:
            break
    else:
        yield Step(decided.rule, True, note=why_of(decided))
    if decided.ladder_step is not None:
        yield _ladder_step(decided, decided.ladder_step)
    yield from routed(decided)[1]


def routed(decided: Decided) -> tuple[str, list[Step]]:
    """The queue, and those whose condition could not be evaluated; the last one always takes."""
    said = {
        "outcome.action": decided.action.value,
        "outcome.violation": decided.violation.value,
        "outcome.severity": decided.severity.value,
        "outcome.rule": decided.rule,
    }
    queue, failed = "", []
    for each in decided.policy.queues:
        queue = each.queue.name
        answer = each.takes(decided.facts, decided.violation, decided.severity, said)
        if answer is True:
            break
        if answer is not False:
            note = "its condition could not be evaluated, so the next queue was asked"
            failed.append(
                Step(f"queue {queue}", False, condition=each.queue.when, error=answer, note=note)
            )
    return queue, failed


def why_of(decided: Decided) -> str:
    """Rule, scores, ladder and action in sentences."""
    compiled = decided.policy.rule(decided.rule)
    if compiled is None:
        return _why_without_rule(decided)
    if decided.error:
        return f"Rule '{decided.rule}' could not be evaluated ({decided.error}), so people decide."
    marks, scores = dict(compiled.marks), decided.facts.scores
    reached = [
        score_words(name, scores[name], marks[name]) for name in compiled.fired(decided.facts)
    ]
    parts = [compiled.rule.explanation or f"Rule '{decided.rule}' matches."]
    parts += [sentence("; ".join(reached))] if reached else []
    does = NAMES_OF_ACTIONS[decided.action]
    if decided.ladder_step is None:
        parts.append(sentence(does))
    else:
        step = decided.policy.document.ladder[decided.ladder_step]
        number = decided.ladder_step + 1
        parts.append(f"Step {number} of the ladder ({step_words(step)}): {does}.")
    return " ".join(parts)


def _why_without_rule(decided: Decided) -> str:
    scores = decided.facts.scores
    if decided.rule == NOT_SCORED:
        missing = [name for name in decided.policy.must_be_scored if name not in scores]
        return f"No assessor scored {', '.join(missing)}, so people look before it is approved."
    if decided.rule == NOT_ASSESSED:
        odd = [name for name, score in scores.items() if score != score]
        what = f"The score of {odd[0]} is not a number" if odd else "Nothing was scored"
        return f"{what}, so people decide."
    blind = [name for name in decided.policy.zero_tolerance if name not in scores]
    unseen = f" Nobody scored {', '.join(blind)}, which are never tolerated." if blind else ""
    return f"No rule speaks against it.{unseen}"


def _rule_step(compiled: CompiledRule, decided: Decided, *, decides: bool) -> Step:
    facts, scores = decided.facts, decided.facts.scores
    found: dict[str, Any] = {f"scores.{name}": scores.get(name) for name in compiled.thresholds}
    if compiled.expression is not None:
        found |= compiled.expression.shown(facts)
    return Step(
        rule=compiled.rule.name,
        matched=decides and not decided.error,
        facts=found,
        thresholds=compiled.thresholds,
        condition=compiled.rule.when,
        error=decided.error if decides else "",
    )


def _ladder_step(decided: Decided, number: int) -> Step:
    author = decided.facts.author
    return Step(
        rule="ladder",
        matched=True,
        facts={
            "severity": decided.severity.value,
            "author.violations": author.violations,
            "author.strikes": author.strikes,
        },
        note=f"step {number + 1}: {step_words(decided.policy.document.ladder[number])}",
    )
