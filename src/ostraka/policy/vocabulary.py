"""The names that conditions may use: every fact with its type, and what it means.

Each name is declared to CEL as a variable of its own, dots and all, so that a misspelt one is an
error when the policy is checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cel_expr_python import cel

from ostraka.policy.facts import Facts

_TYPE: Final = cel.Type
_PRIOR_ACTION: Final = ("action", "violation", "days_ago")


@dataclass(frozen=True, slots=True)
class Variable:
    """One name: CEL's type, how documents call it, what it means, and where its value is."""

    type: Any
    type_name: str
    meaning: str
    read: Callable[[Facts], Any]


def _variable(type_name: str, meaning: str, read: Callable[[Facts], Any]) -> Variable:
    return Variable(_TYPES[type_name], type_name, meaning, read)


def _evidence(facts: Facts) -> str:
    if facts.appeal is None:
        return "none"
    return {True: "plausible", False: "implausible", None: "unknown"}[facts.appeal.plausible]


def _days_since_last(facts: Facts) -> float:
    return min((each.days_ago for each in facts.author.prior_actions), default=-1.0)


_TYPES: Final[Mapping[str, Any]] = {
    "bool": _TYPE.BOOL,
    "int": _TYPE.INT,
    "double": _TYPE.DOUBLE,
    "string": _TYPE.STRING,
    "map(string, double)": _TYPE.Map(_TYPE.STRING, _TYPE.DOUBLE),
    "map(string, int)": _TYPE.Map(_TYPE.STRING, _TYPE.INT),
    "map(string, dyn)": _TYPE.Map(_TYPE.STRING, _TYPE.DYN),
    "list(map(string, dyn))": _TYPE.List(_TYPE.Map(_TYPE.STRING, _TYPE.DYN)),
}

VARIABLES: Final[Mapping[str, Variable]] = MappingProxyType(
    {
        "scores": _variable(
            "map(string, double)",
            "the probability of each category that was scored; one that was not is absent",
            lambda facts: {str(name): float(score) for name, score in facts.scores.items()},
        ),
        "text_length": _variable("int", "characters of the text", lambda f: int(f.text_length)),
        "sure": _variable("bool", "false where the last assessor was in doubt", lambda f: f.sure),
        "stage": _variable("string", "the assessor that answered", lambda f: f.stage),
        "author.known": _variable(
            "bool", "whether the item names its author", lambda f: f.author.known
        ),
        "author.strikes": _variable(
            "double",
            "weight of the author's strikes that have not expired",
            lambda f: float(f.author.strikes),
        ),
        "author.violations": _variable(
            "int", "upheld violations of the author, ever", lambda f: int(f.author.violations)
        ),
        "author.prior_actions": _variable(
            "list(map(string, dyn))",
            "what was done before: `action`, `violation` and `days_ago` of each",
            lambda f: [msgspec.structs.asdict(each) for each in f.author.prior_actions],
        ),
        "author.days_since_last_action": _variable(
            "double", "days since the newest of them; -1.0 without any", _days_since_last
        ),
        "author.banned": _variable(
            "bool", "whether the author is banned now", lambda f: f.author.banned
        ),
        "author.age_known": _variable(
            "bool",
            "whether the age of the account is known",
            lambda f: f.author.age_days is not None,
        ),
        "author.age_days": _variable(
            "double",
            "the age of the account; -1.0 where it is not known",
            lambda f: -1.0 if f.author.age_days is None else float(f.author.age_days),
        ),
        "item.language": _variable("string", 'its language, or `""`', lambda f: f.item.language),
        "item.source": _variable("string", 'where it comes from, or `""`', lambda f: f.item.source),
        "item.reach": _variable("int", "how many people see it", lambda f: int(f.item.reach)),
        "item.has_parent": _variable(
            "bool", "whether it answers another item", lambda f: f.item.has_parent
        ),
        "item.metadata": _variable(
            "map(string, dyn)", "what the caller sent along", lambda f: dict(f.item.metadata)
        ),
        "thread.items": _variable("int", "items of its thread", lambda f: int(f.thread.items)),
        "thread.violations": _variable(
            "int", "items of its thread that were violations", lambda f: int(f.thread.violations)
        ),
        "reports.count": _variable("int", "people who reported it", lambda f: int(f.reports.count)),
        "reports.violations": _variable(
            "map(string, int)",
            "people who reported it, for each violation type that they named",
            lambda f: dict(f.reports.violations),
        ),
        "appeal.open": _variable(
            "bool", "whether its author appeals", lambda f: f.appeal is not None
        ),
        "appeal.reason": _variable(
            "string", "what the author says", lambda f: f.appeal.reason if f.appeal else ""
        ),
        "appeal.evidence": _variable(
            "string",
            "`plausible`, `implausible`, `unknown` while nobody has looked, or `none`",
            _evidence,
        ),
    }
)

OUTCOME_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "outcome.action": "the action that the policy calls for",
        "outcome.violation": "the violation type",
        "outcome.severity": "`low`, `medium`, `high` or `critical`",
        "outcome.rule": "the rule that decided",
    }
)
"""What a queue's condition may use besides; all are strings."""

MEMBERS: Final = frozenset(_PRIOR_ACTION)
"""The keys of one prior action."""
