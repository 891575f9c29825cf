"""What is worth knowing of a policy that can be used: not faults, but gaps."""

from collections.abc import Collection, Iterator, Sequence

from ostraka.policy.document import PolicyDocument
from ostraka.policy.expressions import Expression, keys_of
from ostraka.policy.testing import ExampleResult
from ostraka.taxonomy import ViolationType


def notes_on(document: PolicyDocument, scored: Collection[str]) -> list[str]:
    """Gaps, as sentences; `scored` are the categories that the classifier at hand scores."""
    return [
        *_not_scored(document, scored),
        *_unused(document),
        *_without_guidance(document),
    ]


def untested(document: PolicyDocument, results: Sequence[ExampleResult]) -> list[str]:
    """Rules and steps of the ladder that no example reaches."""
    outcomes = [result.outcome for result in results if result.outcome is not None]
    reached = {outcome.rule for outcome in outcomes}
    climbed = {outcome.ladder_step for outcome in outcomes}
    rules = [f"rule '{rule.name}'" for rule in document.rules if rule.name not in reached]
    steps = range(len(document.ladder))
    return rules + [f"step {step + 1} of the ladder" for step in steps if step not in climbed]


def _not_scored(document: PolicyDocument, scored: Collection[str]) -> Iterator[str]:
    missing = [name for name in document.categories if name not in scored]
    if missing:
        yield (
            f"Your classifier does not score {', '.join(missing)}. Only another assessor, a judge, "
            "the caller's metadata, reports and people can tell; no score is never read as 0."
        )


def _unused(document: PolicyDocument) -> Iterator[str]:
    used = {name for rule in document.rules for name in rule.categories}
    for rule in document.rules:
        if rule.when:
            used |= set(keys_of(Expression(rule.when).tokens, "scores"))
    idle = [name for name in document.categories if name not in used]
    if idle:
        yield f"No rule looks at {', '.join(idle)}: whatever they score, nothing happens."


def _without_guidance(document: PolicyDocument) -> Iterator[str]:
    named = {category.violation for category in document.categories.values()}
    named |= {rule.violation for rule in document.rules if rule.violation is not None}
    silent = [each.value for each in ViolationType if each in named and each != "none"]
    silent = [each for each in silent if not document.guidance_for(each)]
    if silent:
        yield f"There is no guidance for people on {', '.join(silent)}."
