"""What a worker does between jobs: end those that nobody will end, and clear away what is left."""

import logging
import threading
import time
from typing import Final

from sqlalchemy import select

from ostraka.errors import OstrakaError
from ostraka.factory.base import Factory, now
from ostraka.factory.batch_states import BATCH_FINAL, BatchStatus
from ostraka.factory.batches import (
    abandon_batch,
    deadline,
    get_batch,
    is_over,
    remove_objects,
    remove_requests,
)
from ostraka.factory.files import purge_files
from ostraka.factory.folders import remove_folders
from ostraka.factory.jobs import get_job, move, stop
from ostraka.factory.serving import remove_copies
from ostraka.factory.states import FINAL, Act, Status
from ostraka.factory.tables import BatchRow, JobRow
from ostraka.work.tables import FINISHED, State, WorkRow

EVERY_SECONDS: Final = 10.0
SELDOM_SECONDS: Final = 600.0
"""For what asks the object store, or the folder of copies, for a list."""

_log = logging.getLogger("ostraka.factory")


def keep_up(factory: Factory, ended: threading.Event) -> None:
    """Look after things until `ended` is set."""
    strays: set[str] = set()
    seldom = 0.0
    while not ended.wait(EVERY_SECONDS):
        try:
            settle(factory)
            purge_files(factory)
            clear(factory)
            if time.monotonic() >= seldom:
                remove_copies(factory)
                strays = remove_requests(factory, strays)
                seldom = time.monotonic() + SELDOM_SECONDS
        except (OstrakaError, OSError) as error:
            _log.warning("upkeep is put off: %s", error)


def settle(factory: Factory) -> int:
    """End unfinished jobs and batches whose work will not be taken up again; returns how many.

    So are batches ended that nobody has in hand when their time is over.
    """
    return _settle_jobs(factory) + _settle_batches(factory)


def _settle_jobs(factory: Factory) -> int:
    over = WorkRow.state.in_([str(state) for state in FINISHED])
    unfinished = JobRow.status.not_in([str(status) for status in FINAL])
    waiting = JobRow.status == str(Status.VALIDATED)
    with factory.database.reading() as session:
        wanted = select(JobRow.id).join(WorkRow, WorkRow.id == JobRow.work_id)
        ids = list(session.scalars(wanted.where(over, unfinished, ~waiting)))
    for job_id in ids:
        _settle_job(factory, job_id)
    return len(ids)


def _settle_job(factory: Factory, job_id: str) -> None:
    with factory.database.writing() as session:
        job = get_job(session, job_id, lock=True)
        work = session.get(WorkRow, job.work_id) if job.work_id else None
        status = Status(job.status)
        if work is None or work.state == State.DONE or status in FINAL | {Status.VALIDATED}:
            return
        if status is Status.CANCELLATION_REQUESTED:
            stop(session, job)
            return
        reason = f"The job was given up after {work.attempts} attempts: {work.last_error}"
        move(session, job, Act.FAIL if job.started else Act.REJECT, {"message": reason})


def _settle_batches(factory: Factory) -> int:
    unfinished = BatchRow.status.not_in([str(status) for status in BATCH_FINAL])
    wanted = select(BatchRow, WorkRow).outerjoin(WorkRow, WorkRow.id == BatchRow.work_id)
    with factory.database.reading() as session:
        found = session.execute(wanted.where(unfinished))
        ids = [batch.id for batch, work in found if _end_of(batch, work) is not None]
    for batch_id in ids:
        _settle_batch(factory, batch_id)
    return len(ids)


def _settle_batch(factory: Factory, batch_id: str) -> None:
    with factory.database.writing() as session:
        batch = get_batch(session, batch_id, lock=True)
        work = session.get(WorkRow, batch.work_id) if batch.work_id else None
        end = None if is_over(batch) else _end_of(batch, work)
        if end is None:
            return
        status, reason = end
        abandon_batch(session, batch, status, reason)
    _log.warning("batch %s is %s: %s", batch_id, status, reason or "it was asked for")
    remove_objects(factory, batch_id)


def _end_of(batch: BatchRow, work: WorkRow | None) -> tuple[BatchStatus, str] | None:
    """How an unfinished batch ends that no worker has in hand, and why; None if one will end it."""
    if work is not None and work.state == State.LEASED:
        return None
    if batch.status == BatchStatus.CANCELLATION_REQUESTED:
        return BatchStatus.CANCELLED, ""
    if work is None or work.state == State.CANCELLED:
        return BatchStatus.FAILED, "The work on the batch was cancelled."
    if work.state in FINISHED:
        reason = f"The batch was given up after {work.attempts} attempts: {work.last_error}"
        return BatchStatus.FAILED, reason
    if now() > deadline(batch):
        return BatchStatus.TIMEOUT_EXCEEDED, f"It was not done in {batch.timeout_hours} hours."
    return None


def clear(factory: Factory) -> None:
    """Remove the working folders of jobs that have ended, and those of no job."""
    folders = factory.settings.data_dir / "jobs"
    for folder in folders.iterdir() if folders.is_dir() else ():
        with factory.database.reading() as session:
            job = session.get(JobRow, folder.name)
        if job is None or Status(job.status) in FINAL:
            remove_folders(factory, folder.name)
