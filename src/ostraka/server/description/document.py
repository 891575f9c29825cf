"""The OpenAPI document, made of the operations that an application really serves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.routing import Route

from ostraka.moderator import Moderator
from ostraka.server.description import (
    appeals,
    azure,
    batches,
    cases,
    classifiers,
    files,
    items,
    litellm,
    mistral,
    openai,
    perspective,
    policies,
    record,
    rewards,
    service,
    training,
    tree_admin,
    trees,
    trials,
)
from ostraka.server.description.errors import DESCRIPTIONS, errors_of
from ostraka.server.description.operation import Operation
from ostraka.settings import Settings
from ostraka.taxonomy import PERSPECTIVE

OPERATIONS: Final[Sequence[Operation]] = (
    *openai.OPERATIONS,
    *mistral.OPERATIONS,
    *files.OPERATIONS,
    *training.OPERATIONS,
    *batches.OPERATIONS,
    *classifiers.OPERATIONS,
    *perspective.OPERATIONS,
    *azure.OPERATIONS,
    *litellm.OPERATIONS,
    *record.OPERATIONS,
    *items.OPERATIONS,
    *appeals.OPERATIONS,
    *policies.OPERATIONS,
    *trials.OPERATIONS,
    *cases.OPERATIONS,
    *rewards.OPERATIONS,
    *trees.OPERATIONS,
    *tree_admin.OPERATIONS,
    *service.OPERATIONS,
)
_REFERRED: Final = (
    openai.TextPart,
    openai.ImagePart,
    mistral.Message,
    mistral.MistralTextPart,
    classifiers.Conversation,
)
"""Structs that others name only in hand-written schemas."""

_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "OpenAI, Mistral, LiteLLM."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "azure": {"type": "apiKey", "in": "header", "name": "Ocp-Apim-Subscription-Key"},
    "google": {"type": "apiKey", "in": "query", "name": "key", "description": "Perspective only."},
    "api-key": {"type": "apiKey", "in": "query", "name": "api_key", "description": "Trees only."},
    "google-header": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
}
_HEADERS: Final = {
    "request-id": {"description": "Names the request in the log.", "schema": {"type": "string"}},
    "retry-after": {
        "description": "Seconds until another try makes sense.",
        "schema": {"type": "string"},
    },
}
_Refer = Callable[[Any], dict[str, Any]]


def describe(app: FastAPI, settings: Settings, moderator: Moderator) -> dict[str, Any]:
    """The document: FastAPI's own for its routes, ours for the plain ones that are served."""
    served = [each for each in OPERATIONS if (each.method, each.path) in served_by(app)]
    types = list(dict.fromkeys(each for one in served for each in _types(one)))
    schemas, components = msgspec.json.schema_components(
        (*types, *_REFERRED), ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=False))
    _name_attributes(components, moderator)
    document = app.openapi()
    document["info"] |= {
        "description": _description(settings, moderator),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    document["tags"] = [{"name": tag} for tag in dict.fromkeys(one.tag for one in served)]
    own = document.setdefault("components", {})
    own["schemas"] = own.get("schemas", {}) | components
    own |= {"securitySchemes": _SCHEMES, "headers": _HEADERS}
    for operation in served:
        path = document["paths"].setdefault(operation.path, {})
        path[operation.method] = _operation(operation, by_type.__getitem__)
    return document


def served_by(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of every plain route, in the document's spelling."""
    return {
        (method.lower(), route.path_format)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }


def _types(operation: Operation) -> Iterable[Any]:
    if operation.request is not None:
        yield operation.request
    yield from operation.shapes
    yield from (answer for _, answer in operation.more_answers.values())
    for envelopes in errors_of(operation).values():
        yield from envelopes


def _operation(operation: Operation, refer: _Refer) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation, refer),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.secured:
        described["security"] = [{}, *({name: []} for name in _SCHEMES)]
    if operation.parameters:
        described["parameters"] = [
            {
                "name": each.name,
                "in": each.place,
                "required": each.place == "path",
                "description": each.description,
                "schema": dict(each.schema),
                **({"example": each.example} if each.example else {}),
            }
            for each in operation.parameters
        ]
    if operation.request is not None:
        content = _json(refer(operation.request), operation.requests, operation.media_type)
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(operation: Operation, refer: _Refer) -> dict[str, Any]:
    identified = {"x-request-id": {"$ref": "#/components/headers/request-id"}}
    good: dict[str, Any] = {"description": "The answer.", "headers": identified}
    if operation.shapes:
        good["content"] = _json(_any_of(operation.shapes, refer), operation.answers)
    elif operation.status != 204:
        good["content"] = {operation.answer_type: {"schema": {"type": "string"}}}
    responses = {str(operation.status): good}
    for status, (description, answer) in operation.more_answers.items():
        responses[str(status)] = {"description": description, "content": _json(refer(answer), {})}
    for status, envelopes in errors_of(operation).items():
        later = {"retry-after": {"$ref": "#/components/headers/retry-after"}}
        responses[str(status)] = {
            "description": DESCRIPTIONS[status],
            "headers": identified | (later if status in (429, 503) else {}),
            "content": _json(_any_of(envelopes, refer), {}),
        }
    return responses


def _any_of(shapes: Sequence[Any], refer: _Refer) -> dict[str, Any]:
    schemas = [refer(shape) for shape in shapes]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _json(
    schema: dict[str, Any], examples: Mapping[str, Any], media_type: str = "application/json"
) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": schema}
    if examples:
        body["examples"] = {
            name: {"value": msgspec.to_builtins(value)} for name, value in examples.items()
        }
    return {media_type: body}


def _name_attributes(components: dict[str, Any], moderator: Moderator) -> None:
    """Perspective's attributes are those that the served classifier answers for."""
    known = sorted(PERSPECTIVE.modelled(moderator.categories))
    request = components["AnalyzeCommentRequest"]["properties"]["requestedAttributes"]
    request["propertyNames"] = {"enum": known}


def _description(settings: Settings, moderator: Moderator) -> str:
    return (
        "Self-hosted moderation in the wire formats of OpenAI, Mistral, Perspective, Azure AI "
        f"Content Safety and LiteLLM, answered by {moderator.models[0].pinned_id}. A call takes at "
        f"most {settings.max_body_bytes} bytes and {settings.max_items} texts, each of at most "
        f"{settings.max_text_characters} characters. Without API keys the server answers this "
        "machine only; with them, a key comes in any of the ways below."
    )
