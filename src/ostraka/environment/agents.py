"""Agents that need no model: yardsticks for those that have one.

An agent gets observations and gives actions. Only the oracle looks at what is hidden, and shows
that the highest reward can be reached.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, Protocol

from ostraka.environment.environment import Environment
from ostraka.environment.library import Split
from ostraka.environment.policies import STRIKES, CommunityPolicy, Level, communities, policy_of
from ostraka.environment.randomness import Draw
from ostraka.environment.scores import (
    Scorer,
    cascade_scores,
    keyword_scores,
    violation_by_keywords,
)
from ostraka.errors import InvalidInputError
from ostraka.moderator import Moderator
from ostraka.policy.facts import AppealFacts, AuthorFacts, Facts
from ostraka.taxonomy import Action, ViolationType


class Agent(Protocol):
    """Whoever answers for items."""

    def begin(self, environment: Environment, seed: int) -> None:
        """A new episode begins."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to what is observed."""


class _Base:
    def begin(self, environment: Environment, seed: int) -> None:
        """Nothing is remembered from one episode to the next."""


class ConstantAgent(_Base):
    """Always the same answer."""

    def __init__(self, action: str = "remove", violation: str = "spam") -> None:
        self._action, self._violation = action, violation

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """That answer."""
        return _answer(self._action, self._violation)


class RandomAgent(_Base):
    """Any available action, any violation type."""

    def begin(self, environment: Environment, seed: int) -> None:
        """Draw anew, so that the same seed gives the same play."""
        self._draw = Draw("random agent", seed)

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """A draw."""
        action = self._draw.one(observation["available_actions"])
        return _answer(action, self._draw.one(tuple(ViolationType)))


class KeywordAgent(_Base):
    """Removes what holds a keyword, and escalates those of a crisis."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """By keywords alone."""
        violation = violation_by_keywords(observation["content"])
        if violation == "none":
            return _answer("approve", "none")
        crisis = violation == "self_harm_risk" and "escalate" in observation["available_actions"]
        return _answer("escalate" if crisis else "remove", violation)


class PolicyAgent(_Base):
    """The policy engine over some scores, the author's record and the appeal.

    It reads the policy by its name, and cannot tell a quotation from what is quoted.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """What the policy says of what is observed."""
        policy = _named_policy(observation["policy_name"])
        outcome = policy.decide(self._facts(observation, policy))
        action, available = outcome.action, observation["available_actions"]
        if action is not Action.APPROVE and "look_up_author" in available:
            return _answer("look_up_author", "none")
        chosen = action.value if action in available else "remove"
        return _answer(chosen, outcome.violation)

    def _facts(self, observation: Mapping[str, Any], policy: CommunityPolicy) -> Facts:
        history = observation["author_history"]
        today = date.fromisoformat(observation["today"])
        ages = [
            ((today - date.fromisoformat(prior["date"])).days, prior["action"])
            for prior in history["prior_actions"]
        ]
        expire_days = policy.community.expire_days
        return Facts(
            scores=self._scorer(observation["content"]),
            author=AuthorFacts(
                known=True,
                violations=history["total_violations"],
                strikes=sum(STRIKES[action] for age, action in ages if age < expire_days),
            ),
            appeal=AppealFacts(observation["appeal_reason"]) if observation["is_appeal"] else None,
        )


class OracleAgent:
    """Knows what is right. It measures the environment, not itself."""

    def begin(self, environment: Environment, seed: int) -> None:
        """Keep the environment, to look into it."""
        self._environment = environment

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The right decision."""
        item = self._environment.play.current
        return _answer(item.action.value, item.violation.value)


def _answer(action: str, violation: str) -> dict[str, Any]:
    return {"action_type": str(action), "violation_type": str(violation), "reasoning": ""}


def _named_policy(name: str) -> CommunityPolicy:
    community, _, level = name.partition("/")
    for split in Split:
        for each in communities(split):
            if each.name == community:
                return policy_of(each, Level(level))
    raise InvalidInputError(f"no policy is called '{name}'", field="policy_name")


AGENTS: Final[Mapping[str, Callable[[], Agent]]] = {
    "cascade": lambda: PolicyAgent(cascade_scores(Moderator.default())),
    "policy": lambda: PolicyAgent(keyword_scores),
    "keyword": KeywordAgent,
    "random": RandomAgent,
    "constant": ConstantAgent,
    "oracle": OracleAgent,
}
"""What can be chosen by name. `policy` scores by keywords, `cascade` by the bundled classifier."""


def agent_of(name: str) -> Agent:
    """The agent of that name.

    Raises:
        InvalidInputError: there is none.
    """
    if name not in AGENTS:
        raise InvalidInputError(
            f"'{name}' is no agent; there are {', '.join(AGENTS)}", field="agent"
        )
    return AGENTS[name]()
