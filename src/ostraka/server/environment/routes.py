"""One handler per path: each answer serves plain REST clients and OpenEnv's alike.

`/reset` answers with the observation's fields beside OpenEnv's envelope; `/step` takes a flat
action or one inside `action`. A session is named in the query or the body; a caller that names
none means the one that it began last.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ostraka.environment.environment import Environment
from ostraka.environment.randomness import digest
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.server.environment.parameters import object_of, reset_arguments
from ostraka.server.environment.sessions import Sessions


def json_response(content: Any, status: int = 200) -> Response:
    """`content` as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def reset(request: Request) -> Response:
    """Begin an episode, in a new session or in one that is named."""
    sessions: Sessions = request.app.state.sessions
    given = {**await object_of(request), **request.query_params}
    arguments = reset_arguments(given)
    session_id = given.get("session_id")
    environment = sessions.get(_text(session_id)) if session_id else sessions.environment()
    observation = environment.reset(**arguments)
    if session_id:
        sessions.note(session_id)
    else:
        session_id = sessions.add(environment, _caller(request))
    return json_response(
        {
            **observation,
            "session_id": session_id,
            "observation": observation,
            "reward": None,
            "done": False,
            "metadata": _metadata(environment, session_id),
        }
    )


async def step(request: Request) -> Response:
    """Decide about the item that was observed last."""
    body = await object_of(request)
    session_id = _session_id(request, body)
    if session_id is None:
        raise NotFoundError(
            "no session; POST /reset begins one", field="session_id", code="unknown_session"
        )
    sessions: Sessions = request.app.state.sessions
    environment = sessions.get(session_id)
    action = body["action"] if isinstance(body.get("action"), dict) else body
    result = environment.step(action)
    sessions.note(session_id)
    return json_response(
        {
            **result._asdict(),
            "metadata": _metadata(environment, session_id),
            "session_id": session_id,
        }
    )


async def state(request: Request) -> Response:
    """How a session stands; without any, an empty state."""
    session_id = _session_id(request, {})
    if session_id is None:
        return json_response(Environment().state())
    environment = request.app.state.sessions.get(session_id)
    return json_response({**environment.state(), "session_id": session_id})


def _session_id(request: Request, body: dict[str, Any]) -> str | None:
    named = request.query_params.get("session_id") or body.get("session_id")
    if named:
        return _text(named)
    last: str | None = request.app.state.sessions.last_of(_caller(request))
    return last


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInputError("'session_id' must be a string", field="session_id")
    return value


def _caller(request: Request) -> str:
    """Whose last session is meant: by credential, else this machine. Others have no name.

    A credential is never kept, only its digest.
    """
    if credential := request.headers.get("authorization"):
        return digest("caller", credential)
    here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return "here" if here else ""


def _metadata(environment: Environment, session_id: str) -> dict[str, Any]:
    return {"session_id": session_id, "episode_id": environment.episode_id}
