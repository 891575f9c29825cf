"""Everything that can go wrong, as one tree.

    OstrakaError
    ├── CallerError            the request is at fault: the caller must change it
    │   ├── InvalidInputError      a field is missing, empty or of the wrong type
    │   │   ├── InvalidFieldsError     several fields at once
    │   │   └── DocumentError          a document that cannot be used, and where
    │   │       ├── PolicyError            a policy
    │   │       └── TreeConfigurationError how trees grow
    │   ├── TooLargeError          body, text or list beyond a limit
    │   ├── UnsupportedMediaTypeError  a body that is no JSON, or compressed
    │   ├── UnknownModelError      no such model, or a digest that is not served
    │   │   └── ArchivedModelError taken out of service
    │   ├── ImageNotSupportedError an image that no stage can see
    │   ├── AuthenticationError    a wrong key
    │   │   └── MissingKeyError        no key at all
    │   ├── MissingScopeError      a good key without the scope
    │   ├── TermsError             a contributor who has not accepted the terms
    │   ├── NotFoundError          nothing has this id
    │   ├── ConflictError          what is there already speaks against it
    │   │   └── KeyReusedError         an idempotency key that came with another request
    │   ├── InvalidFileError       an uploaded file that cannot be used
    │   └── RateLimitError         more requests than a key or address may make
    ├── OperatorError          settings or files are at fault: the operator must act
    │   ├── SettingsError          a setting that cannot be
    │   ├── ArtefactError          a model folder that is incomplete or was changed
    │   ├── DataError              a data file that cannot be read
    │   └── MissingExtraError      an optional part that is not installed
    ├── StorageError           the database does not answer: try again later
    ├── LostLeaseError         somebody else may hold this work by now: roll back
    ├── StoppedError           a worker stops: its work goes back, to be done later
    ├── JudgeError             the LLM judge gave no answer that can be used
    │   ├── JudgeUnavailableError  its server is down or failing: try again later
    │   │   ├── JudgeBusyError         it answers 429: too many requests for it
    │   │   └── JudgeGoneError         it was down for longer than a batch waits
    │   ├── JudgeTimeoutError      it took longer than allowed
    │   ├── JudgeAnswerError       it answered, but nothing that can be trusted
    │   └── JudgeRefusedRequestError  it refuses the request: key, model or options are wrong
    └── OverloadedError        we are at fault for now: try again later

The docstring of a class is its default message. No error is ever turned into a verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Valid = str | Sequence[str]
"""What a field may be: its values, or what they look like."""


class OstrakaError(Exception):
    """Something went wrong in Ostraka."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """The message, for error bodies."""
        return str(self.args[0])


class CallerError(OstrakaError):
    """The request cannot be answered as it stands."""

    status = 400
    code: str | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        code: str | None = None,
        valid: Valid | None = None,
    ) -> None:
        super().__init__(message)
        self.field = field
        self.valid = valid
        if code is not None:
            self.code = code


class InvalidInputError(CallerError):
    """A field is missing, empty or of the wrong type."""

    code = "invalid_value"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field; `location` leads to it, the part of the request first."""

    kind: str
    location: tuple[str | int, ...]
    message: str

    @property
    def field(self) -> str:
        """The way to the field within its part of the request."""
        return ".".join(map(str, self.location[1:]))


class InvalidFieldsError(InvalidInputError):
    """Several fields of a request cannot be what they are."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        first = problems[0]
        where = f"'{first.field}': " if first.field else ""
        super().__init__(where + first.message, field=first.field or None, code=first.kind)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One fault of a document, and its place: `table`, the `rule` (or other named entry) in
    it, the `field`, and the line of the text, counted from 1, where it is known.
    """

    message: str
    table: str = ""
    rule: str = ""
    field: str = ""
    line: int | None = None

    @property
    def place(self) -> str:
        """The place in words: `rules 'spam', when, line 12`."""
        named = f"{self.table} '{self.rule}'" if self.rule else self.table
        line = f"line {self.line}" if self.line else ""
        return ", ".join(part for part in (named, self.field, line) if part)

    def __str__(self) -> str:
        """Place and message."""
        return f"{self.place}: {self.message}" if self.place else self.message


