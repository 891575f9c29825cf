"""OpenAI's door: `POST /v1/moderations`, `GET /v1/models`, `GET /v1/models/{id}`.

Shapes follow OpenAI's published API description. A name that the model was not trained to see
scores 0 and has no applied input type; the model card lists it as not modelled.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import (
    ImageNotSupportedError,
    InvalidInputError,
)
from ostraka.moderator import ModelCard, Moderator, Verdict
from ostraka.server.body import check_texts, read_object
from ostraka.server.envelopes import DIALECT, Dialect, is_mistral_client, json_response
from ostraka.server.mistral import MISTRAL_NAMES, answer_moderation
from ostraka.server.state import request_hex, state_of
from ostraka.settings import Images
from ostraka.taxonomy import OPENAI, OPENAI_LEGACY, VIEWS, Category, View

T = TypeVar("T", bool, float)

OMNI: Final = ("omni-moderation-latest", "omni-moderation-2024-09-26")
LEGACY: Final = ("text-moderation-latest", "text-moderation-stable", "text-moderation-007")
_OPENAI_NAMES: Final = frozenset(OMNI + LEGACY)


async def moderations(request: Request) -> Response:
    """Moderate texts, in OpenAI's shape or, for Mistral's models and SDK, in Mistral's."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    model = body.get("model")
    mistral = _speaks_mistral(request, model)
    request.scope[DIALECT] = Dialect.MISTRAL if mistral else Dialect.OPENAI
    if mistral:
        return await answer_moderation(state, body)
    if model is not None and (not isinstance(model, str) or not model):
        raise InvalidInputError(
            "'model' must be a non-empty string.", field="model", code="invalid_type"
        )
    texts, has_images = parse_input(body, state.settings.images)
    check_texts(texts, state.settings, "input")
    verdicts = await state.scoring.verdicts(texts, _our_model(model))
    view = OPENAI_LEGACY if model in LEGACY else OPENAI
    results = [render(view, verdict) for verdict in verdicts]
    if not texts and has_images:
        raise ImageNotSupportedError(field="input")
    return json_response(
        {
            "id": f"modr-{request_hex(request)}",
            "model": _answered_model(model, verdicts),
            "results": results,
        }
    )


def _speaks_mistral(request: Request, model: Any) -> bool:
    """The dialect rule: by model first, by client only to break ties."""
    path = request.scope["path"]
    if path.startswith("/openai/"):
        return False
    if path.startswith("/mistral/"):
        return True
    if isinstance(model, str) and model.startswith("mistral-moderation"):
        return True
    if model is None or (isinstance(model, str) and model in _OPENAI_NAMES):
        return False
    return is_mistral_client(request)


def _our_model(model: str | None) -> str | None:
    """OpenAI's names mean our default model; ours are taken as they are."""
    if model is None or model in _OPENAI_NAMES:
        return None
    return model


def _answered_model(model: str | None, verdicts: Sequence[Verdict]) -> str:
    if model is None:
        return OMNI[0]
    if model in LEGACY:
        return "text-moderation-007"
    if model in OMNI:
        return model
    return verdicts[0].model if verdicts else model


def parse_input(body: dict[str, Any], images: Images) -> tuple[list[str], bool]:
    """The texts to judge, one per result, and whether images stood beside them.

    Raises:
        InvalidInputError: `input` is missing, empty, mixed or of the wrong type.
        ImageNotSupportedError: an image, while images are rejected.
    """
    if "input" not in body:
        raise InvalidInputError(
            "Missing required parameter: 'input'.", field="input", code="missing_required_parameter"
        )
    value = body["input"]
    if isinstance(value, str):
        if not value:
            raise InvalidInputError("'input' must not be empty.", field="input", code="empty_input")
        return [value], False
    if not isinstance(value, list) or not value:
        raise InvalidInputError(
            "'input' must be a string, a non-empty list of strings, or a list of parts.",
            field="input",
            code="empty_input" if value == [] else "invalid_type",
        )
    if all(isinstance(text, str) for text in value):
        return value, False
    if all(isinstance(part, dict) for part in value):
        return _parse_parts(value, images)
    raise InvalidInputError(
        "'input' must hold either strings only or parts only.", field="input", code="invalid_type"
    )


