"""What a server can do, found out once by asking, and requests that ask for no more."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import msgspec

from ostraka.errors import JudgeAnswerError, JudgeRefusedRequestError, JudgeUnavailableError
from ostraka.judge.completions import Completion, completion_of
from ostraka.judge.prompts import Message, Prompt
from ostraka.judge.structured import value_of

_UNSUPPORTED: Final = frozenset({400, 422, 500, 501})
"""llama-cpp-python's server says 500 to a form of answer that it does not know."""

_MOST_ALTERNATIVES: Final = 20
_FEW_ALTERNATIVES: Final = 5

PROBE: Final = Prompt(
    messages=(Message("user", "Capability probe: say hello."),),
    schema={
        "type": "object",
        "properties": {"hello": {"type": "boolean"}},
        "required": ["hello"],
        "additionalProperties": False,
    },
    max_tokens=256,
)
"""Nothing in it asks for JSON: a server that answers in JSON all the same was made to."""


class Form(StrEnum):
    """How a server is made to answer in JSON, the strictest first.

    `guided_json` is vLLM's own, `object_schema` (JSON mode with a schema in it) llama.cpp's.
    """

    JSON_SCHEMA = "json_schema"
    GUIDED_JSON = "guided_json"
    OBJECT_SCHEMA = "object_schema"
    JSON_OBJECT = "json_object"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The strictest form that works, and whether there are log-probabilities and streams."""

    form: Form
    logprobs: bool
    stream: bool = False


Ask = Callable[[Mapping[str, Any]], Awaitable[Any]]


async def probe(ask: Ask, model: str, *, stream: bool = False) -> Capabilities:
    """Find out what the server can do; `ask` posts a body to it. `stream`: if streams are wanted.

    Raises:
        JudgeError: it does not answer at all, or refuses the key or the model.
    """
    found = await _probe_forms(ask, model)
    if not stream:
        return found
    streaming = replace(found, stream=True)
    body = request_body(PROBE, model, streaming, PROBE.max_tokens)
    try:
        return streaming if await _answers(ask, body) is not None else found
    except JudgeAnswerError:
        return found


async def _probe_forms(ask: Ask, model: str) -> Capabilities:
    logprobs = False
    for form in Form:
        prompt = PROBE
        if form is Form.JSON_OBJECT:  # some insist on the word
            prompt = Prompt((Message("user", f"{PROBE.messages[0].content} Use JSON."),), schema={})
        completion = await _try(ask, model, prompt, form)
        if completion is None:
            continue
        logprobs = bool(completion.tokens)
        if form is Form.TEXT or _fits(prompt, completion.text):
            return Capabilities(form, logprobs)
    return Capabilities(Form.TEXT, logprobs)


async def _try(ask: Ask, model: str, prompt: Prompt, form: Form) -> Completion | None:
    """The answer in `form`, with log-probabilities if the server gives any; None for no answer."""
    for logprobs in (True, False):
        body = request_body(prompt, model, Capabilities(form, logprobs), PROBE.max_tokens)
        try:
            if (completion := await _answers(ask, body)) is not None:
                return completion
        except JudgeAnswerError:
            return None
    return None


async def _answers(ask: Ask, body: Mapping[str, Any]) -> Completion | None:
    """The answer to a body; None where the server does not support something in it."""
    try:
        return completion_of(await ask(body), may_be_cut=True)
    except (JudgeRefusedRequestError, JudgeUnavailableError) as error:
        plain = "response_format" not in body and "guided_json" not in body
        broken = plain and isinstance(error, JudgeUnavailableError) and "logprobs" not in body
        if error.status not in _UNSUPPORTED or broken:
            raise
    return None


def _fits(prompt: Prompt, text: str) -> bool:
    try:
        value_of(prompt, text)
    except JudgeAnswerError:
        return False
    return True


def request_body(
    prompt: Prompt, model: str, capabilities: Capabilities, max_tokens: int
) -> dict[str, Any]:
    """The body of a chat completion request; the prompt's `extra` goes in as it is."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
        "max_tokens": max_tokens,
        "temperature": prompt.temperature,
    }
    if prompt.schema is not None:
        _ask_for_json(body, prompt.schema, capabilities.form)
    if capabilities.logprobs and (prompt.schema is not None or prompt.choices):
        body["logprobs"] = True
        body["top_logprobs"] = _MOST_ALTERNATIVES if prompt.choices else _FEW_ALTERNATIVES
    if capabilities.stream and not prompt.choices:  # one word comes at once
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | dict(prompt.extra)


def _ask_for_json(body: dict[str, Any], schema: Mapping[str, Any], form: Form) -> None:
    match form:
        case Form.JSON_SCHEMA:
            described = {"name": "answer", "strict": True, "schema": dict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        case Form.GUIDED_JSON:
            body["guided_json"] = dict(schema)
        case Form.OBJECT_SCHEMA:
            body["response_format"] = {"type": "json_object", "schema": dict(schema)}
        case Form.JSON_OBJECT | Form.TEXT if schema:
            _describe(body["messages"], schema)
    if form is Form.JSON_OBJECT:
        body["response_format"] = {"type": "json_object"}


def _describe(messages: list[dict[str, str]], schema: Mapping[str, Any]) -> None:
    """Say the schema in words, in the first system message: many templates take only that one."""
    text = (
        "Answer with one JSON object and nothing else. It must fit this JSON schema:\n"
        + msgspec.json.encode(schema).decode()
    )
    if messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{text}"
    else:
        messages.insert(0, {"role": "system", "content": text})
