"""Batches in the database: made, looked up, cancelled, counted on, ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ostraka.errors import InvalidFileError, NotFoundError
from ostraka.factory.base import Factory, new_uuid, now
from ostraka.factory.batch_requests import BatchRequest, inline_lines
from ostraka.factory.batch_states import BATCH_FINAL, BatchStatus, after_cancel, after_run
from ostraka.factory.files import get_file
from ostraka.factory.shapes import seconds
from ostraka.factory.tables import BatchRow, FileRow
from ostraka.work.queue import cancel as cancel_work
from ostraka.work.queue import enqueue
from ostraka.work.tables import State as WorkState
from ostraka.work.tables import WorkRow

QUEUE: Final = "batch"
ANSWER: Final = "factory.batch"
OBJECTS: Final = "batches/"
"""Where the object store keeps what batches were asked in a body, and what they answer."""

_REQUESTS: Final = "/requests"
_ATTEMPTS: Final = 20
_NAMED_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches to list; None leaves everything in."""

    model: str | None = None
    statuses: Sequence[str] = ()
    created_after: datetime | None = None
    key_id: str | None = None
    metadata: Mapping[str, str] | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A finished file of answers in the object store, not yet known to anybody."""

    key: str
    bytes: int
    sha256: str
    lines: int


def create_batch(factory: Factory, request: BatchRequest, key_id: str | None) -> BatchRow:
    """Make a batch and queue it; requests in the body become an object of the store first.

    Raises:
        NotFoundError: a file is not there.
        InvalidFileError: a file that was not uploaded for batches.
    """
    batch_id = new_uuid()
    keys: list[str] = []
    if request.requests:
        keys = [f"{OBJECTS}{batch_id}{_REQUESTS}"]
        factory.objects.put(keys[0], inline_lines(request.requests))
    with factory.database.writing() as session:
        session.expire_on_commit = False
        files = [_batch_file(session, each) for each in request.input_files or ()]
        batch = _row(batch_id, request, files, keys or [each.object_key for each in files], key_id)
        session.add(batch)
        batch.work_id = enqueue(
            session,
            queue=QUEUE,
            kind=ANSWER,
            payload={"batch_id": batch_id},
            key=f"{ANSWER}:{batch_id}",
            max_attempts=_ATTEMPTS,
        )
    return batch


def get_batch(session: Session, batch_id: str, *, lock: bool = False) -> BatchRow:
    """The batch; locked until the transaction ends, if wanted.

    Raises:
        NotFoundError: there is none.
    """
    batch = session.get(BatchRow, batch_id, with_for_update=lock, populate_existing=lock)
    if batch is None:
        raise NotFoundError(f"No batch has the id '{batch_id}'.")
    return batch


def list_batches(
    session: Session, wanted: BatchFilter, page: int, page_size: int
) -> tuple[list[BatchRow], int]:
    """A page of batches, newest first unless wanted otherwise, and how many there are in all."""
    conditions = _conditions(wanted)
    columns = (BatchRow.created_at, BatchRow.id)
    order = columns if wanted.oldest_first else tuple(column.desc() for column in columns)
    found = session.scalars(
        select(BatchRow)
        .where(*conditions)
        .order_by(*order)
        .offset(page * page_size)
        .limit(page_size)
    )
    total = session.scalar(select(func.count()).select_from(BatchRow).where(*conditions))
    return list(found), total or 0


def cancel_batch(session: Session, batch_id: str) -> BatchRow:
    """Cancel a batch: at once while no worker has it in hand, else as soon as that one sees it.

    Raises:
        NotFoundError: there is none.
        ConflictError: it has ended otherwise.
    """
    batch = get_batch(session, batch_id, lock=True)
    reached = after_cancel(BatchStatus(batch.status))
    if is_over(batch):
        return batch
    if reached is BatchStatus.CANCELLED or not _is_worked_on(session, batch):
        abandon_batch(session, batch, BatchStatus.CANCELLED)
    else:
        batch.status = str(reached)
    session.flush()
    return batch


def _is_worked_on(session: Session, batch: BatchRow) -> bool:
    """Whether a worker has the batch in hand and will end it in its own way."""
    state = session.scalar(select(WorkRow.state).where(WorkRow.id == batch.work_id))
    return state == WorkState.LEASED


def deadline(batch: BatchRow) -> datetime:
    """When a batch is ended, whether it is complete or not."""
    return batch.created_at + timedelta(hours=batch.timeout_hours)


def end_batch(
    session: Session, batch: BatchRow, answers: ResultFile | None, failures: ResultFile | None
) -> None:
    """Give a locked batch its files and its last status."""
    batch.output_file = _result(session, batch, answers, "output", "batch_result")
    batch.error_file = _result(session, batch, failures, "errors", "batch_error")
    in_time = batch.succeeded_requests + batch.failed_requests >= batch.total_requests
    batch.status = str(after_run(BatchStatus(batch.status), in_time=in_time))
    batch.completed_at = now()


def abandon_batch(session: Session, batch: BatchRow, status: BatchStatus, reason: str = "") -> None:
    """End a locked batch, and its work, where no worker will."""
    end_unanswered(batch, status, reason)
    if batch.work_id:
        cancel_work(session, batch.work_id)


def end_unanswered(batch: BatchRow, status: BatchStatus, reason: str = "") -> None:
    """Give a locked batch its last status, and no answers: those of its attempts are lost."""
    batch.status = str(status)
    batch.succeeded_requests = batch.failed_requests = 0
    batch.errors = count_errors([(reason, 1)] if reason else [])
    batch.completed_at = now()


def remove_objects(factory: Factory, batch_id: str, kept: Collection[str] = ()) -> None:
    """Remove what a batch was asked in a body, and answers of lost attempts: all but `kept`."""
    for key in list(factory.objects.list(f"{OBJECTS}{batch_id}/")):
        if key not in kept:
            factory.objects.delete(key)


def remove_requests(factory: Factory, strays: Collection[str] = ()) -> set[str]:
    """Remove what batches were asked in a body once they have ended.

    A key that no batch has may be one of a batch in the making. Such keys are returned, to be
    given again as `strays` some minutes later: if still no batch has them, they go.
    """
    keys = [key for key in factory.objects.list(OBJECTS) if key.endswith(_REQUESTS)]
    ended, unknown = set(), set()
    with factory.database.reading() as session:
        for key in keys:
            batch = session.get(BatchRow, key.removeprefix(OBJECTS).removesuffix(_REQUESTS))
            if batch is None:
                unknown.add(key)
            elif is_over(batch):
                ended.add(key)
    for key in ended | unknown.intersection(strays):
        factory.objects.delete(key)
    return unknown.difference(strays)


def count_errors(messages: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """The most frequent failures, as the API lists them."""
    most = sorted(messages, key=lambda pair: (-pair[1], pair[0]))[:_NAMED_ERRORS]
    return [{"message": message, "count": count} for message, count in most]


def show_batch(batch: BatchRow) -> dict[str, Any]:
    """A batch as the API shows it."""
    return {
        "id": batch.id,
        "object": "batch",
        "input_files": batch.input_files,
        "metadata": batch.batch_metadata,
        "endpoint": batch.endpoint,
        "model": batch.model,
        "agent_id": None,
        "output_file": batch.output_file,
        "error_file": batch.error_file,
        "errors": batch.errors,
        "outputs": None,
        "status": batch.status,
        "created_at": seconds(batch.created_at),
        "total_requests": batch.total_requests,
        "completed_requests": batch.succeeded_requests + batch.failed_requests,
        "succeeded_requests": batch.succeeded_requests,
        "failed_requests": batch.failed_requests,
        "started_at": seconds(batch.started_at) if batch.started_at else None,
        "completed_at": seconds(batch.completed_at) if batch.completed_at else None,
    }


def is_over(batch: BatchRow) -> bool:
    """Whether nothing happens to a batch any more."""
    return BatchStatus(batch.status) in BATCH_FINAL


def _batch_file(session: Session, file_id: str) -> FileRow:
    row = get_file(session, file_id)
    if row.purpose != "batch":
        raise InvalidFileError(
            f"The file '{row.filename}' was uploaded for '{row.purpose}'; upload it with the "
            "purpose 'batch'."
        )
    return row


def _row(
    batch_id: str,
    request: BatchRequest,
    files: Sequence[FileRow],
    keys: list[str],
    key_id: str | None,
) -> BatchRow:
    return BatchRow(
        id=batch_id,
        created_at=now(),
        endpoint=request.endpoint,
        model=request.model,
        status=str(BatchStatus.QUEUED),
        input_files=[each.id for each in files],
        input_keys=keys,
        batch_metadata=request.metadata,
        timeout_hours=request.timeout_hours,
        errors=[],
        total_requests=len(request.requests or ()) or sum(each.num_lines or 0 for each in files),
        succeeded_requests=0,
        failed_requests=0,
        key_id=key_id,
    )


def _result(
    session: Session, batch: BatchRow, result: ResultFile | None, name: str, sample_type: str
) -> str | None:
    if result is None:
        return None
    row = FileRow(
        id=new_uuid(),
        created_at=now(),
        filename=f"{batch.id}_{name}.jsonl",
        bytes=result.bytes,
        sha256=result.sha256,
        purpose="batch",
        sample_type=sample_type,
        source="mistral",
        num_lines=result.lines,
        mimetype="application/jsonl",
        visibility="workspace",
        object_key=result.key,
    )
    session.add(row)
    return row.id


def _conditions(wanted: BatchFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.model is not None:
        conditions.append(BatchRow.model == wanted.model)
    if wanted.statuses:
        conditions.append(BatchRow.status.in_(wanted.statuses))
    if wanted.created_after is not None:
        conditions.append(BatchRow.created_at > wanted.created_after)
    if wanted.key_id is not None:
        conditions.append(BatchRow.key_id == wanted.key_id)
    for name, value in (wanted.metadata or {}).items():
        conditions.append(BatchRow.batch_metadata[name].as_string() == value)
    return conditions
