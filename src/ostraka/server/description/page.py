"""`/openapi.json`, and `/docs`: a reference page of our own that runs nothing and loads nothing
from elsewhere.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ostraka.server.envelopes import json_response

_HERE: Final = Path(__file__).parent
SECURITY_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Reference:
    """The document and the page, made at the first request, when every route is known."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        self._describe = describe
        self._document: dict[str, Any] = {}
        self._pages: dict[str, str] = {}

    async def document(self, request: Request) -> Response:
        """The OpenAPI document."""
        return json_response(await asyncio.to_thread(self._made))

    async def page(self, request: Request) -> Response:
        """The reference page, with this server's address in its examples."""
        address = str(request.base_url).rstrip("/")
        if address not in self._pages:
            made = await asyncio.to_thread(self._made)
            self._pages = {address: _render(made, address)}
        return HTMLResponse(self._pages[address], headers=SECURITY_HEADERS)

    async def style(self, request: Request) -> Response:
        """The page's style sheet."""
        return Response(
            (_HERE / "page.css").read_bytes(), media_type="text/css", headers=SECURITY_HEADERS
        )

    def _made(self) -> dict[str, Any]:
        if not self._document:
            self._document = self._describe()
        return self._document


def _render(document: dict[str, Any], address: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"pretty": _pretty, "kind": _kind}
    return environment.get_template("page.html").render(
        document=document, address=address, groups=_groups(document)
    )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, in the document's order."""
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for tag in operation.get("tags", ["Other"]):
                groups.setdefault(tag, []).append(
                    operation | {"path": path, "method": method.upper()}
                )
    return groups


def _pretty(value: Any) -> str:
    return msgspec.json.format(json.dumps(value, ensure_ascii=False), indent=2)


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `list of text`, `TextPart or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(json.dumps(each) for each in schema["enum"])
    kind = schema.get("type", "anything")
    if "prefixItems" in schema:  # so many, each of its own kind
        return f"list of {', '.join(_kind(each) for each in schema['prefixItems'])}"
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_kind(schema['additionalProperties'])}"
    return str(kind)
