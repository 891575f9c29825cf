"""Training jobs in the database: made, looked up, started, cancelled, moved from state to state.

Whoever changes a job locks its row first, and its work's row after it, so that a caller and a
worker never wait for each other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, NotFoundError
from ostraka.factory.base import new_uuid, now
from ostraka.factory.files import get_file
from ostraka.factory.requests import JobRequest
from ostraka.factory.states import NEW, Act, State, Status, after, is_repeated
from ostraka.factory.tables import FileRow, JobCheckpointRow, JobEventRow, JobRow
from ostraka.work.queue import cancel as cancel_work
from ostraka.work.queue import enqueue
from ostraka.work.tables import State as WorkState
from ostraka.work.tables import WorkRow

QUEUE: Final = "factory"
VALIDATE: Final = "factory.validate"
TRAIN: Final = "factory.train"
STATUS_UPDATED: Final = "status-updated"
MAX_ATTEMPTS: Final = 50
"""How often a job is taken up again after its worker was lost. An attempt that ends by itself,
well or badly, is the last."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; None leaves everything in."""

    model: str | None = None
    status: str | None = None
    suffix: str | None = None
    wandb_project: str | None = None
    wandb_name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    key_id: str | None = None


def create_job(
    session: Session, request: JobRequest, base: str, note: str | None, key_id: str | None
) -> JobRow:
    """Make a job and queue its validation. `note` says how `base` was found, if that needs saying.

    Raises:
        NotFoundError: a file is not there.
        ConflictError: the same job is queued, validated or running already.
    """
    for file_id in sorted(request.file_ids):
        session.get(FileRow, file_id, with_for_update={"read": True})
        get_file(session, file_id)
    job = draft(request, base, key_id)
    job.id = _new_id(session)
    session.add(job)
    try:
        session.flush()
    except IntegrityError:
        raise ConflictError("The same job is already queued, validated or running.") from None
    add_event(session, job, STATUS_UPDATED, {"status": job.status})
    if note:
        add_event(session, job, "model-resolved", {"model": job.model, "base": base, "note": note})
    job.work_id = enqueue(
        session,
        queue=QUEUE,
        kind=VALIDATE,
        payload={"job_id": job.id},
        key=f"{VALIDATE}:{job.id}",
        max_attempts=MAX_ATTEMPTS,
    )
    return job


def get_job(session: Session, job_id: str, *, lock: bool = False) -> JobRow:
    """The job; locked until the transaction ends, if wanted.

    Raises:
        NotFoundError: there is none.
    """
    job = session.get(JobRow, job_id, with_for_update=lock, populate_existing=lock)
    if job is None:
        raise NotFoundError(f"No job has the id '{job_id}'.")
    return job


def find_job(session: Session, beginning: str) -> JobRow:
    """The one job whose id begins so: people type eight digits, not thirty-six.

    Raises:
        NotFoundError: there is none.
        ConflictError: there are several.
    """
    wanted = select(JobRow).where(JobRow.id.startswith(beginning, autoescape=True)).limit(2)
    found = list(session.scalars(wanted)) if beginning else []
    if not found:
        raise NotFoundError(f"No job has the id '{beginning}'.")
    if len(found) > 1:
        raise ConflictError(f"Several jobs' ids begin with '{beginning}'; give more of it.")
    return found[0]


def list_jobs(
    session: Session, wanted: JobFilter, page: int, page_size: int
) -> tuple[list[JobRow], int]:
    """A page of jobs, newest first, and how many there are in all."""
    conditions = _conditions(wanted)
    order = (JobRow.created_at.desc(), JobRow.id.desc())
    found = session.scalars(
        select(JobRow).where(*conditions).order_by(*order).offset(page * page_size).limit(page_size)
    )
    total = session.scalar(select(func.count()).select_from(JobRow).where(*conditions))
    return list(found), total or 0


def start_job(session: Session, job_id: str) -> JobRow:
    """Queue a validated job for training; a job that was started already stays as it is.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is not validated, or has ended.
    """
    job = get_job(session, job_id, lock=True)
    if not is_repeated(state_of(job), Act.START):
        queue_training(session, job)
    return job


def queue_training(session: Session, job: JobRow) -> None:
    """Start a validated job whose row is locked."""
    move(session, job, Act.START)
    job.details = job.details | {"estimated_start_time": int(now().timestamp())}
    job.work_id = enqueue(
        session,
        queue=QUEUE,
        kind=TRAIN,
        payload={"job_id": job.id},
        key=f"{TRAIN}:{job.id}",
        max_attempts=MAX_ATTEMPTS,
    )


