"""Mistral's door: `/v1/moderations` in its dialect, and `/v1/chat/moderations`.

Success is 200 exactly; both maps of a result are open `{name: value}`. Names without a
counterpart in our taxonomy (health, financial, law, pii, jailbreaking) are left out of an answer
rather than given an invented number, since the maps may hold any names.
"""

import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError, UnknownModelError
from ostraka.moderator import Verdict
from ostraka.server.body import check_texts, read_object
from ostraka.server.envelopes import Problem, json_response
from ostraka.server.fields import model_of, required, texts_of, wrong_type
from ostraka.server.state import State, state_of
from ostraka.taxonomy import MISTRAL_2411, MISTRAL_2603, View

MISTRAL_NAMES: Final = (
    "mistral-moderation-latest",
    "mistral-moderation-2603",
    "mistral-moderation-2411",
)
_ROLE_NAMES: Final = ("assistant", "system", "tool", "user")


async def chat_moderations(request: Request) -> Response:
    """Judge the last turn of each conversation."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    model = model_of(body)
    conversations = _conversations(body)
    return await _answer(state, model, [_last_turn(turns) for turns in conversations])


async def answer_moderation(state: State, body: dict[str, Any]) -> Response:
    """The answer to a `/v1/moderations` body in Mistral's dialect."""
    return await _answer(state, model_of(body), texts_of(body))


async def _answer(state: State, model: str, texts: list[str]) -> Response:
    check_texts(texts, state.settings, "input")
    ours = None if model in MISTRAL_NAMES else model
    try:
        verdicts = await state.scoring.verdicts(texts, ours)
    except UnknownModelError as error:
        tuned = model.startswith("ft:")
        why = " (fine-tuned models are asked at /v1/classifications)" if tuned else ""
        raise Problem(400, f"Invalid model: {model}{why}", code="model_not_found") from error
    view = MISTRAL_2411 if model.endswith("-2411") else MISTRAL_2603
    tokens = sum(len(text.split()) for text in texts)
    return json_response(
        {
            "id": secrets.token_hex(16),
            "model": "mistral-moderation-2603" if model.endswith("-latest") else model,
            "results": [render(view, verdict) for verdict in verdicts],
            "usage": {
                "prompt_tokens": tokens,
                "total_tokens": tokens,
                "completion_tokens": 0,
                "request_count": len(texts),
            },
        }
    )


def render(view: View, verdict: Verdict) -> dict[str, Any]:
    """One result: the names of `view` that the model answers for; `flagged` for OpenAI clients."""
    flags = view.flags(verdict.flags)
    return {
        "categories": flags,
        "category_scores": {n: round(s, 6) for n, s in view.scores(verdict.scores).items()},
        "flagged": any(flags.values()),
    }


def _conversations(body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    value = required(body, "input")
    if isinstance(value, list) and value:
        conversations = [value] if all(isinstance(turn, dict) for turn in value) else value
        if all(_is_conversation(turns) for turns in conversations):
            return conversations
    roles = ", ".join(_ROLE_NAMES)
    valid = f"a list of messages (their role one of {roles}), or a list of such lists"
    raise wrong_type(value, valid, "input")


def _is_conversation(turns: Any) -> bool:
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(isinstance(turn, dict) and turn.get("role") in _ROLE_NAMES for turn in turns)
    )


def _last_turn(turns: list[dict[str, Any]]) -> str:
    content = turns[-1].get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    raise InvalidInputError(
        "The last message's content should be a string or a list of text parts",
        field="input",
        code="string_type",
    )
