"""Perspective's door: `comments:analyze`, `comments:suggestscore`, and the discovery document.

Error types and messages are the original's to the letter, because clients match on them.
"""

import asyncio
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
    ("attributeScores", dict),
    ("languages", list),
    ("spanAnnotations", bool),
    ("doNotStore", bool),
    ("dropUnsupportedAttributes", bool),
    ("clientToken", str),
    ("sessionId", str),
    ("communityId", str),
)
_LANGUAGES: Final = frozenset({"en"})
_MAXIMUM_NAMES: Final = 100
_SUGGESTION_FIELDS: Final = (
    ("community_id", "communityId", 200),
    ("client_token", "clientToken", 1000),
)
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
        if value < (options.get("scoreThreshold") or 0.0):
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


async def suggest_score(request: Request) -> Response:
    """Keep the scores that a client suggests for a comment, for the next training.

    Keeping it is what this call is for, so it is kept whatever other settings say, unless the
    request itself says `doNotStore`.
    """
    state = state_of(request)
    body = await _read(request, state)
    text = _plain("comment.text", _comment_text(body), MAXIMUM_COMMENT_BYTES)
    scores = _suggested_scores(body)
    languages = body.get("languages") or [state.settings.default_language]
    if not isinstance(languages, list) or len(languages) > _MAXIMUM_NAMES:
        raise _invalid("Invalid value at 'languages': expected a list of language codes")
    languages = [_plain("languages", each, 35) for each in languages]
    optional = {
        name: _plain(field, body[field], maximum)
        for name, field, maximum in _SUGGESTION_FIELDS
        if body.get(field) is not None
    }
    if body.get("doNotStore") is not True:
        key = request.scope.get("ostraka.key")
        await asyncio.to_thread(
            state.kept.suggest,
            text=text,
            scores=scores,
            languages=languages,
            key_id=key.id if key else None,
            **optional,
        )
    return json_response({"detectedLanguages": languages} | _token(body))


def _suggested_scores(body: dict[str, Any]) -> dict[str, float]:
    """Suggested summary scores by attribute. Names are free: sites have labels of their own."""
    suggested = body.get("attributeScores")
    if not suggested or not isinstance(suggested, dict):
        raise _invalid("Missing attribute_scores")
    if len(suggested) > _MAXIMUM_NAMES:
        raise _invalid(f"Invalid value at 'attributeScores': more than {_MAXIMUM_NAMES} attributes")
    scores: dict[str, float] = {}
    for name, each in suggested.items():
        summary = each.get("summaryScore") if isinstance(each, dict) else None
        value: Any = summary.get("value") if isinstance(summary, dict) else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            raise _invalid(
                f"Invalid value at 'attributeScores.{name}.summaryScore.value': "
                "expected a number from 0 to 1"
            )
        scores[_plain("attributeScores", name, 100)] = float(value)
    return scores


def _plain(field: str, value: Any, maximum: int) -> str:
    """A string that both databases can keep."""
    if not isinstance(value, str) or len(value) > maximum or "\0" in value:
        raise _invalid(
            f"Invalid value at '{field}': expected a string of at most {maximum} characters, "
            "none of them U+0000"
        )
    return value


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
    if (comment.get("type") or "PLAIN_TEXT") not in ("PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED"):
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
        kind = options.get("scoreType") or "PROBABILITY"
        if kind not in ("PROBABILITY", "SCORE_TYPE_UNSPECIFIED"):
            raise _invalid(f"Requested score type {kind} is not supported for attribute {name}")
        threshold = options.get("scoreThreshold")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float | None):
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
