"""`/ws`: OpenEnv's envelopes, one environment per connection; steps for many actions or queues.

Steps are the hot path: they are read by a typed decoder that skips what is never graded, and their
answers are put together around the observation, which is JSON already. Everything else, and every
message that is no plain step, takes the readable way. Where the server has `direct_socket`, a
message is answered where its frame is read.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope, Send

from ostraka.environment.actions import Answer, answer_of, parse_action
from ostraka.environment.environment import Environment
from ostraka.environment.play import Play
from ostraka.errors import CallerError, ConflictError, InvalidInputError, StorageError
from ostraka.server.direct_socket import EXTENSION
from ostraka.server.environment.parameters import LONGEST_BODY, object_in, reset_arguments
from ostraka.server.environment.sessions import Sessions

MOST_ACTIONS: Final = 1024
MOST_QUEUES: Final = 256
MOST_CONNECTIONS: Final = 1024
_TYPES: Final = ("reset", "step", "state", "batch_step", "vector_reset", "vector_step", "close")


class _Action(msgspec.Struct):
    """What of an action is graded."""

    action_type: Any
    violation_type: Any = None
    confidence: Any = None


class _Actions(msgspec.Struct):
    actions: Annotated[list[_Action], msgspec.Meta(min_length=1, max_length=MOST_ACTIONS)]


class _ActionsOfQueues(msgspec.Struct):
    actions: Annotated[list[_Action | None], msgspec.Meta(min_length=1, max_length=MOST_QUEUES)]


class _Step(msgspec.Struct, tag_field="type", tag="step"):
    data: _Action


class _BatchStep(msgspec.Struct, tag_field="type", tag="batch_step"):
    data: _Actions


class _VectorStep(msgspec.Struct, tag_field="type", tag="vector_step"):
    data: _ActionsOfQueues


_plain_in: Final = msgspec.json.Decoder(_Step | _BatchStep | _VectorStep).decode
_encode: Final = msgspec.json.Encoder().encode


class Conversations:
    """`/ws` as an ASGI application: no object and no task per message."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer messages until the client closes."""
        await receive()  # that somebody wants to connect
        await send({"type": "websocket.accept"})
        if self._open >= MOST_CONNECTIONS:
            full = _error("CAPACITY_REACHED", f"{MOST_CONNECTIONS} connections are open already")
            await _end(send, full, 1013)
            return
        try:
            talk = Talk(self._sessions, _session_asked_for(scope))
        except (CallerError, StorageError) as error:
            await _end(send, _error("SESSION_ERROR", error.message), 1008)
            return
        self._open += 1
        if direct := scope.get("extensions", {}).get(EXTENSION):
            direct["answer_with"](talk.answer_to)
        try:
            await _answer_all(talk, receive, send)
        except OSError:
            return  # the client left in the middle of an answer
        finally:
            self._open -= 1


