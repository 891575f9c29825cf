"""Mistral's door, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from ostraka.server.description.operation import Operation
from ostraka.server.envelopes import Dialect

_MODEL: Final = Meta(
    min_length=1,
    description="A name of `GET /v1/models`, or one pinned by its digest.",
)
Probability = Annotated[float, Meta(ge=0, le=1)]


class MistralModerationRequest(Struct):
    """Texts to judge."""

    model: Annotated[str, _MODEL]
    input: str | Annotated[list[str], Meta(min_length=1)]


class Message(Struct):
    """A turn of a conversation. Only the last one's content is judged."""

    role: Literal["assistant", "system", "tool", "user"]
    content: Annotated[
        Any,
        Meta(
            description="A text, or a list of text parts.",
            extra_json_schema={
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {"$ref": "#/components/schemas/MistralTextPart"},
                    },
                ]
            },
        ),
    ]


class MistralTextPart(Struct):
    """A part of a message."""

    text: str
    type: Literal["text"] = "text"


class ChatModerationRequest(Struct):
    """A conversation, or a list of them."""

    model: Annotated[str, _MODEL]
    input: Annotated[
        Any,
        Meta(
            extra_json_schema={
                "anyOf": [
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {"$ref": "#/components/schemas/Message"},
                    },
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"$ref": "#/components/schemas/Message"},
                        },
                    },
                ]
            }
        ),
    ]


class MistralResult(Struct, forbid_unknown_fields=True):
    """What is said of one text. Names that the model was not trained to see are left out."""

    categories: dict[str, bool]
    category_scores: dict[str, Probability]
    flagged: bool


class Usage(Struct, forbid_unknown_fields=True):
    """Words and texts of the request."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int
    request_count: int


class MistralModeration(Struct, forbid_unknown_fields=True):
    """One result per text, in order."""

    id: str
    model: str
    results: list[MistralResult]
    usage: Usage


MODERATION_REQUEST: Final = {
    "model": "mistral-moderation-latest",
    "input": ["You are a stupid idiot."],
}
_CONVERSATION: Final = [
    {"role": "user", "content": "What do you think of me?"},
    {"role": "assistant", "content": "You are a stupid idiot."},
]
_CHAT: Final = {
    "one conversation": {"model": "mistral-moderation-latest", "input": _CONVERSATION},
    "conversations": {"model": "mistral-moderation-latest", "input": [_CONVERSATION]},
}

OPERATIONS: Final = tuple(
    Operation(
        id=f"{name}create_chat_moderation",
        method="post",
        path=f"{prefix}/v1/chat/moderations",
        tag="Mistral",
        summary="Judge the last turn of conversations" + (f", under {prefix}" if prefix else ""),
        request=ChatModerationRequest,
        shapes=(MistralModeration,),
        dialects=(Dialect.MISTRAL,),
        requests=_CHAT,
    )
    for name, prefix in (("", ""), ("mistral_", "/mistral"))
)
