"""Each vendor's own error envelope, chosen by path and, on shared paths, by client.

OpenAI       {"error": {"message", "type", "param", "code"}}
Mistral      422 {"detail": [{"type", "loc", "msg"}]}, 401 {"detail"}, else {"object": "error", …}
Google       {"error": {"code", "message", "status", "details": [{"@type", "errorType"}]}}
Azure        {"error": {"code", "message"}}
Ostraka      {"error": {"code", "message", "field", "valid", "request_id"}}
Open-Assistant  {"message", "error_code", "code", "field", "valid", "request_id"}
"""

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import (
    AuthenticationError,
    CallerError,
    InvalidFieldsError,
    InvalidFileError,
    JudgeAnswerError,
    JudgeBusyError,
    JudgeError,
    JudgeRefusedRequestError,
    JudgeTimeoutError,
    JudgeUnavailableError,
    MissingKeyError,
    MissingScopeError,
    OperatorError,
    OverloadedError,
    RateLimitError,
    StorageError,
    TooLargeError,
    Valid,
)
from ostraka.server.trees.errors import body_of

_JUDGE_SECONDS: Final = 5.0
"""After how long to ask again where the judge's server does not say."""

_encode = msgspec.json.Encoder().encode


class Dialect(StrEnum):
    """Whose shapes a request expects."""

    OPENAI = "openai"
    MISTRAL = "mistral"
    GOOGLE = "google"
    AZURE = "azure"
    OSTRAKA = "ostraka"
    OPEN_ASSISTANT = "open-assistant"


DIALECT: Final = "ostraka.dialect"
"""Where the scope of a request holds its dialect, once a handler knows better than its path."""

_MISTRAL_PATHS: Final = (
    "/mistral/",
    "/v1/chat/moderations",
    "/v1/chat/classifications",
    "/v1/classifications",
    "/v1/fine_tuning/",
    "/v1/batch/",
)


def dialect_of(request: Request) -> Dialect:
    """The dialect of a path; on paths that vendors share, of the model or client that asks."""
    chosen: Dialect | None = request.scope.get(DIALECT)
    if chosen is not None:
        return chosen
    path = request.url.path
    if path.startswith("/api/"):
        return Dialect.OPEN_ASSISTANT if path.startswith("/api/v1/") else Dialect.OSTRAKA
    if path.startswith(("/v1alpha1/", "/$discovery")):
        return Dialect.GOOGLE
    if path.startswith("/contentsafety/"):
        return Dialect.AZURE
    if path.startswith("/openai/"):
        return Dialect.OPENAI
    if path.startswith(_MISTRAL_PATHS) or is_mistral_client(request):
        return Dialect.MISTRAL
    return Dialect.OPENAI


def is_mistral_client(request: Request) -> bool:
    """Whether the request comes from one of Mistral's SDKs."""
    return any(
        name == b"user-agent" and value.startswith(b"mistral-client-")
        for name, value in request.scope["headers"]
    )


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer without FastAPI's detour.

    Half a character in it, which UTF-8 cannot hold, leaves as JSON's escape of it.
    """
    try:
        content = _encode(body)
    except UnicodeEncodeError:
        content = json.dumps(body).encode()
    return _Json(content, status, headers)


class _Json(Response):
    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """The two headers of most answers, without asking what else there could be."""
        if headers:
            super().init_headers(headers)
            return
        length = b"%d" % len(self.body)
        self.raw_headers = [(b"content-length", length), (b"content-type", b"application/json")]


class Problem(Exception):
    """A failure that is ready for an envelope, with the vendor's words for it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
        valid: Valid | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.field = field
        self.headers = dict(headers or {})
        self.details = details
        self.valid = valid


