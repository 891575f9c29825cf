"""Batches at work: every request goes to the same handler that a caller's would.

So a batch gets the same answers and the same errors as single calls do. Answers are written to a
file as they come and are there for others when the batch has ended; an attempt that is interrupted
begins anew, since judging a text twice harms nobody.
"""

import asyncio
import json
import logging
import secrets
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import OstrakaError
from ostraka.factory.base import Factory, now
from ostraka.factory.batch_requests import Line, read_lines
from ostraka.factory.batch_states import BatchStatus
from ostraka.factory.batches import (
    ANSWER,
    OBJECTS,
    ResultFile,
    count_errors,
    deadline,
    end_batch,
    end_unanswered,
    get_batch,
    is_over,
    remove_objects,
)
from ostraka.factory.cascade import moderator_of
from ostraka.factory.tables import BatchRow
from ostraka.moderator import Moderator
from ostraka.server import mistral, openai
from ostraka.server.envelopes import Problem, error_response
from ostraka.server.factory import classifications
from ostraka.server.kept import Kept
from ostraka.server.scoring import Scoring
from ostraka.server.state import State
from ostraka.storage.location import Location
from ostraka.work.leases import Lease, complete, guard
from ostraka.work.worker import Handler, WorkContext

_log = logging.getLogger("ostraka.factory")

_AT_ONCE: Final = 64
"""Requests worked on together; their texts share the encoder's batches."""

_CHUNK: Final = 1 << 20
_LEAST_SECONDS: Final = 0.5
"""How often the counts are written down, and is looked whether to go on."""

_HANDLERS: Final[Mapping[str, Callable[[Request], Awaitable[Response]]]] = {
    "/v1/moderations": openai.moderations,
    "/v1/chat/moderations": mistral.chat_moderations,
    "/v1/classifications": classifications.classify,
    "/v1/chat/classifications": classifications.classify_chat,
}


def batch_handlers(factory: Factory) -> dict[str, Handler]:
    """The kind of work that answers batches; the classifier is loaded with the first one."""
    loaded: list[Moderator] = []

    def handle(lease: Lease, context: WorkContext) -> None:
        if not loaded:
            loaded.append(moderator_of(factory.settings))
        _Batch(factory, loaded[0], lease, context).run()

    return {ANSWER: handle}


@dataclass(slots=True)
class _Tally:
    succeeded: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        return self.succeeded + self.failed