class DocumentError(InvalidInputError):
    """The document cannot be used."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}", field=problems[0].field or None)
        self.problems = tuple(problems)


class PolicyError(DocumentError):
    """The policy document cannot be used."""

    code = "invalid_policy"


class TreeConfigurationError(DocumentError):
    """The configuration of conversation trees cannot be used."""

    code = "invalid_tree_configuration"


class TooLargeError(CallerError):
    """The request is larger than this server takes."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaTypeError(CallerError):
    """The request body is of a type that is not taken here."""

    status = 415
    code = "unsupported_content_type"


class UnknownModelError(CallerError):
    """No such model is served here."""

    status = 404
    code = "model_not_found"


class ArchivedModelError(UnknownModelError):
    """The model is archived."""


class ImageNotSupportedError(CallerError):
    """No model here can see images, and what was not assessed is never passed as safe."""

    code = "image_not_supported"


class AuthenticationError(CallerError):
    """The API key is wrong, has expired or was revoked."""

    status = 401
    code = "invalid_api_key"


class MissingKeyError(AuthenticationError):
    """An API key is needed here, and none was given."""


class MissingScopeError(CallerError):
    """The API key may not do this."""

    status = 403
    code = "insufficient_permissions"


class TermsError(CallerError):
    """The contributor has not accepted the terms."""

    status = 451
    code = "terms_not_accepted"


class NotFoundError(CallerError):
    """Nothing has this id."""

    status = 404
    code = "not_found"


class ConflictError(CallerError):
    """What is there already speaks against this request."""

    status = 409
    code = "conflict"


class KeyReusedError(ConflictError):
    """The Idempotency-Key came with another request before; make a new one for each request."""

    code = "idempotency_key_reused"


class InvalidFileError(CallerError):
    """The uploaded file cannot be used."""

    status = 422
    code = "invalid_file"


class RateLimitError(CallerError):
    """Too many requests in a minute; try again a little later."""

    status = 429
    code = "rate_limit_exceeded"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OperatorError(OstrakaError):
    """The server is not set up for this."""


class SettingsError(OperatorError):
    """A setting has a value that cannot be."""


class ArtefactError(OperatorError):
    """A model folder is incomplete or was changed."""


class DataError(OperatorError):
    """A data file cannot be read."""


class MissingExtraError(OperatorError):
    """An optional part is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional part: pip install 'ostraka[{extra}]'")


class StorageError(OstrakaError):
    """The database does not answer; try again in a moment."""


class LostLeaseError(OstrakaError):
    """The work is no longer leased here; nothing of it may be written."""


class StoppedError(OstrakaError):
    """The worker is stopping; the work goes back to its queue."""


class OverloadedError(OstrakaError):
    """The server has more work than it can take; try again in a moment."""

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class JudgeError(OstrakaError):
    """The LLM judge gave no answer that can be used."""


class JudgeUnavailableError(JudgeError):
    """The server of the LLM judge does not answer; try again later."""

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class JudgeBusyError(JudgeUnavailableError):
    """The server of the LLM judge has more work than it takes; try again later."""


class JudgeGoneError(JudgeUnavailableError):
    """The server of the LLM judge was down for longer than a batch waits."""


class JudgeTimeoutError(JudgeError):
    """The LLM judge took longer than allowed."""


AnswerFault = Literal["refusal", "empty", "cut", "unparsable", "schema", "forged"]


class JudgeAnswerError(JudgeError):
    """The LLM judge's answer cannot be used; `field` is what does not fit, where one is known."""

    def __init__(self, kind: AnswerFault, message: str | None = None, *, field: str = "") -> None:
        super().__init__(message)
        self.kind: AnswerFault = kind
        self.field = field


class JudgeRefusedRequestError(JudgeError):
    """The server of the LLM judge refuses the request; its key, model or options are wrong."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
