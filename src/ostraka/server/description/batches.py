"""`/v1/batch/jobs`, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.factory.batch_requests import ENDPOINTS, MOST_INLINE
from ostraka.factory.batch_states import BatchStatus
from ostraka.server.description.files import PAGES
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.training import FileId
from ostraka.server.envelopes import Dialect

BATCH_ID: Final = "2043118e-9a3b-484a-b0e0-cb43fad1f622"
_MISTRAL: Final = (Dialect.MISTRAL,)


class InlineRequest(Struct):
    """One request, and the name that its answer will carry."""

    body: dict[str, Any]
    custom_id: Annotated[str, Meta(max_length=500)] | UnsetType | None = UNSET


class BatchRequest(Struct):
    """Requests in uploaded files, a line each: `{"custom_id": …, "body": {…}}`; or in the body."""

    endpoint: Annotated[str, Meta(extra_json_schema={"enum": list(ENDPOINTS)})]
    input_files: Annotated[list[FileId], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    requests: (
        Annotated[list[InlineRequest], Meta(min_length=1, max_length=MOST_INLINE)] | UnsetType
    ) = UNSET
    model: Annotated[str, Meta(min_length=1, max_length=700)] | UnsetType | None = UNSET
    metadata: Annotated[dict[str, str], Meta(max_length=100)] | UnsetType | None = UNSET
    timeout_hours: Annotated[int, Meta(ge=1, le=168)] | UnsetType = UNSET


_EITHER: Final = {"oneOf": [{"required": ["input_files"]}, {"required": ["requests"]}]}


class BatchError(Struct, forbid_unknown_fields=True):
    """What went wrong, and how often."""

    message: str
    count: int


class Batch(Struct, forbid_unknown_fields=True):
    """Many requests to one endpoint. `outputs` only where `inline` was asked for."""

    id: str
    object: Literal["batch"]
    input_files: list[str]
    metadata: dict[str, str] | None
    endpoint: str
    model: str | None
    agent_id: str | None
    output_file: str | None
    error_file: str | None
    errors: list[BatchError]
    outputs: list[dict[str, Any]] | None
    status: BatchStatus
    created_at: int
    total_requests: int
    completed_requests: int
    succeeded_requests: int
    failed_requests: int
    started_at: int | None
    completed_at: int | None


class BatchList(Struct, forbid_unknown_fields=True):
    """A page of batches."""

    object: Literal["list"]
    data: list[Batch]
    total: int


_REQUEST: Final = {
    "endpoint": "/v1/moderations",
    "model": "omni-moderation-latest",
    "requests": [{"custom_id": "first", "body": {"input": "Thank you all."}}],
}
_FILTERS: Final = (
    *PAGES,
    query("model", "The model that was asked for."),
    query("status", "A status; may be repeated.", {"enum": [str(each) for each in BatchStatus]}),
    query("created_after", "ISO 8601 or UNIX seconds.", {"type": "string", "format": "date-time"}),
    query("created_by_me", "Only those of this key.", {"type": "boolean"}),
    query("order_by", "Newest or oldest first.", {"enum": ["-created", "created"]}),
)


def _operations(prefix: str) -> tuple[Operation, ...]:
    name = prefix.strip("/") + "_" if prefix else ""
    under = f", under {prefix}" if prefix else ""
    batches = f"{prefix}/v1/batch/jobs"
    one: dict[str, Any] = {
        "tag": "Batches",
        "shapes": (Batch,),
        "dialects": _MISTRAL,
        "may_miss": True,
    }
    path = Parameter("batch_id", "path", "A batch's id.", BATCH_ID)
    inline = query("inline", "With the answers, of 10,000 requests at most.", {"type": "boolean"})
    return (
        Operation(
            id=f"{name}create_batch",
            method="post",
            path=batches,
            summary=f"Answer many requests in the background{under}",
            request=Annotated[BatchRequest, Meta(extra_json_schema=_EITHER)],
            requests={"one request": _REQUEST},
            **one,
        ),
        Operation(
            id=f"{name}list_batches",
            method="get",
            path=batches,
            tag="Batches",
            summary=f"List batches{under}",
            description="Parameters of other names are held against the batches' metadata.",
            shapes=(BatchList,),
            dialects=_MISTRAL,
            also=(422,),
            parameters=_FILTERS,
        ),
        Operation(
            id=f"{name}get_batch",
            method="get",
            path=f"{batches}/{{batch_id}}",
            summary=f"Get one batch{under}",
            also=(422,),
            parameters=(path, inline),
            **one,
        ),
        Operation(
            id=f"{name}cancel_batch",
            method="post",
            path=f"{batches}/{{batch_id}}/cancel",
            summary=f"Cancel a batch{under}",
            also=(409,),
            parameters=(path,),
            **one,
        ),
    )


OPERATIONS: Final = (*_operations(""), *_operations("/mistral"))
