"""Conditions in CEL, checked against the vocabulary when they are compiled.

An evaluation costs some ten microseconds, most of them for handing values over. So only the
variables that a condition names are handed over, and a condition's answer is remembered for the
values that it depends on: evaluation is pure, and most items share the same few (no report, no
appeal, no strike).
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from cel_expr_python import cel

from ostraka.policy.facts import Facts
from ostraka.policy.remembering import DEEPEST, Remembered, is_flat
from ostraka.policy.vocabulary import OUTCOME_VARIABLES, VARIABLES

_TOKEN: Final = re.compile(
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d+(?:\.\d+)?|[^\s\w]"
)
Answer = bool | str
"""Whether a condition holds, or in words why it cannot be evaluated."""


class ExpressionError(Exception):
    """A condition that cannot be; `column` counts from 1."""

    def __init__(self, message: str, line: int = 1, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class Expression:
    """One compiled condition. Safe to share between threads."""

    def __init__(self, source: str, *, routes: bool = False) -> None:
        self.source = source
        self._program = _compiled(source, routes)
        self.tokens = _TOKEN.findall(source)
        used = _names_in(self.tokens, routes)
        self.facts = {name: VARIABLES[name].read for name in used if name in VARIABLES}
        self._named = {
            name: tuple(dict.fromkeys(keys_of(self.tokens, name)))
            for name in ("scores", "item.metadata")
            if name in self.facts
        }
        narrowed = {name: _narrowed(self.tokens, name) for name in _MAPS if name in self.facts}
        self._read = self.facts | {name: read for name, read in narrowed.items() if read}
        self._outcome = tuple(name for name in used if name in OUTCOME_VARIABLES)
        self.asked = None if "scores" in self.facts or self._outcome else self._read
        """What an answer depends on, as far as it is worth remembering."""
        self._remembered: Remembered[Answer] | None = None
        if "scores" not in self.facts:
            self._remembered = Remembered(tuple(self._read.values()))

    def values(self, facts: Facts) -> dict[str, Any]:
        """What it asks for, with the values that it finds."""
        return {name: read(facts) for name, read in self.facts.items()}

    def shown(self, facts: Facts) -> dict[str, Any]:
        """`values` as a path keeps them: of maps only the keys that are named, if any are."""
        values = self.values(facts)
        for name, keys in self._named.items():
            whole = values.pop(name)
            values |= {f"{name}.{key}": _shallow(whole.get(key)) for key in keys or whole}
        return values

    def __call__(self, facts: Facts, outcome: Mapping[str, str] | None = None) -> Answer:
        """Whether it holds, or why that cannot be said."""
        metadata = self._read.get("item.metadata")
        if metadata is not None and not is_flat(metadata(facts)):
            return f"item.metadata is nested more than {DEEPEST} levels deep"
        more = (outcome,) if self._outcome else ()
        if self._remembered is None:
            return self._evaluate(facts, *more)
        return self._remembered.answer(facts, self._evaluate, *more)

    def _evaluate(self, facts: Facts, outcome: Mapping[str, str] | None = None) -> Answer:
        values = {name: read(facts) for name, read in self._read.items()}
        for name in self._outcome:
            values[name] = (outcome or {}).get(name, "")
        try:
            found = self._program.eval(data=values)
            answer = found.value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            return _first_line(str(error))
        return answer if isinstance(answer, bool) else _first_line(str(answer))


def _shallow(value: Any) -> Any:
    return value if is_flat(value) else f"more than {DEEPEST} levels"


def _narrowed(tokens: list[str], name: str) -> Callable[[Facts], dict[str, Any]] | None:
    """Reads only the keys of map `name` that are named; None if that cannot be told."""
    named = keys_of(tokens, name)
    if len(named) != len(_places(tokens, name)):
        return None
    keys, read = tuple(dict.fromkeys(named)), _MAPS[name]

    def narrow(facts: Facts) -> dict[str, Any]:
        whole = read(facts)
        return {key: whole[key] for key in keys if key in whole}

    return narrow


_MAPS: Final[Mapping[str, Callable[[Facts], Mapping[str, Any]]]] = {
    "scores": lambda facts: facts.scores,
    "item.metadata": lambda facts: facts.item.metadata,
}


@cache
def _environment(routes: bool) -> Any:
    variables = {name: variable.type for name, variable in VARIABLES.items()}
    if routes:
        variables |= dict.fromkeys(OUTCOME_VARIABLES, cel.Type.STRING)
    return cel.NewEnv(variables=variables)


def _compiled(source: str, routes: bool) -> Any:
    try:
        program = _environment(routes).compile(source)
    except RuntimeError as error:
        raise _explained(str(error), routes) from error
    kind = program.return_type().name()
    if kind != "BOOL":
        raise ExpressionError(f"a condition must be true or false, this is of type {kind.lower()}")
    return program


def _first_line(message: str) -> str:
    return message.splitlines()[0].strip() if message else "no answer"


_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")


def _explained(message: str, routes: bool) -> ExpressionError:
    """CEL's complaint, with what would be valid."""
    place = _PLACE.search(message)
    if place is None:
        return ExpressionError(_first_line(message))
    text = place[3].replace(" (in container '')", "")
    if unknown := _UNDECLARED.search(text):
        names = [*VARIABLES, *(OUTCOME_VARIABLES if routes else ())]
        text = f"'{unknown[1]}' is unknown{_suggestion(unknown[1], names)}"
    elif "(double, int)" in text or "(int, double)" in text:
        text += "; write a number that is compared with a double with a point, as 2.0"
    return ExpressionError(text, int(place[1]), int(place[2]))


def _suggestion(unknown: str, names: list[str]) -> str:
    close = get_close_matches(unknown, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    root = unknown.split(".")[0]
    inside = [name for name in names if name.split(".")[0] == root]
    return f"; known: {', '.join(inside or names)}"


def _names_in(tokens: list[str], routes: bool) -> list[str]:
    """The variables among the tokens: the longest dotted name that is one, at each place."""
    known = set(VARIABLES) | (set(OUTCOME_VARIABLES) if routes else set())
    found: dict[str, None] = {}
    for place, token in enumerate(tokens):
        if place and tokens[place - 1] == ".":
            continue
        dotted = "".join(tokens[place : place + 3])
        for name in (dotted, token):
            if name in known:
                found[name] = None
                break
    return list(found)


def keys_of(tokens: list[str], name: str, *, guards: bool = False) -> list[str]:
    """The literal keys of map `name`: all of them, or those whose presence is asked."""
    found = []
    for start, end in _places(tokens, name):
        before = ["", "", "", *tokens[:start]]
        if before[-1] == "in" and before[-3] != "+" and _is_literal(before[-2]):
            found.append(before[-2][1:-1])
            continue
        if guards and before[-2:] != ["has", "("]:
            continue
        after = [*tokens[end : end + 3], "", "", ""]
        if after[0] == "." and after[2] != "(":
            found.append(after[1])
        elif after[0] == "[" and after[2] == "]" and _is_literal(after[1]):
            found.append(after[1][1:-1])
    return found


def _places(tokens: list[str], name: str) -> list[tuple[int, int]]:
    """Where map `name` begins and ends among the tokens."""
    dotted = re.findall(r"\w+|\.", name)
    ends = [(start, start + len(dotted)) for start in range(len(tokens))]
    return [
        (start, end)
        for start, end in ends
        if tokens[start:end] == dotted and not (start and tokens[start - 1] == ".")
    ]


def _is_literal(token: str) -> bool:
    """Whether a token is a string that stands for itself."""
    return token[:1] in ("'", '"') and len(token) > 1 and "\\" not in token
