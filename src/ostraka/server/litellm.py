"""LiteLLM's generic guardrail: `POST /beta/litellm_basic_guardrail_api`.

Texts and arguments of tool calls that are flagged block the call.
`additional_provider_specific_params` may hold `model` and `thresholds` (probability by category).
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import ImageNotSupportedError, InvalidInputError
from ostraka.moderator import Verdict
from ostraka.server.body import check_texts, read_object
from ostraka.server.envelopes import json_response
from ostraka.server.state import state_of
from ostraka.settings import Images
from ostraka.taxonomy import Category


async def guardrail(request: Request) -> Response:
    """Let the texts of a call pass, or block it and say why."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    texts = body.get("texts")
    if texts is None:
        texts = []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInputError("'texts' must be a list of strings.", field="texts")
    images = body.get("images")
    if images is None:
        images = []
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise InvalidInputError("'images' must be a list of strings.", field="images")
    if images and (state.settings.images is Images.REJECT or not texts):
        raise ImageNotSupportedError(field="images")
    texts = texts + _arguments(body.get("tool_calls"))
    check_texts(texts, state.settings, "texts")
    model, thresholds = _options(body.get("additional_provider_specific_params"))
    verdicts = await state.scoring.verdicts(texts, model) if texts else []
    reasons = sorted({reason for verdict in verdicts for reason in _reasons(verdict, thresholds)})
    if reasons:
        return json_response(
            {"action": "BLOCKED", "blocked_reason": f"Flagged for {', '.join(reasons)}."}
        )
    return json_response({"action": "NONE"})


def _arguments(calls: Any) -> list[str]:
    """What a model wants to hand to tools: an answer may hold nothing else."""
    if calls is None:
        return []
    found = []
    for call in calls if isinstance(calls, list) else [None]:
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments", "") if isinstance(function, dict) else None
        if isinstance(arguments, str):
            found.append(arguments)
        elif not isinstance(function, dict) or arguments is not None:
            raise InvalidInputError(
                "'tool_calls' must be a list of calls with a 'function' whose 'arguments' are a "
                "string.",
                field="tool_calls",
            )
    return found


def _options(options: Any) -> tuple[str | None, dict[Category, float]]:
    field = "additional_provider_specific_params"
    if options is None:
        return None, {}
    if not isinstance(options, dict):
        raise InvalidInputError(f"'{field}' must be an object.", field=field)
    model = options.get("model")
    if model is not None and (not isinstance(model, str) or not model):
        raise InvalidInputError(f"'{field}.model' must be a non-empty string.", field=field)
    raw = options.get("thresholds")
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise InvalidInputError(f"'{field}.thresholds' must be an object.", field=field)
    thresholds: dict[Category, float] = {}
    for name, value in raw.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in set(Category) or not number or not 0 <= value <= 1:
            raise InvalidInputError(
                f"'{field}.thresholds' maps categories to numbers from 0 to 1; "
                f"categories are {', '.join(Category)}.",
                field=field,
            )
        thresholds[Category(name)] = float(value)
    return model, thresholds


def _reasons(verdict: Verdict, thresholds: Mapping[Category, float]) -> list[str]:
    return [
        category
        for category, flag in verdict.flags.items()
        if (verdict.scores[category] >= thresholds[category] if category in thresholds else flag)
    ]
