"""The policies of the communities: documents for the policy engine, and words for the agent.

Both are made of the same few parameters, so that a reader of the words can decide as the engine
does.
"""

from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Final, Literal

import msgspec

from ostraka.environment.library import Split, data_of
from ostraka.policy.compiled import Policy
from ostraka.policy.document import PolicyDocument
from ostraka.policy.evaluation import evaluate
from ostraka.policy.facts import Facts
from ostraka.policy.outcome import Outcome

STRIKES: Final = {"warn": 0.5, "remove": 1.0, "ban_temporary": 2.0, "ban_permanent": 3.0}


class Level(StrEnum):
    """How much of a policy a task asks for."""

    CLEAR = "clear"
    LADDER = "ladder"
    FULL = "full"


class Community(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a community decided for itself."""

    name: str
    split: Split
    about: str
    promotion: Literal["allowed", "minor"]
    misinformation: Literal["escalate", "remove"]
    first_minor: Literal["warn", "remove"]
    repeat_strikes: float
    final_violations: int
    expire_days: int


class CommunityPolicy:
    """A community's policy at one level."""

    def __init__(self, community: Community, level: Level) -> None:
        self.community = community
        self.level = level
        self.text = _in_words(community, level)

    @property
    def name(self) -> str:
        """The community's name."""
        return self.community.name

    @cached_property
    def policy(self) -> Policy:
        """What the policy engine evaluates."""
        return Policy(PolicyDocument.model_validate(_document(self.community, self.level)))

    def decide(self, facts: Facts) -> Outcome:
        """What the policy says of `facts`."""
        return evaluate(self.policy, facts)


@cache
def communities(split: Split) -> tuple[Community, ...]:
    """The communities of `split`."""
    every = msgspec.convert(data_of("policies.toml")["policies"], tuple[Community, ...])
    return tuple(each for each in every if each.split is split)


@cache
def policy_of(community: Community, level: Level) -> CommunityPolicy:
    """The compiled policy of `community` at `level`."""
    return CommunityPolicy(community, level)


def _document(community: Community, level: Level) -> dict[str, Any]:
    common = data_of("rules.toml")
    rules = [rule for rule in common["rules"] if level in rule.pop("levels")]
    for rule in rules:
        if rule["name"] == "minor" and community.promotion == "minor":
            rule["categories"].append("promotion")
        if rule["name"] == "ambiguous" and community.promotion == "minor":
            rule["categories"].append("promotion")
        if rule["name"] == "misinformation" and level is Level.FULL:
            rule["action"] = "ladder" if community.misinformation == "remove" else "escalate"
        if level is Level.CLEAR:
            rule["action"] = "remove"
    return {
        "name": f"{community.name}/{level}",
        "description": community.about,
        "categories": common["categories"],
        "rules": rules,
        "ladder": [{"action": "remove"}] if level is Level.CLEAR else _ladder(community),
        "strikes": {**STRIKES, "expire_days": community.expire_days},
        "queues": [{"name": "general"}],
    }


def _ladder(community: Community) -> list[dict[str, Any]]:
    return [
        {"action": "ban_permanent", "violations": community.final_violations},
        {"action": "ban_temporary", "severity": "critical", "ban_days": 30.0},
        {"action": "ban_temporary", "strikes": community.repeat_strikes},
        {"action": "remove", "severity": "medium"},
        {"action": "remove", "violations": 1},
        {"action": community.first_minor},
    ]


_ALWAYS: Final = (
    "Whoever quotes a text in order to condemn, report or study it violates nothing, and so do "
    "friends who tease each other.",
    "An address, a name or a file that was withheld counts as if it stood there.",
)


def _in_words(community: Community, level: Level) -> str:
    lines = [f"Policy of {community.name}. {community.about}"]
    promotion = "are allowed" if community.promotion == "allowed" else "are a minor violation: spam"
    lines.append(f"Small offers of one's own (what one makes, grows or teaches) {promotion}.")
    if level is Level.CLEAR:
        lines.append(
            "Remove spam, insults, harassment, threats, hate speech, illegal offers, published or "
            "sold personal data (doxxing), child abuse material (csam) and false claims of fact "
            "(misinformation). Approve everything else, with the violation type 'none'."
        )
        return "\n".join([*lines, *_ALWAYS])
    lines += _steps(community)
    lines += (
        _for_people(community)
        if level is Level.FULL
        else ["False claims of fact are misinformation, a violation like spam."]
    )
    return "\n".join([*lines, *_ALWAYS])


def _steps(community: Community) -> list[str]:
    return [
        "Child abuse material (csam), publishing personal data and selling it (doxxing): "
        "ban_permanent, whatever the record.",
        "For every other violation the first line that applies decides:",
        f"- the author has {community.final_violations} or more earlier violations, however old: "
        "ban_permanent;",
        "- a threat to hurt somebody (harassment): ban_temporary;",
        f"- the author's strikes weigh {community.repeat_strikes:g} or more: ban_temporary. A "
        "strike weighs 0.5 for warn, 1 for remove, 2 for ban_temporary, and those older than "
        f"{community.expire_days} days do not count;",
        "- spam, hate speech, harassment, illegal offers: remove;",
        "- a minor violation (an insult: harassment) by an author with an earlier one: remove;",
        f"- a first minor violation: {community.first_minor}.",
        "A record never makes a harmless post a violation.",
    ]


def _for_people(community: Community) -> list[str]:
    misinformation = (
        "False claims of fact (misinformation) are a violation like spam."
        if community.misinformation == "remove"
        else "False claims of fact (misinformation): escalate."
    )
    return [
        "A person who may be in danger (self_harm_risk): escalate, whatever else is in the post.",
        "An appeal whose author offers evidence: escalate, with the violation type 'none'. An "
        "appeal without evidence changes nothing: decide about the post.",
        misinformation,
        "Where it is unclear whether a post violates a rule: escalate, and name the violation type "
        "that it may be.",
    ]
