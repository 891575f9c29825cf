"""What the scripted server says: contents that fit a schema, tokens, log-probabilities, bodies."""

import math
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ostraka.testing.openai_obedience import obeyed
from ostraka.testing.openai_script import Script, Step, asked_of

_PIECES = re.compile(r"\s+|[A-Za-z0-9]+|.", re.DOTALL)
_MARKER = re.compile(r"\bmarker:? ([0-9a-f]{16,})")
_OPPOSITES: Final = {
    word: other
    for pair in (("true", "false"), ("yes", "no"), ("Yes", "No"), ("safe", "unsafe"), ("1", "0"))
    for word, other in (pair, pair[::-1])
}
_CERTAIN: Final = 0.9999


def content_of(step: Step, request: Mapping[str, Any], script: Script) -> str:
    """The text of a good answer to a request, or of what content ordered."""
    if script.obeys and (ordered := obeyed(request, script.obeys)) is not None:
        return ordered
    if isinstance(step.content, str):
        return step.content
    if step.content is not None:
        return msgspec.json.encode(step.content).decode()
    schema = schema_of(request, script)
    if schema is None:
        as_object = (request.get("response_format") or {}).get("type") == "json_object"
        return "{}" if as_object and script.json_object == "yes" else "safe"
    value = instance(schema)
    if isinstance(value, dict) and "marker" in value:
        value["marker"] = marker_of(request)
    for path, each in step.set.items():
        _put(value, path.split("."), each)
    return msgspec.json.encode(value).decode()


def schema_of(request: Mapping[str, Any], script: Script) -> Any:
    """The JSON schema that the answer must fit: where supported, or where the prompt has one."""
    match request.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            if script.json_schema == "yes":
                return schema
        case {"type": "json_object", "schema": schema} if script.object_schema == "yes":
            return schema
    if script.guided_json == "yes" and "guided_json" in request:
        return request["guided_json"]
    for message in request["messages"]:
        _, found, rest = message["content"].partition("JSON schema:\n")
        if found:
            return msgspec.json.decode(rest.partition("\n")[0])
    return None


def marker_of(request: Mapping[str, Any]) -> str:
    """The marker that the system's message names, as a model that reads it would repeat it."""
    for message in request["messages"]:
        if message["role"] == "system" and (found := _MARKER.search(message["content"])):
            return found[1]
    return ""


def instance(schema: Mapping[str, Any]) -> Any:
    """A small value that fits a schema: the first of an enumeration, false, the least number."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: instance(each) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [instance(schema["items"])] * schema.get("minItems", 0)
        case "boolean":
            return False
        case "number" | "integer":
            return schema.get("minimum", 0)
        case "null":
            return None
    return "scripted"


def _put(value: Any, path: list[str], new: Any) -> None:
    *parents, last = path
    for name in parents:
        value = value[name]
    value[last] = new


def tokens(content: str, probability: float, schema: Any = None) -> Iterator[dict[str, Any]]:
    """The content's tokens; words that have an opposite, or stand in quotes, are chosen ones."""
    before = ""
    opposites = _OPPOSITES | dict(_enumerated(schema))
    for found in _PIECES.finditer(content):
        piece = found[0]
        opposite = opposites.get(piece)
        chosen = opposite is not None or (before == '"' and content[found.end() :][:2] != '":')
        sure = probability if chosen else _CERTAIN
        other = opposite or "other"
        yield {
            "token": piece,
            "bytes": list(piece.encode()),
            "logprob": math.log(sure),
            "top_logprobs": [
                {"token": each, "bytes": list(each.encode()), "logprob": math.log(max(p, 1e-9))}
                for each, p in ((piece, sure), (other, 1 - sure))
            ],
        }
        before = piece


def _enumerated(schema: Any) -> Iterator[tuple[str, str]]:
    """The first pieces of each enumeration's members, each with another member's."""
    if not isinstance(schema, Mapping):
        return
    members = [each for each in schema.get("enum", ()) if isinstance(each, str)]
    pieces = list(dict.fromkeys(_PIECES.findall(each)[0] for each in members if each))
    yield from zip(pieces, pieces[1:] + pieces[:1], strict=True)
    for each in schema.get("properties", {}).values():
        yield from _enumerated(each)


def body_of(step: Step, request: Mapping[str, Any], script: Script, content: str) -> dict[str, Any]:
    """A chat completion's body, faults included."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    reason = "stop"
    match step.do:
        case "cut":
            message["content"], reason = content[: len(content) // 2], "length"
        case "wrong_schema":
            message["content"] = '{"unexpected": true}'
        case "refusal":
            message |= {"content": None, "refusal": "I cannot help with that."}
        case "empty":
            message["content"] = ""
        case "prose":
            message["content"] = "I would rather not answer in JSON today."
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reason}
    said = message["content"] or ""
    if request.get("logprobs") and script.logprobs == "yes":
        choice["logprobs"] = {
            "content": list(tokens(said, step.probability, schema_of(request, script)))
        }
    asked, answered = (len(_PIECES.findall(text)) for text in (asked_of(request), said))
    return {
        "id": f"chatcmpl-{secrets.token_hex(8)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.get("model"),
        "choices": [] if step.do == "empty_choices" else [choice],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        },
    }
