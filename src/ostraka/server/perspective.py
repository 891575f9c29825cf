"""Perspective's door: `comments:analyze`, `comments:suggestscore`, and the discovery document.

Error types and messages are the original's to the letter, because clients match on them.
"""

import math
import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError
from ostraka.moderator import Verdict
from ostraka.server.body import read_object
from ostraka.server.envelopes import Problem, json_response
from ostraka.server.protojson import camel_case, check_types
from ostraka.server.state import State, state_of
from ostraka.taxonomy import PERSPECTIVE

MAXIMUM_COMMENT_BYTES: Final = 20 * 1024
_FIELDS: Final = (
    ("comment", dict),
    ("context", dict),
    ("requestedAttributes", dict),
    ("spanAnnotations", bool),
    ("doNotStore", bool),
    ("dropUnsupportedAttributes", bool),
    ("clientToken", str),
    ("sessionId", str),
    ("communityId", str),
)
_LANGUAGES: Final = frozenset({"en"})
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*\s*|[.!?]+\s*")


async def analyze(request: Request) -> Response:
    """Score a comment for the requested attributes."""
    state = state_of(request)
    body = await _read(request, state)
    text = _comment_text(body)
    attributes = _attributes(body, state)
    languages = _languages(body, state, attributes)
    spans = [(0, len(text))]
    if body.get("spanAnnotations") is True:
        spans = _at_most(sentences(text), state.settings.max_items)
    pieces = [text[begin:end] for begin, end in spans]
    whole, *parts = await state.scoring.verdicts([text, *(p for p in pieces if p != text)])
    parts = parts or [whole]
    scores: dict[str, Any] = {}
    for name, options in attributes.items():
        value = _value(whole, name)
        if value < options.get("scoreThreshold", 0.0):
            continue
        scores[name] = {
            "spanScores": [
                {"begin": begin, "end": end, "score": _score(_value(part, name))}
                for (begin, end), part in zip(spans, parts, strict=True)
            ],
            "summaryScore": _score(value),
        }
    answer: dict[str, Any] = {"attributeScores": scores} if scores else {}
    answer |= {"languages": languages, "detectedLanguages": languages}
    return json_response(answer | _token(body))


def sentences(text: str) -> list[tuple[int, int]]:
    """Begin and end (exclusive, code points) of each sentence, spaces behind it left out."""
    found = []
    for match in _SENTENCE.finditer(text):
        stripped = match.group().strip()
        if stripped:
            begin = match.start() + match.group().index(stripped)
            found.append((begin, begin + len(stripped)))
    return found or [(0, len(text))]


