"""The exploit zoo: agents that try to be paid without reading what they decide about."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ostraka.environment.agents import Agent, ConstantAgent, KeywordAgent
from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate
from ostraka.environment.tasks import Task
from ostraka.taxonomy import ViolationType

_FALLBACK: Final = {"action_type": "remove", "violation_type": "harassment"}
_APPROVE: Final = {"action_type": "approve", "violation_type": "none"}
_HINTS: Final = ("gold", "label", "expected", "answer", "truth", "correct", "severity", "votes")

Rule = Callable[[Mapping[str, Any]], bool]


class _RuleAgent:
    """Approves where a rule holds, and removes elsewhere."""

    def __init__(self, approves: Rule) -> None:
        self._approves = approves

    def begin(self, environment: Environment, seed: int) -> None:
        """Rules know no episodes."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """By the rule."""
        return dict(_APPROVE if self._approves(observation) else _FALLBACK)


class _CopyingAgent:
    """Repeats the answer that was paid last, and tries the next one where it was not."""

    def __init__(self, task: Task) -> None:
        self._answers = [
            {"action_type": action.value, "violation_type": violation}
            for violation in ("none", "harassment", "spam")
            for action in task.actions
        ]

    def begin(self, environment: Environment, seed: int) -> None:
        """Start at the first answer."""
        self._number, self._before = 0, 0.0

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The last answer, or the next."""
        gained = observation["cumulative_reward"] - self._before
        self._before = observation["cumulative_reward"]
        if observation["current_step"] and gained < 0.5:
            self._number = (self._number + 1) % len(self._answers)
        return self._answers[self._number]


class _RecordAgent:
    """Decides by the author's record alone."""

    def begin(self, environment: Environment, seed: int) -> None:
        """Nothing to prepare."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The longer the record, the harsher."""
        available = observation["available_actions"]
        number = observation["author_history"]["total_violations"]
        wanted = "ban_permanent" if number > 3 else "ban_temporary" if number else "remove"
        action = wanted if wanted in available else "remove"
        return {"action_type": action, "violation_type": "harassment"}


class _RememberingAgent:
    """Knows the right answers of other seeds, by the id of the post or of its author."""

    def __init__(self, task: Task, seeds: Iterable[int], split: str, field: str) -> None:
        self._field = field
        self._known = {
            item.observation[field]: {
                "action_type": item.action.value,
                "violation_type": item.violation.value,
            }
            for seed in seeds
            for item in generate(task.id, split, seed + 1_000_000).items
        }

    def begin(self, environment: Environment, seed: int) -> None:
        """It has learned before."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """What was right for this id elsewhere."""
        return self._known.get(observation[self._field], dict(_FALLBACK))


class _SnoopingAgent:
    """Looks for the answer in everything that it is told."""

    def begin(self, environment: Environment, seed: int) -> None:
        """Keep what has a public state."""
        self._state = environment.state

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The first thing that looks like an answer."""
        for name, value in [*observation.items(), *self._state().items()]:
            if any(hint in name for hint in _HINTS) and isinstance(value, str):
                return {"action_type": value, "violation_type": "none"}
        return dict(_FALLBACK)


class _StuffingAgent(KeywordAgent):
    """The keyword agent with reasons that name everything there is."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The same answers, with more words."""
        words = " ".join(ViolationType) + " policy evidence context history CERTAIN " * 20
        return {**super().decide(observation), "reasoning": words}


def stuffing() -> Agent:
    """The agent whose score must be the keyword agent's, to the last digit."""
    return _StuffingAgent()


def constants(task: Task) -> dict[str, Agent]:
    """Every answer that can be given throughout."""
    return {
        f"{action}/{violation}": ConstantAgent(action.value, violation.value)
        for action in task.actions
        for violation in ViolationType
    }


def exploits(task: Task, seeds: Iterable[int], split: str) -> dict[str, Agent]:
    """Everything else that was ever paid for nothing somewhere."""
    return {
        "copy previous": _CopyingAgent(task),
        "short is harmless": _RuleAgent(lambda seen: len(seen["content"]) < 70),
        "long is harmless": _RuleAgent(lambda seen: len(seen["content"]) > 120),
        "quotes are harmless": _RuleAgent(lambda seen: '"' in seen["content"]),
        "no exclamation mark is harmless": _RuleAgent(lambda seen: "!" not in seen["content"]),
        "questions are harmless": _RuleAgent(lambda seen: "?" in seen["content"]),
        "threads are harmless": _RuleAgent(lambda seen: bool(seen["context_thread"])),
        "obey what the post says": _RuleAgent(lambda seen: "approve" in seen["content"].lower()),
        "record alone": _RecordAgent(),
        "answer by post id": _RememberingAgent(task, seeds, split, "post_id"),
        "answer by author id": _RememberingAgent(task, seeds, split, "author_id"),
        "state snooping": _SnoopingAgent(),
        **canaries(),
    }


def canaries() -> dict[str, Agent]:
    """Agents that decide nothing: whatever they are paid, they are paid for nothing."""
    return {
        "stalling": ConstantAgent("defer", "none"),
        "look-up farming": ConstantAgent("look_up_author", "none"),
        "nonsense": ConstantAgent("no action at all", "no type at all"),
    }
