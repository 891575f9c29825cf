"""`/v1/classifications` and `/v1/chat/classifications`: what a fine-tuned model says of texts."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ostraka.assess.conversation import join_turns
from ostraka.errors import ArchivedModelError, UnknownModelError
from ostraka.server.body import check_texts, read_object
from ostraka.server.envelopes import Problem, json_response
from ostraka.server.fields import model_of, required, texts_of, wrong_type
from ostraka.server.openai import model_cards
from ostraka.server.state import State, state_of

_INLINE_CHARACTERS: Final = 20_000
"""Calls with more text than this leave the event loop whatever the model."""


async def classify(request: Request) -> Response:
    """Classify texts."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    return await _answer(state, model_of(body), texts_of(body))


async def classify_chat(request: Request) -> Response:
    """Classify whole conversations, each as one text."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    model = model_of(body)
    value = required(body, "input")
    conversations = [value] if isinstance(value, dict) else value
    if not isinstance(conversations, list) or not conversations:
        raise wrong_type(value, "an object with messages, or a non-empty list of them", "input")
    texts = [
        _conversation(each, "input" if isinstance(value, dict) else f"input.{index}")
        for index, each in enumerate(conversations)
    ]
    return await _answer(state, model, texts)


async def _answer(state: State, model: str, texts: Sequence[str]) -> Response:
    check_texts(texts, state.settings, "input")
    try:
        kept = state.kept
        serving = kept.serving_at_hand
        if serving is None:
            serving = await asyncio.to_thread(kept.serving, state.settings)
        # Two threads that want the interpreter wait for each other longer than such a call takes.
        if serving.is_at_hand(model) and sum(map(len, texts)) <= _INLINE_CHARACTERS:
            results = serving.classify(model, texts)
        else:
            results = await asyncio.to_thread(serving.classify, model, texts)
    except UnknownModelError as error:
        base = model in model_cards(state.moderator)
        why = " (base models are asked at /v1/moderations)" if base else ""
        if isinstance(error, ArchivedModelError):
            why = " (it is archived)"
        raise Problem(400, f"Invalid model: {model}{why}", code="model_not_found") from error
    return json_response(
        {"id": secrets.token_hex(16), "model": model, "results": msgspec.Raw(results)}
    )


def _conversation(value: Any, field: str) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise wrong_type(value, "an object with messages", field)
    return join_turns(value["messages"], field=f"{field}.messages")
