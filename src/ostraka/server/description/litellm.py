"""LiteLLM's generic guardrail, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.server.description.operation import Operation
from ostraka.server.envelopes import Dialect
from ostraka.taxonomy import Category

Probability = Annotated[float, Meta(ge=0, le=1)]


class GuardrailOptions(Struct):
    """Which model judges, and from which probability a category blocks."""

    model: Annotated[str, Meta(min_length=1)] | UnsetType | None = UNSET
    thresholds: (
        Annotated[
            dict[str, Probability],
            Meta(extra_json_schema={"propertyNames": {"enum": [str(c) for c in Category]}}),
        ]
        | UnsetType
        | None
    ) = UNSET


class ToolFunction(Struct):
    """What a model wants to call; `arguments` is judged like a text."""

    arguments: str | UnsetType | None = UNSET


class ToolCall(Struct):
    """A call that a model wants to make."""

    function: ToolFunction


class GuardrailRequest(Struct):
    """Texts of a call to a language model, or of its answer."""

    texts: list[str] | UnsetType | None = UNSET
    images: (
        Annotated[
            list[str],
            Meta(description="Refused unless the setting `images` is `ignore`."),
        ]
        | UnsetType
        | None
    ) = UNSET
    tool_calls: list[ToolCall] | UnsetType | None = UNSET
    additional_provider_specific_params: GuardrailOptions | UnsetType | None = UNSET


class GuardrailAnswer(Struct, forbid_unknown_fields=True):
    """Whether the call may go on."""

    action: Literal["NONE", "BLOCKED"]
    blocked_reason: str | UnsetType = UNSET


_PATH: Final = "/beta/litellm_basic_guardrail_api"
_BLOCKED: Final[Any] = GuardrailAnswer("BLOCKED", "Flagged for harassment.")

OPERATIONS: Final = (
    Operation(
        id="litellm_guardrail",
        method="post",
        path=_PATH,
        tag="LiteLLM",
        summary="Let the texts of a call pass, or block it",
        request=GuardrailRequest,
        shapes=(GuardrailAnswer,),
        dialects=(Dialect.OPENAI,),
        may_miss=True,
        requests={
            "plain": {"texts": ["You are a stupid idiot."]},
            "own threshold": {
                "texts": ["You are a stupid idiot."],
                "additional_provider_specific_params": {"thresholds": {"insult": 0.9}},
            },
        },
        answers={"blocked": _BLOCKED},
    ),
)
