"""A policy's own examples, run as its tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ostraka.policy.compiled import Policy
from ostraka.policy.evaluation import evaluate
from ostraka.policy.facts import Facts
from ostraka.policy.outcome import Outcome
from ostraka.policy.parts import Example


class Scored(Protocol):
    """What an assessor says of a text; a `Moderator`'s verdict is one."""

    @property
    def scores(self) -> Mapping[Any, float]:
        """The probability of each category that it models."""

    @property
    def sure(self) -> bool:
        """Whether the last assessor was sure."""

    @property
    def stage(self) -> str:
        """The assessor that answered."""


Score = Callable[[str], Scored]


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What came of one example. `outcome` is None where nobody could score its text."""

    example: Example
    outcome: Outcome | None
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it was run and everything that it expects is so."""
        return self.outcome is not None and not self.problems

    @property
    def skipped(self) -> bool:
        """Whether it was not run."""
        return self.outcome is None


def run_examples(policy: Policy, score: Score | None = None) -> list[ExampleResult]:
    """Every example in order. Texts are scored by `score`, or skipped without one."""
    return [_run(policy, example, score) for example in policy.document.examples]


def texts_of(policy: Policy) -> list[str]:
    """The texts among a policy's examples, which somebody has to score."""
    return [each.text for each in policy.document.examples if each.text is not None]


def scorer_of(verdicts: Mapping[str, Scored]) -> Score | None:
    """A scorer out of verdicts that were made already, by text; None where there are none."""
    return verdicts.__getitem__ if verdicts else None


def facts_of(example: Example, score: Score | None = None) -> Facts | None:
    """The facts that an example states; None if it has a text and nobody scores it."""
    facts: dict[str, Any] = dict(example.facts)
    if example.text is None:
        return Facts.from_dict(facts | {"scores": example.scores})
    return None if score is None else facts_of_text(example.text, score(example.text), facts)


def facts_of_text(text: str, scored: Scored, facts: Mapping[str, Any]) -> Facts:
    """Facts of a text that was scored, with others that are known of it."""
    scores = {str(category): float(value) for category, value in scored.scores.items()}
    found = {"sure": scored.sure, "stage": scored.stage, "text_length": len(text)}
    return Facts.from_dict(found | dict(facts) | {"scores": scores})


def _run(policy: Policy, example: Example, score: Score | None) -> ExampleResult:
    facts = facts_of(example, score)
    if facts is None:
        return ExampleResult(example, None, ("nobody scored its text",))
    outcome = evaluate(policy, facts)
    expected = {
        "action": example.action,
        "violation": example.violation,
        "rule": example.rule,
        "queue": example.queue,
    }
    problems = tuple(
        f"{name} is {getattr(outcome, name)}, not {wanted}"
        for name, wanted in expected.items()
        if wanted is not None and getattr(outcome, name) != wanted
    )
    return ExampleResult(example, outcome, problems)