def problem_of(error: Exception) -> Problem:
    """What a caller may know of an error. Unknown errors say nothing of our insides."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OverloadedError | RateLimitError):
        headers = {
            "retry-after": str(math.ceil(error.retry_after)),
            "retry-after-ms": str(math.ceil(error.retry_after * 1000)),
        }
        return Problem(429, error.message, code="rate_limit_exceeded", headers=headers)
    if isinstance(error, StorageError):  # its own message may name the database's address
        return Problem(503, str(StorageError()), code="unavailable", headers={"retry-after": "5"})
    if isinstance(error, JudgeError):
        return _judge_problem(error)
    if isinstance(error, CallerError):
        headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
        return Problem(
            error.status,
            error.message,
            code=error.code,
            field=error.field,
            headers=headers,
            valid=error.valid,
        )
    # What the operator must mend fails again, so clients that heed this header do not retry.
    headers = {"x-should-retry": "false"} if isinstance(error, OperatorError) else {}
    return Problem(500, "The server had an error while processing your request.", headers=headers)


def _judge_problem(error: JudgeError) -> Problem:
    """The judge's failure, in words of ours: its own may name addresses and models.

    That it refuses our key is our matter, and must not look like a wrong key of the caller's.
    """
    wait = error.retry_after if isinstance(error, JudgeUnavailableError) else None
    seconds = _JUDGE_SECONDS if wait is None else wait
    headers = {
        "retry-after": str(max(1, math.ceil(seconds))),
        "retry-after-ms": str(max(1, math.ceil(seconds * 1000))),
    }
    if isinstance(error, JudgeBusyError):
        return Problem(429, str(JudgeBusyError()), code="rate_limit_exceeded", headers=headers)
    if isinstance(error, JudgeUnavailableError | JudgeTimeoutError):
        message = str(type(error)())
        return Problem(503, message, code="judge_unavailable", headers=headers)
    if isinstance(error, JudgeRefusedRequestError):
        headers["x-should-retry"] = "false"
        return Problem(502, str(JudgeRefusedRequestError()), code="judge_refused", headers=headers)
    kind = error.kind if isinstance(error, JudgeAnswerError) else "failed"
    message = f"The LLM judge is unsure of a text ({kind}); it was not assessed."
    return Problem(502, message, code="judge_unsure", headers=headers)


def error_response(request: Request, error: Exception) -> Response:
    """`error` in the envelope that the clients of the request's dialect parse."""
    dialect, problem = dialect_of(request), problem_of(error)
    request_id = request.scope.get("ostraka.request_id", "")
    if dialect is Dialect.OSTRAKA:
        body = _ostraka(problem, request_id)
    elif dialect is Dialect.OPEN_ASSISTANT:
        code = _code_of(problem)
        body = body_of(problem.message, code, problem.field, problem.valid, request_id)
    else:
        body = _BODIES[dialect](problem, error)
    status = problem.status
    if dialect is Dialect.MISTRAL and _is_validation(error):
        status = 422
    if dialect is Dialect.GOOGLE and isinstance(error, AuthenticationError):
        status = 403 if isinstance(error, MissingKeyError) else 400
    return json_response(body, status, problem.headers)


def _is_validation(error: Exception) -> bool:
    expected = not isinstance(error, AuthenticationError | MissingScopeError | TooLargeError)
    return isinstance(error, CallerError) and error.status == 400 and expected


def _openai(problem: Problem, error: Exception) -> dict[str, Any]:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    if problem.status == 429:
        kind = "rate_limit_error"
    return {
        "error": {
            "message": problem.message,
            "type": kind,
            "param": problem.field,
            "code": problem.code,
        }
    }


def _mistral(problem: Problem, error: Exception) -> dict[str, Any]:
    if problem.status == 401:
        return {"detail": "Unauthorized"}
    if isinstance(error, InvalidFileError):
        return {"detail": "Invalid file format.", "message": problem.message}
    if isinstance(error, InvalidFieldsError):
        return {
            "detail": [
                {"type": each.kind, "loc": list(each.location), "msg": each.message}
                for each in error.problems
            ]
        }
    if _is_validation(error):
        steps = problem.field.split(".") if problem.field else ()
        location = ["body", *(int(step) if step.isdecimal() else step for step in steps)]
        return {
            "detail": [
                {"type": problem.code or "value_error", "loc": location, "msg": problem.message}
            ]
        }
    return {
        "object": "error",
        "message": problem.message,
        "type": "invalid_model" if problem.code == "model_not_found" else problem.code or "error",
        "param": None,
        "code": "1500" if problem.code == "model_not_found" else str(problem.status),
    }


_GOOGLE_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
}


def _google(problem: Problem, error: Exception) -> dict[str, Any]:
    code, message = problem.status, problem.message
    if isinstance(error, MissingKeyError):
        code = 403
    elif isinstance(error, AuthenticationError):
        code, message = 400, "API key not valid. Please pass a valid API key."
    body: dict[str, Any] = {
        "code": code,
        "message": message,
        "status": _GOOGLE_STATUS.get(code, "INTERNAL"),
    }
    if problem.details:
        body["details"] = [
            {"@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"}
            | dict(problem.details)
        ]
    return {"error": body}


def _azure(problem: Problem, error: Exception) -> dict[str, Any]:
    names = {
        401: "Unauthorized",
        403: "PermissionDenied",
        404: "NotFound",
        405: "MethodNotAllowed",
        408: "RequestTimeout",
        409: "Conflict",
        413: "RequestEntityTooLarge",
        415: "UnsupportedMediaType",
        429: "TooManyRequests",
        500: "InternalError",
        502: "BadGateway",
        503: "ServiceUnavailable",
    }
    return {
        "error": {
            "code": names.get(problem.status, "InvalidRequestBody"),
            "message": problem.message,
        }
    }


_CODES: Final = {404: "not_found", 405: "method_not_supported", 500: "server_error"}


def _code_of(problem: Problem) -> str:
    return problem.code or _CODES.get(problem.status, "invalid_request")


def _ostraka(problem: Problem, request_id: str) -> dict[str, Any]:
    error: dict[str, Any] = {
        "code": _code_of(problem),
        "message": problem.message,
        "field": problem.field,
    }
    if problem.valid is not None:
        error["valid"] = problem.valid
    return {"error": error | {"request_id": request_id}}


_BODIES: Final = {
    Dialect.OPENAI: _openai,
    Dialect.MISTRAL: _mistral,
    Dialect.GOOGLE: _google,
    Dialect.AZURE: _azure,
}