def _parse_parts(parts: list[dict[str, Any]], images: Images) -> tuple[list[str], bool]:
    texts: list[str] = []
    pictures = 0
    for index, part in enumerate(parts):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str()}}:
                pictures += 1
            case _:
                raise InvalidInputError(
                    f"'input[{index}]' must be a text part with a string 'text', or an image_url "
                    "part with a string 'image_url.url'.",
                    field=f"input[{index}]",
                    code="invalid_type",
                )
    if pictures > 1:
        raise InvalidInputError(
            f"Number of images ({pictures}) exceeds maximum of 1",
            field="input",
            code="too_many_images",
        )
    if pictures and (images is Images.REJECT or not texts):
        raise ImageNotSupportedError(field="input")
    return ["\n".join(texts)], pictures > 0


def render(view: View, verdict: Verdict) -> dict[str, Any]:
    """One result, ready for `json_response`: all names of `view` in all three maps."""
    shape = _shape(view.name, tuple(verdict.scores))
    scores, flags = verdict.scores, verdict.flags
    flagged = verdict.flagged and any(flags[part] for part in shape.parts)
    return {
        "flagged": flagged,
        "categories": {name: _highest(flags, parts, False) for name, parts in shape.names}
        if flagged
        else shape.no_flags,
        "category_scores": shape.zeros
        | {
            name: scores[parts[0]] if len(parts) == 1 else _highest(scores, parts, 0.0)
            for name, parts in shape.modelled
        },
        "category_applied_input_types": shape.applied,
    }


@dataclass(frozen=True, slots=True)
class _Shape:
    """What all results of one view and one set of categories share, encoded once.

    `names` are the view's, each with the modelled categories that answer for it (maybe none),
    `modelled` those that have some; `parts` are those categories, once each.
    """

    names: tuple[tuple[str, tuple[Category, ...]], ...]
    modelled: tuple[tuple[str, tuple[Category, ...]], ...]
    parts: tuple[Category, ...]
    zeros: dict[str, float]
    no_flags: msgspec.Raw
    applied: msgspec.Raw


@lru_cache(maxsize=16)
def _shape(view_name: str, categories: tuple[Category, ...]) -> _Shape:
    names = tuple(
        (name, tuple(part for part in parts if part in categories))
        for name, parts in VIEWS[view_name].mapping.items()
    )
    applied = {name: ["text"] if parts else [] for name, parts in names}
    return _Shape(
        names,
        tuple((name, parts) for name, parts in names if parts),
        tuple(dict.fromkeys(part for _, parts in names for part in parts)),
        {name: 0.0 for name, _ in names},
        msgspec.Raw(msgspec.json.encode({name: False for name, _ in names})),
        msgspec.Raw(msgspec.json.encode(applied)),
    )


def _highest(values: Mapping[Category, T], parts: tuple[Category, ...], nothing: T) -> T:
    return max((values[part] for part in parts), default=nothing)


async def list_models(request: Request) -> Response:
    """Every model, ours and the vendors' names for them, with the fields of both vendors."""
    state = state_of(request)
    fine_tuned = await asyncio.to_thread(state.kept.model_cards)
    base = model_cards(state.moderator).values()
    return json_response({"object": "list", "data": [*base, *fine_tuned]})


async def get_model(request: Request) -> Response:
    """One model card, by plain or pinned name."""
    state = state_of(request)
    name = request.path_params["model"]
    cards = model_cards(state.moderator)
    if name in cards:
        return json_response(cards[name])
    plain = name.partition("@")[0]
    if plain in cards:
        state.moderator.cascade(name)
        return json_response(cards[plain] | {"id": name})
    return json_response(await asyncio.to_thread(state.kept.model_card, name.replace("\0", "")))


def model_cards(moderator: Moderator) -> dict[str, dict[str, Any]]:
    """Cards by name."""
    cards = {card.id: _card(card, card.id, moderator) for card in moderator.models}
    default = moderator.models[0]
    for alias in (*OMNI, *LEGACY, *MISTRAL_NAMES):
        cards[alias] = _card(default, alias, moderator)
    return cards


def _card(card: ModelCard, name: str, moderator: Moderator) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": card.created,
        "owned_by": "ostraka",
        "name": name,
        "description": card.description,
        "type": "base",
        "capabilities": {
            "completion_chat": False,
            "function_calling": False,
            "completion_fim": False,
            "fine_tuning": False,
            "vision": False,
            "classification": True,
            "moderation": True,
        },
        "max_context_length": 32768,
        "aliases": [],
        "root": card.id,
        "pinned_id": card.pinned_id,
        "stages": list(card.stages),
        "modelled": list(card.modelled),
        "not_modelled": list(card.not_modelled),
        "thresholds": {str(c): round(moderator.threshold(c), 4) for c in card.modelled},
    }