class _Batch:
    """One attempt at one batch."""

    def __init__(
        self, factory: Factory, moderator: Moderator, lease: Lease, context: WorkContext
    ) -> None:
        self._factory = factory
        self._moderator = moderator
        self._lease = lease
        self._context = context
        self._id: str = lease.payload["batch_id"]
        self._tally = _Tally()

    def run(self) -> None:
        """Answer all requests, or as many as time and the caller allow.

        Raises:
            LostLeaseError: somebody else has the batch by now.
            StoppedError: the worker stops.
        """
        batch = self._begin()
        if batch is None:
            return
        with tempfile.TemporaryFile() as answers, tempfile.TemporaryFile() as failures:
            asyncio.run(self._answer_all(batch, answers, failures))
            self._end(answers, failures)

    def _begin(self) -> BatchRow | None:
        with self._factory.database.writing() as session:
            session.expire_on_commit = False
            batch = get_batch(session, self._id, lock=True)
            guard(session, self._lease)
            if batch.status == BatchStatus.CANCELLATION_REQUESTED:
                end_unanswered(batch, BatchStatus.CANCELLED)
            if is_over(batch):
                complete(session, self._lease)
                return None
            batch.status = str(BatchStatus.RUNNING)
            batch.started_at = batch.started_at or now()
            return batch

    async def _answer_all(self, batch: BatchRow, answers: IO[bytes], failures: IO[bytes]) -> None:
        settings = self._factory.settings
        scoring = Scoring(
            self._moderator,
            batch=settings.encoder_batch,
            max_pending=max(settings.max_pending_texts, _AT_ONCE * settings.max_items),
        )
        kept = Kept(Location.parse(settings.resolved_database_url))
        app = Starlette()
        app.state.ostraka = State(settings, self._moderator, scoring, kept)
        clock, looked, ends = asyncio.get_running_loop().time, 0.0, deadline(batch)
        try:
            for lines in _chunks(self._lines(batch), _AT_ONCE):
                answered = [_answer(app, batch, line) for line in lines]
                for line, answer in zip(lines, await asyncio.gather(*answered), strict=True):
                    self._write(line, answer, answers, failures)
                if clock() - looked >= _LEAST_SECONDS:
                    looked = clock()
                    if await asyncio.to_thread(self._note) or now() > ends:
                        return
        finally:
            scoring.close()
            kept.close()

    def _lines(self, batch: BatchRow) -> Iterator[Line]:
        number = 0
        for key in batch.input_keys:
            with self._factory.objects.open(key) as stream:
                for line in read_lines(stream, number):
                    number += 1
                    yield line

    def _write(
        self, line: Line, response: Response | None, answers: IO[bytes], failures: IO[bytes]
    ) -> None:
        body = json.loads(bytes(response.body)) if response is not None else None
        status = response.status_code if response is not None else 422
        failed = status != 200
        message = _message(body) if response is not None else f"The line {line.problem}."
        row = {
            "id": f"batch_req_{secrets.token_hex(16)}",
            "custom_id": line.custom_id,
            "response": {"status_code": status, "body": body},
            "error": {"message": message} if failed else None,
        }
        (failures if failed else answers).write(json.dumps(row).encode() + b"\n")
        self._tally.failed += failed
        self._tally.succeeded += not failed
        if failed:
            self._tally.errors[message] += 1

    def _note(self) -> bool:
        """Write the counts down; whether the batch was cancelled meanwhile."""
        self._context.check()
        with self._factory.database.writing() as session:
            batch = get_batch(session, self._id, lock=True)
            guard(session, self._lease)
            self._count(batch)
            return batch.status == BatchStatus.CANCELLATION_REQUESTED

    def _count(self, batch: BatchRow) -> None:
        batch.succeeded_requests, batch.failed_requests = self._tally.succeeded, self._tally.failed
        batch.total_requests = max(batch.total_requests, self._tally.done)
        batch.errors = count_errors(self._tally.errors.items())

    def _end(self, answers: IO[bytes], failures: IO[bytes]) -> None:
        """Make the files known together with the end of the batch."""
        kept = self._keep("output", answers, self._tally.succeeded)
        wrong = self._keep("errors", failures, self._tally.failed)
        with self._factory.database.writing() as session:
            batch = get_batch(session, self._id, lock=True)
            guard(session, self._lease)
            self._count(batch)
            end_batch(session, batch, kept, wrong)
            complete(session, self._lease)
        results = {each.key for each in (kept, wrong) if each is not None}
        remove_objects(self._factory, self._id, results)

    def _keep(self, name: str, file: IO[bytes], lines: int) -> ResultFile | None:
        if not lines:
            return None
        file.seek(0)
        key = f"{OBJECTS}{self._id}/{name}-{self._lease.token}"
        stored = self._factory.objects.put(key, iter(lambda: file.read(_CHUNK), b""))
        return ResultFile(key, stored.bytes, stored.sha256, lines)


async def _answer(app: Starlette, batch: BatchRow, line: Line) -> Response | None:
    """What a single call with this body would be answered; None if the line holds no call."""
    if line.body is None:
        return None
    body = line.body if batch.model is None else {"model": batch.model, **line.body}
    scope = _scope(app, batch.endpoint)
    try:
        request = Request(scope, _receiving(json.dumps(body).encode()))
        return await _HANDLERS[batch.endpoint](request)
    except (OstrakaError, Problem) as error:
        return error_response(Request(scope), error)
    except Exception as error:
        _log.exception("batch %s: request %r failed", batch.id, line.custom_id)
        return error_response(Request(scope), error)


def _receiving(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _scope(app: Starlette, path: str) -> dict[str, Any]:
    headers = [(b"content-type", b"application/json"), (b"user-agent", b"mistral-client-batch")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "app": app,
        "client": ("127.0.0.1", 0),
    }


def _message(body: Any) -> str:
    """What went wrong, out of an envelope of either vendor."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return str(error.get("message"))
    if isinstance(body, dict) and isinstance(body.get("detail"), list) and body["detail"]:
        first = body["detail"][0]
        return f"{'.'.join(map(str, first.get('loc', ())))}: {first.get('msg')}"
    return str(body.get("message") or body.get("detail")) if isinstance(body, dict) else str(body)


def _chunks(lines: Iterator[Line], size: int) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
