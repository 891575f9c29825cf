"""The policy as a document: TOML in, one frozen value out, or every fault with its place."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from ostraka.errors import PolicyError, PolicyProblem
from ostraka.policy.checking import problems_of
from ostraka.policy.parts import (
    MINUTE,
    Actions,
    Amount,
    Appeals,
    CategoryPolicy,
    Days,
    Example,
    Frozen,
    LadderStep,
    Part,
    Queue,
    Rule,
    Strikes,
)
from ostraka.policy.places import Path, line_of, lines_of
from ostraka.taxonomy import Action, ViolationType

LONGEST: Final = 512 * 1024
"""Characters of a document."""


class PolicyDocument(Part):
    """Everything that a policy says. Two texts that say the same have one digest."""

    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    grace_seconds: Amount = 5 * MINUTE
    """For how long a decision can be undone before anybody outside hears of it."""
    ban_days: Days = 7.0
    """How long a temporary ban lasts, where neither rule nor ladder says otherwise."""
    reviewers: Annotated[int, Field(ge=1, le=9)] = 1
    """How many people decide a case, at the least; a queue may ask for more."""
    reasons_for: Actions = (Action.BAN_TEMPORARY, Action.BAN_PERMANENT)
    """The actions that people must give reasons for."""
    categories: dict[str, CategoryPolicy] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Frozen] = ()
    ladder: Annotated[tuple[LadderStep, ...], Frozen] = ()
    strikes: Strikes = Strikes()
    queues: Annotated[tuple[Queue, ...], Frozen] = ()
    appeals: Appeals = Appeals()
    guidance: dict[str, str] = Field(default_factory=dict)
    """Markdown for people and judges, for each violation type."""
    examples: Annotated[tuple[Example, ...], Frozen] = ()

    @cached_property
    def digest(self) -> str:
        """Of what it says: comments, order of keys, formatting and written-out defaults do not
        count.
        """
        return "sha256:" + hashlib.sha256(self.canonical.encode()).hexdigest()

    @cached_property
    def canonical(self) -> str:
        """The document as JSON without what is left at its default, keys in order."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def queue(self, name: str) -> Queue | None:
        """The queue of that name."""
        return next((queue for queue in self.queues if queue.name == name), None)

    def guidance_for(self, violation: ViolationType | str) -> str:
        """What people and judges should know of `violation`; empty where nothing is said."""
        return self.guidance.get(str(violation), "")


def parse_policy(text: str) -> PolicyDocument:
    """The document that `text` writes, with every condition compiled and checked.

    Raises:
        PolicyError: with every fault found, each with its table, rule, field and line.
    """
    if len(text) > LONGEST:
        raise PolicyError([PolicyProblem(f"the text is longer than {LONGEST:,} characters")])
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([_syntax_problem(error, text)]) from error
    lines = lines_of(text)
    try:
        document = PolicyDocument.model_validate(data)
    except ValidationError as error:
        raise PolicyError(
            [_problem(each["loc"], _message(each), data, lines) for each in error.errors()]
        ) from error
    problems = [_problem(path, message, data, lines) for path, message in problems_of(document)]
    if problems:
        raise PolicyError(problems)
    return document


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> PolicyProblem:
    message, _, place = str(error).partition(" (at ")
    line = place.removeprefix("line ").split(",")[0]
    last = len(text.splitlines()) or 1
    return PolicyProblem(f"no TOML: {message}", line=int(line) if line.isdigit() else last)


def _problem(
    location: tuple[int | str, ...], message: str, data: Mapping[str, Any], lines: dict[Path, int]
) -> PolicyProblem:
    """A fault at `location`, named as its author named it."""
    path = _path(location, data)
    line = line_of(lines, path)
    if len(path) == 1:
        return PolicyProblem(message, field=str(path[0]), line=line)
    table, entry, *rest = path
    if isinstance(entry, int):
        row = data[str(table)][entry]
        named = row.get("name") if isinstance(row, dict) else None
        entry = named if isinstance(named, str) else f"number {entry + 1}"
    elif not rest:
        return PolicyProblem(message, str(table), field=entry, line=line)
    return PolicyProblem(message, str(table), entry, ".".join(map(str, rest)), line)


def _path(location: tuple[int | str, ...], data: Any) -> Path:
    """The part of a location that leads through the document, and the field that is missing."""
    path: Path = ()
    for step in location:
        if isinstance(data, Mapping) and isinstance(step, str):
            path += (step,)
            if step not in data:
                break
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            path += (step,)
            data = data[step]
        else:
            break
    return path


def _message(error: Any) -> str:
    """Its message in the words of this document."""
    given = error.get("input")
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _unknown(error["loc"])
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            return f"{given!r} is not valid; one of {error['ctx']['expected']}"
        case _:
            message = str(error["msg"])
            return f"{message[0].lower()}{message[1:]}, not {given!r}"


_TABLES: Final[Mapping[str, type[Part]]] = {
    "categories": CategoryPolicy,
    "rules": Rule,
    "ladder": LadderStep,
    "strikes": Strikes,
    "queues": Queue,
    "appeals": Appeals,
    "examples": Example,
}


def _unknown(location: tuple[int | str, ...]) -> str:
    """That a field is unknown, and which are known in its place."""
    known = list(_TABLES.get(str(location[0]), PolicyDocument).model_fields)
    close = get_close_matches(str(location[-1]), known, n=1, cutoff=0.6)
    meant = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"
    return f"is unknown here{meant}"
