"""Each vendor's error envelope, and which status comes in which."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from ostraka.server.description.operation import Operation
from ostraka.server.description.tree_shapes import TreeFailure
from ostraka.server.envelopes import Dialect


class OpenAIProblem(Struct, forbid_unknown_fields=True):
    """`param` names the field at fault, `code` is for machines; either may be null."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Struct, forbid_unknown_fields=True):
    """An error in OpenAI's envelope."""

    error: OpenAIProblem


class MistralError(Struct, forbid_unknown_fields=True):
    """An error in Mistral's envelope."""

    object: str
    message: str
    type: str
    param: str | None
    code: str


class MistralUnauthorized(Struct, forbid_unknown_fields=True):
    """The answer to a missing or wrong key in Mistral's dialect."""

    detail: str


class MistralInvalidField(Struct, forbid_unknown_fields=True):
    """One field at fault; `loc` is the way to it."""

    type: str
    loc: list[str | int]
    msg: str


class MistralValidationError(Struct, forbid_unknown_fields=True):
    """What is wrong with a request, in Mistral's envelope."""

    detail: list[MistralInvalidField]


class GoogleProblem(Struct, forbid_unknown_fields=True):
    """`status` is Google's name for the code; `details` name the kind of error."""

    code: int
    message: str
    status: str
    details: list[dict[str, Any]] | UnsetType = UNSET


class GoogleError(Struct, forbid_unknown_fields=True):
    """An error in Google's envelope."""

    error: GoogleProblem


class AzureProblem(Struct, forbid_unknown_fields=True):
    """`code` is Azure's name for the kind of error."""

    code: str
    message: str


class AzureError(Struct, forbid_unknown_fields=True):
    """An error in Azure's envelope."""

    error: AzureProblem


class OstrakaProblem(Struct, forbid_unknown_fields=True):
    """`field` names what is at fault and `valid` what it may be, where both are known."""

    code: str
    message: str
    field: str | None
    request_id: str
    valid: str | list[str] | UnsetType = UNSET


class OstrakaFailure(Struct, forbid_unknown_fields=True):
    """An error of `/api/…`."""

    error: OstrakaProblem


class UploadError(Struct, forbid_unknown_fields=True):
    """Why an uploaded file cannot be used, in Mistral's envelope."""

    detail: str
    message: str


DESCRIPTIONS: Final[Mapping[int, str]] = {
    400: "The request cannot be answered as it stands; the message names the field.",
    401: "No API key was given, or a wrong one.",
    403: "The API key lacks the scope, or none was given.",
    404: "Nothing has this name or id.",
    408: "The request body did not arrive in time.",
    409: "What is there already speaks against it; the message says what.",
    413: "The request body is larger than this server takes.",
    415: "The request body is no JSON, or it is compressed.",
    422: "The request cannot be answered as it stands; `loc` leads to the field.",
    429: "Too many requests, or too many texts wait; `retry-after` says when to come back.",
    500: "The server had an error. No text passes as judged.",
    503: "The server is full or stopping; `retry-after` says when to come back.",
}

_ENVELOPES: Final[Mapping[Dialect, Any]] = {
    Dialect.OPENAI: OpenAIError,
    Dialect.MISTRAL: MistralError,
    Dialect.GOOGLE: GoogleError,
    Dialect.AZURE: AzureError,
    Dialect.OSTRAKA: OstrakaFailure,
    Dialect.OPEN_ASSISTANT: TreeFailure,
}
_OF_BODIES: Final = (400, 408, 413, 415)
_OF_KEYS: Final = (401, 403)
_ALWAYS: Final = (429, 500, 503)


def errors_of(operation: Operation) -> dict[int, tuple[Any, ...]]:
    """The envelopes that each status of an operation may come in, by status."""
    answers: dict[int, tuple[Any, ...]] = {}
    for dialect in operation.dialects:
        for status in _statuses(operation, dialect):
            answers[status] = (*answers.get(status, ()), _envelope(dialect, status))
    for status, envelopes in operation.more_errors.items():
        answers[status] = (*answers.get(status, ()), *envelopes)
    return dict(sorted(answers.items()))


def _statuses(operation: Operation, dialect: Dialect) -> list[int]:
    statuses = list(_ALWAYS)
    if operation.secured:
        statuses += (403,) if dialect is Dialect.GOOGLE else _OF_KEYS
    if operation.request is not None:
        statuses += _OF_BODIES
        if dialect is Dialect.MISTRAL:
            statuses.append(422)
    if operation.may_miss:
        statuses.append(404)
    statuses += (status for status in operation.also if status not in statuses)
    return statuses


def _envelope(dialect: Dialect, status: int) -> Any:
    if dialect is Dialect.MISTRAL and status in (401, 422):
        return MistralUnauthorized if status == 401 else MistralValidationError
    return _ENVELOPES[dialect]