async def _answer_all(talk: "Talk", receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        answer = talk.answer_to(message.get("text") or message.get("bytes") or b"")
        if answer is None:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.send", "text": answer.decode()})


async def _end(send: Send, answer: bytes, code: int) -> None:
    await send({"type": "websocket.send", "text": answer.decode()})
    await send({"type": "websocket.close", "code": code})


class Talk:
    """One connection's environment: its own, or that of the session that it names."""

    def __init__(self, sessions: Sessions, session_id: str = "") -> None:
        self._sessions, self._session_id = sessions, session_id
        self._environment = sessions.get(session_id) if session_id else sessions.environment()
        self._queues: list[Environment] = []
        self._handlers = {
            "reset": self._reset,
            "step": self._step,
            "state": self._state,
            "batch_step": self._batch_step,
            "vector_reset": self._vector_reset,
            "vector_step": self._vector_step,
        }

    def answer_to(self, message: str | bytes) -> bytes | None:
        """The answer to one message; None to close. A fault never ends the session."""
        if len(message) > LONGEST_BODY:
            return _error("VALIDATION_ERROR", f"a message may have {LONGEST_BODY} bytes")
        try:
            plain = _plain_in(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._answered(message)
        try:
            told = self._told(plain)
            if self._session_id:
                self._sessions.note(self._session_id)
        except (ConflictError, StorageError) as error:
            return _error("EXECUTION_ERROR", error.message)
        except CallerError as error:
            return _error("VALIDATION_ERROR", error.message)
        return told

    def _told(self, plain: _Step | _BatchStep | _VectorStep) -> bytes:
        data = plain.data
        if isinstance(data, _Action):
            told = _stepped(self._environment.play, _graded(data))
            return b'{"type":"observation","data":%b}' % told
        if isinstance(data, _Actions):
            results = self._stepped_on([_graded(each) for each in data.actions])
            return b'{"type":"batch","data":{"results":[%b]}}' % results
        answers = [None if each is None else _graded(each) for each in data.actions]
        told = self._stepped_together(answers)
        return b'{"type":"vector","data":%b}' % told

    def _answered(self, message: str | bytes) -> bytes | None:
        try:
            asked = object_in(message)
        except InvalidInputError as error:
            return _error("INVALID_JSON", error.message)
        if asked.get("type") == "close":
            return None
        handler = self._handlers.get(str(asked.get("type")))
        if handler is None:
            return _error("UNKNOWN_TYPE", f"there are {', '.join(_TYPES)}")
        data = asked.get("data", {})
        if not isinstance(data, dict):
            return _error("VALIDATION_ERROR", "'data' must be an object")
        try:
            kind, answer = handler(data)
            if self._session_id:
                self._sessions.note(self._session_id)
        except (ConflictError, StorageError) as error:
            return _error("EXECUTION_ERROR", error.message)
        except CallerError as error:
            return _error("VALIDATION_ERROR", error.message)
        return b'{"type":"%b","data":%b}' % (kind, answer)

    def _reset(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        return b"observation", _begun(self._environment.begin(**reset_arguments(data)))

    def _step(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        return b"observation", _stepped(self._environment.play, parse_action(data))

    def _state(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        return b"state", _encode(self._environment.state())

    def _batch_step(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        """Our own extension: the answers of several actions, up to the end of the episode."""
        actions = _list_of(data, "actions", MOST_ACTIONS)
        results = self._stepped_on([parse_action(each) for each in actions])
        return b"batch", b'{"results":[%b]}' % results

    def _stepped_on(self, answers: Sequence[Answer]) -> bytes:
        play = self._environment.play
        results: list[bytes] = []
        for answer in answers:
            results.append(_stepped(play, answer))
            if play.done:
                break
        return b",".join(results)

    def _vector_reset(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        """Our own extension: one queue for each of `seeds`, stepped together."""
        asked = {name: value for name, value in data.items() if name not in ("seed", "index")}
        arguments = [
            reset_arguments({**asked, "seed": seed})
            for seed in _list_of(data, "seeds", MOST_QUEUES)
        ]
        queues = [self._sessions.environment() for _ in arguments]
        for environment, each in zip(queues, arguments, strict=True):
            environment.begin(**each)
        self._queues = queues
        results = b",".join(_begun(each.play) for each in queues)
        return b"vector", b'{"results":[%b]}' % results

    def _vector_step(self, data: dict[str, Any]) -> tuple[bytes, bytes]:
        """An action for each queue, `null` for those that are over."""
        self._check_queues()
        actions = _list_of(data, "actions", MOST_QUEUES)
        answers = [None if action is None else parse_action(action) for action in actions]
        return b"vector", self._stepped_together(answers)

    def _check_queues(self) -> None:
        if not self._queues:
            raise ConflictError("no queues were begun; vector_reset begins them", code="not_reset")

    def _stepped_together(self, answers: Sequence[Answer | None]) -> bytes:
        self._check_queues()
        if len(answers) != len(self._queues):
            raise InvalidInputError(
                f"'actions' must hold {len(self._queues)} actions, one for each queue",
                field="actions",
            )
        plays = [each.play for each in self._queues]
        for play, answer in zip(plays, answers, strict=True):
            if play.done != (answer is None):
                raise ConflictError(
                    "every queue that goes on needs an action, and one that is over needs null",
                    code="episode_is_done",
                )
        results = b",".join(
            b"null" if answer is None else _stepped(play, answer)
            for play, answer in zip(plays, answers, strict=True)
        )
        return b'{"results":[%b]}' % results


def _graded(action: _Action) -> Answer:
    return answer_of(action.action_type, action.violation_type, action.confidence)


def _begun(play: Play) -> bytes:
    return b'{"observation":%b,"reward":null,"done":false}' % play.observe_encoded()


def _stepped(play: Play, answer: Answer) -> bytes:
    """What `Environment.step` answers, as JSON."""
    reward = play.advance(answer)
    done = b"true" if play.done else b"false"
    return b'{"observation":%b,"reward":%a,"done":%b}' % (play.observe_encoded(), reward, done)


def _list_of(data: dict[str, Any], name: str, most: int) -> list[Any]:
    found = data.get(name)
    if not isinstance(found, list) or not 0 < len(found) <= most:
        raise InvalidInputError(f"'{name}' must be a list of 1 to {most}", field=name)
    return found


def _session_asked_for(scope: Scope) -> str:
    """The session that the address names (`/ws?session_id=…`); empty for one of its own."""
    query = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("session_id", [""])[0] if query else ""


def _error(code: str, message: str) -> bytes:
    return _encode({"type": "error", "data": {"message": message, "code": code}})
