"""One operation of the API, as it is described."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostraka.server.envelopes import Dialect


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path or query."""

    name: str
    place: str
    description: str
    example: str | None = None
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


TEXT: Final = {"type": "string", "pattern": r"^[^\u0000]*$"}
"""What a query may name: PostgreSQL keeps no NUL in a text, so no text is searched for with one."""


def query(name: str, description: str, schema: Mapping[str, Any] | None = None) -> Parameter:
    """A parameter of the query."""
    return Parameter(name, "query", description, schema=schema or TEXT)


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path: what goes in, what comes out, and in whose envelope it fails.

    `request` is a struct type, `shapes` those that an answer may have; none means plain text.
    `dialects` are the vendors whose envelopes errors may have, none for what cannot fail; `also`
    are statuses beyond the usual ones, and `more_errors` envelopes beyond the vendors'. With the
    `status` 204 an answer has no content.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    request: Any = None
    shapes: tuple[Any, ...] = ()
    dialects: tuple[Dialect, ...] = ()
    secured: bool = True
    may_miss: bool = False
    parameters: tuple[Parameter, ...] = ()
    requests: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"
    answer_type: str = "text/plain"
    status: int = 200
    also: tuple[int, ...] = ()
    more_errors: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)
    more_answers: Mapping[int, tuple[str, Any]] = field(default_factory=dict)