def _at_most(spans: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Neighbours joined until a comment of very many sentences is no more than `limit` texts."""
    size = math.ceil(len(spans) / limit)
    groups = [spans[start : start + size] for start in range(0, len(spans), size)]
    return [(group[0][0], group[-1][1]) for group in groups]


def _value(verdict: Verdict, name: str) -> float:
    return max(verdict.scores[c] for c in PERSPECTIVE.mapping[name] if c in verdict.scores)


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 7), "type": "PROBABILITY"}


def _token(body: dict[str, Any]) -> dict[str, Any]:
    token = body.get("clientToken")
    return {} if token is None else {"clientToken": token}


def _invalid(message: str, kind: str = "INVALID_REQUEST", **details: Any) -> Problem:
    return Problem(400, message, details={"errorType": kind} | details)


async def _read(request: Request, state: State) -> dict[str, Any]:
    try:
        body = camel_case(await read_object(request, state.settings))
        check_types(body, _FIELDS)
        return body
    except InvalidInputError as error:
        raise _invalid(error.message) from error


def _comment_text(body: dict[str, Any]) -> str:
    comment = body.get("comment") or {}
    text = comment.get("text")
    if text is not None and not isinstance(text, str):
        raise _invalid("Invalid value at 'comment.text': expected a string")
    if not text or not text.strip():
        raise _invalid("Comment must be non-empty.", "COMMENT_EMPTY")
    if comment.get("type", "PLAIN_TEXT") not in ("PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED"):
        raise _invalid("Currently, only 'PLAIN_TEXT' comments are supported")
    if len(text.encode("utf-8", "replace")) > MAXIMUM_COMMENT_BYTES:
        raise _invalid("Comment text too long.", "COMMENT_TOO_LONG")
    if {"entries", "articleAndParentComment"} <= (body.get("context") or {}).keys():
        raise _invalid("context may hold either entries or articleAndParentComment, not both")
    return text


def _attributes(body: dict[str, Any], state: State) -> dict[str, dict[str, Any]]:
    requested: dict[str, dict[str, Any]] | None = body.get("requestedAttributes")
    if not requested:
        raise _invalid("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    modelled = PERSPECTIVE.modelled(state.moderator.categories)
    attributes = {}
    for name, options in requested.items():
        if name not in modelled:
            if _drops(body) and name in PERSPECTIVE.mapping:
                continue
            raise _invalid(f"Unknown requested attribute: {name}")
        if not isinstance(options, dict):
            raise _invalid(f"Invalid value at 'requestedAttributes.{name}': expected an object")
        kind = options.get("scoreType", "PROBABILITY")
        if kind not in ("PROBABILITY", "SCORE_TYPE_UNSPECIFIED"):
            raise _invalid(f"Requested score type {kind} is not supported for attribute {name}")
        threshold = options.get("scoreThreshold", 0.0)
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise _invalid(
                f"Invalid value at 'requestedAttributes.{name}.scoreThreshold': expected a number"
            )
        attributes[name] = options
    return attributes


def _drops(body: dict[str, Any]) -> bool:
    """Whether what is not supported shall be left out of the answer instead of failing it."""
    return body.get("dropUnsupportedAttributes") is True


def _languages(
    body: dict[str, Any], state: State, attributes: dict[str, dict[str, Any]]
) -> list[str]:
    """The comment's languages; no attribute remains where one of them is not supported."""
    languages = body.get("languages") or [state.settings.default_language]
    if not isinstance(languages, list) or not all(isinstance(each, str) for each in languages):
        raise _invalid("Invalid value at 'languages': expected a list of language codes")
    unsupported = [each for each in languages if each.split("-")[0].lower() not in _LANGUAGES]
    if unsupported and _drops(body):
        attributes.clear()
    elif unsupported and attributes:
        name = next(iter(attributes))
        raise _invalid(
            f"Attribute {name} does not support request languages: {', '.join(unsupported)}",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            languageNotSupportedByAttributeError={
                "detectedLanguages": [],
                "requestedLanguages": languages,
                "attribute": name,
            },
        )
    return languages


async def discovery(request: Request) -> Response:
    """The document that `google-api-python-client` builds its client from."""
    root = str(request.base_url)
    post = {"httpMethod": "POST", "parameters": {}, "parameterOrder": []}
    return json_response(
        {
            "kind": "discovery#restDescription",
            "discoveryVersion": "v1",
            "id": "commentanalyzer:v1alpha1",
            "name": "commentanalyzer",
            "version": "v1alpha1",
            "title": "Perspective Comment Analyzer API",
            "protocol": "rest",
            "rootUrl": root,
            "baseUrl": root,
            "servicePath": "",
            "batchPath": "batch",
            "parameters": {
                "key": {"type": "string", "location": "query"},
                "alt": {"type": "string", "location": "query", "default": "json"},
            },
            "schemas": {
                name: {"id": name, "type": "object", "properties": {}}
                for name in (
                    "AnalyzeCommentRequest",
                    "AnalyzeCommentResponse",
                )
            },
            "resources": {
                "comments": {
                    "methods": {
                        "analyze": post
                        | {
                            "id": "commentanalyzer.comments.analyze",
                            "path": "v1alpha1/comments:analyze",
                            "flatPath": "v1alpha1/comments:analyze",
                            "request": {"$ref": "AnalyzeCommentRequest"},
                            "response": {"$ref": "AnalyzeCommentResponse"},
                        },
                    }
                }
            },
        }
    )
