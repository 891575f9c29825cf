"""`/mcp`: the Model Context Protocol over plain HTTP. Agents get tools, never the controls.

`initialize` begins an episode, named by the address (`/mcp?task_id=task_hard&seed=42`); the header
`mcp-session-id` of its answer names the session from then on.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ostraka import __version__
from ostraka.environment.environment import Environment
from ostraka.errors import CallerError, InvalidInputError, NotFoundError
from ostraka.server.environment.description import NAME, schemas
from ostraka.server.environment.parameters import object_of, reset_arguments
from ostraka.server.environment.routes import json_response
from ostraka.server.environment.sessions import Sessions

SESSION: Final = "mcp-session-id"
_VERSIONS: Final = ("2025-06-18", "2025-03-26", "2024-11-05")
_INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMETERS = -32600, -32601, -32602


async def speak(request: Request) -> Response:
    """Answer one message of JSON-RPC."""
    try:
        message = await object_of(request)
    except InvalidInputError as error:
        return _failed(None, -32700, error.message)
    method, number = message.get("method"), message.get("id")
    if not isinstance(method, str):
        return _failed(number, _INVALID_REQUEST, "a message of JSON-RPC has a 'method'")
    if number is None:
        return Response(status_code=202)  # a notification wants no answer
    try:
        return _answer(request, method, number, message.get("params") or {})
    except CallerError as error:
        return _failed(number, _INVALID_PARAMETERS, error.message)


def _answer(request: Request, method: str, number: Any, given: Any) -> Response:
    if not isinstance(given, dict):
        raise InvalidInputError("'params' must be an object", field="params")
    if method == "initialize":
        return _begun(request, number, given)
    if method == "ping":
        return _done(number, {})
    if method == "tools/list":
        return _done(number, {"tools": _tools()})
    if method == "tools/call":
        return _done(number, _called(request, given))
    return _failed(number, _NO_METHOD, f"there is no method '{method}'")


def _begun(request: Request, number: Any, given: Mapping[str, Any]) -> Response:
    sessions: Sessions = request.app.state.sessions
    environment = sessions.environment()
    environment.reset(**reset_arguments(request.query_params))
    wanted = given.get("protocolVersion")
    response = _done(
        number,
        {
            "protocolVersion": wanted if wanted in _VERSIONS else _VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": NAME, "version": __version__},
            "instructions": "Call observe for the post, and decide to decide about it.",
        },
    )
    response.headers[SESSION] = sessions.add(environment, "")
    return response


def _tools() -> list[dict[str, Any]]:
    nothing = {"type": "object", "properties": {}}
    return [
        {"name": "observe", "description": "The post to decide about.", "inputSchema": nothing},
        {
            "name": "decide",
            "description": "Decide about the post; answers with the reward and the next post.",
            "inputSchema": schemas()["action"],
        },
    ]


def _called(request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    session_id = request.headers.get(SESSION)
    if session_id is None:
        raise NotFoundError(f"the header {SESSION} is missing; initialize gives it")
    sessions: Sessions = request.app.state.sessions
    environment: Environment = sessions.get(session_id)
    name, arguments = given.get("name"), given.get("arguments") or {}
    try:
        if name == "observe":
            content: dict[str, Any] = environment.play.observe()
        elif name == "decide":
            content = environment.step(arguments)._asdict()
            sessions.note(session_id)
        else:
            raise InvalidInputError(f"there is no tool '{name}'", field="name")
    except CallerError as error:
        return {"content": [{"type": "text", "text": error.message}], "isError": True}
    text = msgspec.json.encode(content).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": content}


def _done(number: Any, result: dict[str, Any]) -> Response:
    return json_response({"jsonrpc": "2.0", "id": number, "result": result})


def _failed(number: Any, code: int, message: str) -> Response:
    error = {"code": code, "message": message}
    return json_response({"jsonrpc": "2.0", "id": number, "error": error})
