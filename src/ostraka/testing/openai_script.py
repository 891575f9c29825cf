"""The script of the scripted OpenAI-compatible server: what it can do, and what it does next."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import msgspec

Misbehaviour = Literal[
    "answer",
    "status",
    "hang",
    "drip",
    "reset",
    "reset_midway",
    "stall",
    "truncated_json",
    "cut",
    "wrong_schema",
    "refusal",
    "empty_choices",
    "empty",
    "prose",
]
Support = Literal["yes", "no", "ignored", "fails"]
Obedience = Literal["", "outside", "everything"]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with one request.

    answer          a good answer after `seconds`: `content`, or one made for the request's schema
                    with the values of `set` (`{"categories.hate.violates": true}`) in it
    status          the HTTP `status`, with `retry_after` as its header if given
    hang            nothing, for `seconds`
    drip            a good answer, a byte (of a stream: an event) at a time, over `seconds`
    stall           half of a good answer, nothing for `seconds`, then the rest
    reset           the connection is reset
    reset_midway    the connection is reset after half of a good answer
    truncated_json  half of a good body, whole by its content-length; half of a stream
    cut             half of a good answer, finish reason `length`
    wrong_schema    JSON that fits no schema
    refusal         a refusal, as OpenAI marks it
    empty_choices   a body with no choices
    empty           an answer with no text
    prose           an answer in words
    """

    do: Misbehaviour = "answer"
    content: Any = None
    set: dict[str, Any] = {}
    probability: float = 0.9
    seconds: float = 0.0
    status: int = 500
    retry_after: str | None = None
    times: int = 1


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests with `contains` in a user's message are answered by `step`."""

    contains: str
    step: Step


class Capacity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`slots` requests at a time, `seconds` each; `queue` more wait, further ones get 429."""

    slots: int
    seconds: float
    queue: int = 0
    retry_after: str | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rules` come first, then `steps`, one for each request, then `default` for all others.

    `json_schema`, `guided_json`, `object_schema`, `json_object`, `logprobs` and `stream` say what
    the server supports: `no` answers 400, `fails` 500, `ignored` takes no notice. `obeys` makes it
    a model that follows what it reads (`openai_obedience`).
    """

    models: tuple[str, ...] = ("scripted",)
    api_key: str | None = None
    json_schema: Support = "yes"
    guided_json: Support = "ignored"
    object_schema: Support = "ignored"
    json_object: Support = "yes"
    logprobs: Support = "yes"
    stream: Support = "yes"
    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()
    default: Step = Step()
    capacity: Capacity | None = None
    obeys: Obedience = ""

    @classmethod
    def of(cls, given: "Script | Mapping[str, Any]") -> Self:
        """A script, from one or from its JSON object."""
        return given if isinstance(given, cls) else msgspec.convert(given, cls)


class Player:
    """Goes through a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._left = [step for step in script.steps for _ in range(step.times)][::-1]

    def next(self, request: Mapping[str, Any]) -> Step:
        """The step for a request. Capability probes get the default and use up nothing."""
        asked = asked_of(request)
        if asked.startswith("Capability probe"):
            return Step()
        for rule in self.script.rules:
            if rule.contains in asked:
                return rule.step
        return self._left.pop() if self._left else self.script.default


def asked_of(request: Mapping[str, Any]) -> str:
    """All that users say in a request."""
    return "\n".join(m["content"] for m in request["messages"] if m["role"] == "user")