def cancel_job(session: Session, job_id: str) -> JobRow:
    """Cancel a job: at once while it does not run, else as soon as its worker sees it.

    Raises:
        NotFoundError: there is none.
        ConflictError: it has ended otherwise.
    """
    job = get_job(session, job_id, lock=True)
    if not is_repeated(state_of(job), Act.CANCEL):
        move(session, job, Act.CANCEL)
        if not _is_worked_on(session, job):
            stop(session, job)
    return job


def stop(session: Session, job: JobRow) -> None:
    """End the work of a locked job whose cancellation nobody else will see."""
    if job.status == Status.CANCELLATION_REQUESTED:
        move(session, job, Act.STOP)
    if job.work_id:
        cancel_work(session, job.work_id)


def _is_worked_on(session: Session, job: JobRow) -> bool:
    """Whether a worker has the job in hand and will end it in its own way."""
    if job.status != Status.CANCELLATION_REQUESTED or not job.work_id:
        return False
    state = session.scalar(select(WorkRow.state).where(WorkRow.id == job.work_id))
    return state == WorkState.LEASED


def move(session: Session, job: JobRow, act: Act, data: Mapping[str, Any] | None = None) -> None:
    """Take a locked job to its next state, and record that with its time.

    Raises:
        ConflictError: its state does not allow it.
    """
    before = state_of(job)
    reached = after(before, act)
    if reached == before:
        return
    job.status, job.started = str(reached.status), reached.started
    add_event(session, job, STATUS_UPDATED, {"status": job.status, **(data or {})})


def state_of(job: JobRow) -> State:
    """Where a job is."""
    return State(Status(job.status), job.started)


def add_event(session: Session, job: JobRow, name: str, data: Mapping[str, Any]) -> None:
    """Record that something happened to a job."""
    moment = now()
    session.add(JobEventRow(job_id=job.id, created_at=moment, name=name, data=dict(data)))
    job.modified_at = moment
    session.flush()


def events_of(session: Session, job_id: str) -> list[JobEventRow]:
    """What happened to a job, oldest first."""
    wanted = select(JobEventRow).where(JobEventRow.job_id == job_id).order_by(JobEventRow.id)
    return list(session.scalars(wanted))


def checkpoints_of(session: Session, job_id: str) -> list[JobCheckpointRow]:
    """A job's checkpoints, newest first."""
    mine = JobCheckpointRow.job_id == job_id
    wanted = select(JobCheckpointRow).where(mine).order_by(JobCheckpointRow.step.desc())
    return list(session.scalars(wanted))


def add_checkpoints(session: Session, job: JobRow, checkpoints: Sequence[JobCheckpointRow]) -> None:
    """Record checkpoints; a step that a former attempt has recorded is written over."""
    for checkpoint in checkpoints:
        session.merge(checkpoint)
    if checkpoints:
        job.modified_at = now()


def draft(request: JobRequest, base: str, key_id: str | None = None) -> JobRow:
    """The row of a job that was asked for, not yet in the database."""
    moment = now()
    integrations = [
        each.model_dump(exclude={"api_key"}, mode="json") for each in request.integrations or ()
    ]
    first = integrations[0] if integrations else {}
    asked = request.model_dump(exclude={"auto_start", "integrations", "repositories"}, mode="json")
    return JobRow(
        id=new_uuid(),
        created_at=moment,
        modified_at=moment,
        model=request.model,
        base=base,
        status=str(NEW.status),
        started=NEW.started,
        auto_start=bool(request.auto_start),
        suffix=request.suffix,
        hyperparameters=asked["hyperparameters"],
        training_files=asked["training_files"],
        validation_files=asked["validation_files"],
        test_files=asked["test_files"],
        integrations=integrations,
        wandb_project=first.get("project"),
        wandb_name=first.get("name"),
        given_targets=asked["classifier_targets"] or [],
        invalid_sample_skip_percentage=request.invalid_sample_skip_percentage,
        classifier_targets=[],
        details={},
        fingerprint=_fingerprint(asked, integrations),
        key_id=key_id,
    )


def _fingerprint(asked: Mapping[str, Any], integrations: Sequence[Mapping[str, Any]]) -> str:
    state = json.dumps([asked, integrations], sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()


def _new_id(session: Session) -> str:
    """An id whose first eight digits no other job has: they end its model's name."""
    while True:
        job_id = new_uuid()
        if session.scalar(select(JobRow.id).where(JobRow.id.startswith(job_id[:8]))) is None:
            return job_id


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (JobRow.model, wanted.model),
        (JobRow.status, wanted.status),
        (JobRow.suffix, wanted.suffix),
        (JobRow.wandb_project, wanted.wandb_project),
        (JobRow.wandb_name, wanted.wandb_name),
        (JobRow.key_id, wanted.key_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.created_after is not None:
        conditions.append(JobRow.created_at > wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(JobRow.created_at < wanted.created_before)
    return conditions
