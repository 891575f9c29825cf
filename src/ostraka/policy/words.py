"""How outcomes and documents are put into words."""

from collections.abc import Mapping
from typing import Final

from ostraka.policy.parts import LADDER, LadderStep, Rule
from ostraka.taxonomy import Action

NAMES_OF_ACTIONS: Final[Mapping[str, str]] = {
    Action.APPROVE: "it is approved",
    Action.WARN: "its author is warned",
    Action.REMOVE: "it is removed",
    Action.BAN_TEMPORARY: "it is removed and its author is banned for a time",
    Action.BAN_PERMANENT: "it is removed and its author is banned for good",
    Action.ESCALATE: "people decide",
    LADDER: "the ladder decides",
}
"""What each action does, as a sentence without its full stop."""


def score_words(category: str, score: float, mark: float) -> str:
    """A score that reached its mark."""
    return f"{category} scores {score:.3g}, which reaches {mark:g}"


def sentence(words: str) -> str:
    """`words` with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def step_words(step: LadderStep) -> str:
    """When a step of the ladder applies."""
    parts = []
    if step.severity is not None:
        parts.append(f"severity {step.severity} or graver")
    if step.violations is not None:
        parts.append(f"{step.violations} or more violations before")
    if step.strikes is not None:
        parts.append(f"strikes of {step.strikes:g} or more")
    return " and ".join(parts) or "whatever is left"


def rule_words(rule: Rule) -> str:
    """When a rule matches, and what happens then."""
    parts = []
    if rule.categories:
        what = "is a violation" if rule.level == "violation" else "is doubtful"
        parts.append(f"{' or '.join(rule.categories)} {what}")
    if rule.when:
        parts.append(f"`{rule.when}`")
    does = NAMES_OF_ACTIONS[rule.action]
    people = ", and people look as well" if rule.people else ""
    return f"if {' and '.join(parts)}, {does}{people}"
