"""`/v1/files`, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.server.description.errors import UploadError
from ostraka.server.description.operation import TEXT, Operation, Parameter, query
from ostraka.server.envelopes import Dialect

FILE_ID: Final = "497f6eca-6276-4993-bfeb-53cbbbba6f09"
BOTH: Final = (Dialect.OPENAI, Dialect.MISTRAL)
DIALECTS: Final[dict[str, tuple[Dialect, ...]]] = {
    "": BOTH,
    "/openai": (Dialect.OPENAI,),
    "/mistral": (Dialect.MISTRAL,),
}
COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
SIZE: Final = {"type": "integer", "minimum": 1, "maximum": 1000}


class Upload(Struct):
    """A file and what it is for. Rows of other files than `.jsonl` cannot be trained on."""

    file: Annotated[bytes, Meta(extra_json_schema={"type": "string", "format": "binary"})]
    purpose: Literal["fine-tune", "batch", "ocr"] | UnsetType = UNSET
    visibility: Literal["workspace", "user"] | UnsetType = UNSET
    expiry: Annotated[int, Meta(ge=1, le=8760, description="Hours.")] | UnsetType = UNSET


class File(Struct, forbid_unknown_fields=True):
    """A file, with the fields of both vendors."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sample_type: str
    source: str
    num_lines: int | None
    mimetype: str
    signature: str
    expires_at: int | None
    visibility: str
    status: Literal["processed"]


class RetrievedFile(File, forbid_unknown_fields=True):
    """A file, and that it is there."""

    deleted: bool


class FileList(Struct, forbid_unknown_fields=True):
    """A page of files: `total` in Mistral's, `first_id` and `last_id` in OpenAI's."""

    object: Literal["list"]
    data: list[File]
    has_more: bool
    total: int | UnsetType = UNSET
    first_id: str | UnsetType | None = UNSET
    last_id: str | UnsetType | None = UNSET


class DeletedFile(Struct, forbid_unknown_fields=True):
    """The file is gone."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


class SignedAddress(Struct, forbid_unknown_fields=True):
    """Where anybody may fetch the file until it expires."""

    url: str


_ID: Final = Parameter("file_id", "path", "A file's id.", FILE_ID)
_LIST: Final = {"type": "array", "items": TEXT}
PAGES: Final = (
    query("page", "Page, from 0.", COUNT),
    query("page_size", "Entries on a page.", SIZE),
)
_FILTERS: Final = (
    *PAGES,
    query("include_total", "Whether to count all.", {"type": "boolean"}),
    query("sample_type", "May be repeated.", _LIST),
    query("source", "May be repeated.", _LIST),
    query("mimetypes", "May be repeated.", _LIST),
    query("search", "Part of the name."),
    query("purpose", "fine-tune, batch or ocr."),
    query("limit", "OpenAI's pages: most entries.", SIZE),
    query("order", "OpenAI's pages.", {"enum": ["asc", "desc"]}),
)


def _operations(prefix: str, dialects: tuple[Dialect, ...]) -> tuple[Operation, ...]:
    name = prefix.strip("/") + "_" if prefix else ""
    under = f", under {prefix}" if prefix else ""
    one: dict[str, Any] = {
        "path": f"{prefix}/v1/files/{{file_id}}",
        "tag": "Files",
        "dialects": dialects,
        "may_miss": True,
        "parameters": (_ID,),
    }
    return (
        Operation(
            id=f"{name}upload_file",
            method="post",
            path=f"{prefix}/v1/files",
            tag="Files",
            summary=f"Upload a file{under}",
            description="Rows are checked at once. The same bytes under the same name are the "
            "file that is there already.",
            request=Upload,
            media_type="multipart/form-data",
            shapes=(File,),
            dialects=dialects,
            also=(422,),
            more_errors={422: (UploadError,)} if Dialect.MISTRAL in dialects else {},
        ),
        Operation(
            id=f"{name}list_files",
            method="get",
            path=f"{prefix}/v1/files",
            tag="Files",
            summary=f"List files, newest first{under}",
            shapes=(FileList,),
            dialects=dialects,
            also=(400, 422),
            parameters=_FILTERS,
        ),
        Operation(
            id=f"{name}get_file",
            method="get",
            summary=f"Get one file{under}",
            shapes=(RetrievedFile,),
            **one,
        ),
        Operation(
            id=f"{name}delete_file",
            method="delete",
            summary=f"Delete a file{under}",
            description="Jobs and models that were made of it keep working.",
            shapes=(DeletedFile,),
            **one,
        ),
        Operation(
            id=f"{name}download_file",
            method="get",
            summary=f"Get a file's bytes{under}",
            answer_type="application/octet-stream",
            **one | {"path": f"{prefix}/v1/files/{{file_id}}/content"},
        ),
        Operation(
            id=f"{name}sign_file",
            method="get",
            summary=f"Get an address that needs no key{under}",
            shapes=(SignedAddress,),
            also=(400, 422),
            **one
            | {
                "path": f"{prefix}/v1/files/{{file_id}}/url",
                "parameters": (
                    _ID,
                    query("expiry", "Hours.", COUNT | {"minimum": 1, "maximum": 8760}),
                ),
            },
        ),
    )


OPERATIONS: Final = tuple(
    operation
    for prefix, dialects in DIALECTS.items()
    for operation in _operations(prefix, dialects)
)
