"""Where the factory's handlers are; imports none of them."""

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ostraka.server.envelopes import Problem
from ostraka.server.lazily import Handler, lazily

_ROOM: Final = "ostraka.server.factory"
_ROUTES: Final = (
    ("POST", "/v1/files", "files", "upload"),
    ("GET", "/v1/files", "files", "list_all"),
    ("GET", "/v1/files/{file_id}", "files", "retrieve"),
    ("DELETE", "/v1/files/{file_id}", "files", "delete"),
    ("GET", "/v1/files/{file_id}/content", "files", "download"),
    ("GET", "/v1/files/{file_id}/url", "files", "signed_address"),
    ("POST", "/v1/fine_tuning/jobs", "jobs", "create"),
    ("GET", "/v1/fine_tuning/jobs", "jobs", "list_all"),
    ("GET", "/v1/fine_tuning/jobs/{job_id}", "jobs", "retrieve"),
    ("POST", "/v1/fine_tuning/jobs/{job_id}/start", "jobs", "start"),
    ("POST", "/v1/fine_tuning/jobs/{job_id}/cancel", "jobs", "cancel"),
    ("PATCH", "/v1/fine_tuning/models/{model:path}", "models", "update"),
    ("POST", "/v1/fine_tuning/models/{model:path}/archive", "models", "archive"),
    ("DELETE", "/v1/fine_tuning/models/{model:path}/archive", "models", "unarchive"),
    ("DELETE", "/v1/models/{model:path}", "models", "delete"),
    ("POST", "/v1/batch/jobs", "batches", "create"),
    ("GET", "/v1/batch/jobs", "batches", "list_all"),
    ("GET", "/v1/batch/jobs/{batch_id}", "batches", "retrieve"),
    ("POST", "/v1/batch/jobs/{batch_id}/cancel", "batches", "cancel"),
)
_CLASSIFICATIONS: Final = lazily(f"{_ROOM}.classifications", "classify")
_CHAT_CLASSIFICATIONS: Final = lazily(f"{_ROOM}.classifications", "classify_chat")

BUSY_ROUTES: Final[dict[str, Handler]] = {
    f"{prefix}/v1/{name}": handler
    for prefix in ("", "/mistral")
    for name, handler in (
        ("classifications", _CLASSIFICATIONS),
        ("chat/classifications", _CHAT_CLASSIFICATIONS),
    )
}
"""For `Shortcut`."""


async def _no_list(request: Request) -> Response:
    """Mistral has no list of fine-tuned models alone; people look for one here."""
    raise Problem(
        404,
        f"Invalid URL ({request.method} {request.url.path}); GET /v1/models lists all models",
        code="unknown_url",
    )


def add_routes(app: FastAPI) -> None:
    """Add every route of the factory."""
    for path, handler in BUSY_ROUTES.items():
        app.add_route(path, handler, methods=["POST"])
    for prefix in ("", "/mistral"):
        for method, path, module, name in _ROUTES:
            handler = lazily(f"{_ROOM}.{module}", name)
            app.add_route(prefix + path, handler, methods=[method])
    for method, path, module, name in _ROUTES:
        if path.startswith("/v1/files"):
            handler = lazily(f"{_ROOM}.{module}", name)
            app.add_route(f"/openai{path}", handler, methods=[method])
    app.add_route(
        "/openai/v1/models/{model:path}", lazily(f"{_ROOM}.models", "delete"), methods=["DELETE"]
    )
    for prefix in ("", "/mistral"):  # else it is redirected to a model without a name
        path = f"{prefix}/v1/fine_tuning/models"
        app.add_route(path, _no_list, methods=["GET", "POST"], include_in_schema=False)
    signed = lazily(f"{_ROOM}.files", "download_signed")
    app.add_route("/signed/files/{file_id}", signed, methods=["GET"], include_in_schema=False)
