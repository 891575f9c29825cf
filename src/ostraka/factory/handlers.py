"""What a worker does for the factory: validate a job, and train it.

The heavy part runs in a process of its own, so that it can be ended within a moment and takes its
memory with it. Whatever it says is written under the lease; an attempt that has lost its lease
writes nothing.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.errors import OperatorError
from ostraka.factory import messages
from ostraka.factory.base import Factory, now
from ostraka.factory.files import purge_files
from ostraka.factory.folders import attempt_folder, bytes_in, remove_folders, write_task
from ostraka.factory.jobs import (
    TRAIN,
    VALIDATE,
    add_checkpoints,
    add_event,
    get_job,
    move,
    queue_training,
)
from ostraka.factory.logs import LogKeeper
from ostraka.factory.models import new_model
from ostraka.factory.plans import details_of
from ostraka.factory.running import Running, start_child
from ostraka.factory.states import FINAL, Act, Status
from ostraka.factory.tables import FileRow, JobCheckpointRow, JobRow
from ostraka.factory.tasks import MODEL_FOLDER, Purpose
from ostraka.factory.tracking import STARTED, with_address
from ostraka.work.leases import Lease, complete, guard
from ostraka.work.worker import Handler, WorkContext

_log = logging.getLogger("ostraka.factory")

_LOOK_SECONDS: Final = 0.25
"""How often is looked whether a job was cancelled, and its process's words are written down."""
_DISK_LOOK_SECONDS: Final = 5.0


class LostChildError(RuntimeError):
    """The job's process was ended from outside; another attempt goes on from its checkpoint."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a process ended: its last message."""

    message: Mapping[str, Any]
    folder: Path


def handlers(factory: Factory) -> dict[str, Handler]:
    """The kinds of work that this room does."""
    return {
        VALIDATE: lambda lease, context: _validate(factory, lease, context),
        TRAIN: lambda lease, context: _train(factory, lease, context),
    }


def _validate(factory: Factory, lease: Lease, context: WorkContext) -> None:
    if not _begin(factory, lease, Act.VALIDATE):
        return
    outcome = _Run(factory, lease, context, Purpose.VALIDATE).outcome()
    with factory.database.writing() as session:
        job = _held(session, lease)
        if Status(job.status) in FINAL:
            complete(session, lease)
        elif outcome.message["kind"] == messages.PLANNED:
            _accept(session, lease, job, outcome.message)
        else:
            _reject(session, lease, job, outcome.message)
    _clean_up(factory, lease)


def _accept(session: Session, lease: Lease, job: JobRow, message: Mapping[str, Any]) -> None:
    job.details = details_of(message["plan"], job.hyperparameters)
    job.classifier_targets = message["targets"]
    move(session, job, Act.ACCEPT, {"rows": message["rows"]})
    complete(session, lease)
    if job.auto_start:
        queue_training(session, job)


def _reject(session: Session, lease: Lease, job: JobRow, message: Mapping[str, Any]) -> None:
    for row in message.get("rows", ()):
        add_event(session, job, "faulty-row", row)
    move(session, job, Act.REJECT, {"message": message["message"]})
    complete(session, lease)


def _train(factory: Factory, lease: Lease, context: WorkContext) -> None:
    if not _begin(factory, lease, Act.RUN):
        return
    outcome = _Run(factory, lease, context, Purpose.TRAIN).outcome()
    if outcome.message["kind"] == messages.TRAINED:
        _succeed(factory, lease, outcome)
        return
    with factory.database.writing() as session:
        job = _held(session, lease)
        act = Act.STOP if job.status == Status.CANCELLATION_REQUESTED else Act.FAIL
        move(session, job, act, {"message": outcome.message["message"]})
        complete(session, lease)
    _clean_up(factory, lease)


def _succeed(factory: Factory, lease: Lease, outcome: _Outcome) -> None:
    """Upload the model, then make it exist together with its job's success."""
    job_id = lease.payload["job_id"]
    prefix = f"models/{job_id}-{lease.token}"
    factory.objects.upload_folder(prefix, outcome.folder / MODEL_FOLDER)
    with factory.database.writing() as session:
        job = _held(session, lease)
        if job.status == Status.CANCELLATION_REQUESTED:
            move(session, job, Act.STOP)
        else:
            manifest = dict(outcome.message["manifest"]) | {"digest": outcome.message["digest"]}
            model = new_model(session, job, now(), prefix, manifest)
            job.fine_tuned_model = model.id
            job.trained_tokens = int(manifest["provenance"]["trained_tokens"])
            move(session, job, Act.SUCCEED, {"model": model.id})
        complete(session, lease)
        kept = f"{prefix}/" if job.fine_tuned_model else None
    for key in list(factory.objects.list(f"models/{job_id}-")):
        if kept is None or not key.startswith(kept):  # of an attempt that was lost on its way
            factory.objects.delete(key)
    _clean_up(factory, lease)


def _last_step(session: Session, job: JobRow) -> int:
    """Of the checkpoints recorded; 0 if there are none."""
    recorded = select(func.max(JobCheckpointRow.step)).where(JobCheckpointRow.job_id == job.id)
    return session.scalar(recorded) or 0


def _begin(factory: Factory, lease: Lease, act: Act) -> bool:
    """Take the job up, if there is still something to do."""
    with factory.database.writing() as session:
        job = _held(session, lease)
        if job.status == Status.CANCELLATION_REQUESTED:
            move(session, job, Act.STOP)
        if Status(job.status) in FINAL:
            complete(session, lease)
            return False
        if lease.attempt > 1:
            add_event(session, job, "resumed", {"attempt": lease.attempt})
        move(session, job, act)
        if act is Act.RUN:
            # That takes seconds, on a busy machine many; nobody shall think it hangs.
            add_event(session, job, "process-starting", {"attempt": lease.attempt})
    return True


def _held(session: Session, lease: Lease) -> JobRow:
    """The job's row and the lease, both locked, in that order.

    Raises:
        LostLeaseError: somebody else has the job by now.
    """
    job = get_job(session, lease.payload["job_id"], lock=True)
    guard(session, lease)
    return job


def _clean_up(factory: Factory, lease: Lease) -> None:
    remove_folders(factory, lease.payload["job_id"])
    purge_files(factory)


class _Run:
    """One attempt's process, watched until it ends or must be ended."""

    def __init__(
        self, factory: Factory, lease: Lease, context: WorkContext, purpose: Purpose
    ) -> None:
        self._factory = factory
        self._lease = lease
        self._context = context
        self._purpose = purpose
        self._job_id: str = lease.payload["job_id"]
        self._started = time.monotonic()
        self._disk_looked = self._started

    def outcome(self) -> _Outcome:
        """Run it.

        Raises:
            LostLeaseError: somebody else has the job by now.
            StoppedError: the worker stops.
            LostChildError: the process was ended by a signal that was not ours.
        """
        folder = attempt_folder(self._factory, self._job_id, self._lease.token)
        with self._factory.database.reading() as session:
            job = get_job(session, self._job_id)
            files = {each: session.get_one(FileRow, each) for each in job.file_ids}
            known_steps = _last_step(session, job)
            session.expunge_all()
        write_task(self._factory, job, files, self._purpose, folder, known_steps)
        try:
            child = start_child(folder, self._factory.settings)
        except OperatorError as error:  # another attempt would find the same
            return _Outcome({"kind": messages.FAILED, "message": error.message}, folder)
        log = LogKeeper(self._factory, self._job_id, self._purpose, self._lease.token, folder)
        try:
            return _Outcome(self._watch(child, folder, log), folder)
        finally:
            child.kill()
            log.keep(at_once=True)

    def _watch(self, child: Running, folder: Path, log: LogKeeper) -> Mapping[str, Any]:
        last: Mapping[str, Any] | None = None
        while (said := child.take(_LOOK_SECONDS)) is not None:
            last = next((each for each in said if each["kind"] in messages.LAST), last)
            self._context.check()
            log.keep()
            status = self._record(said)
            if status in (Status.CANCELLED, Status.CANCELLATION_REQUESTED):
                return {"kind": messages.FAILED, "message": "The job was cancelled."}
            if (limit := self._limit_reached(folder)) is not None:
                return {"kind": messages.FAILED, "message": limit}
        return last or self._died(child, child.wait())

    def _died(self, child: Running, status: int) -> Mapping[str, Any]:
        if status < 0:
            raise LostChildError(f"the job's process was ended by signal {-status}")
        _log.error("job %s ended with status %s: %s", self._job_id, status, child.last_words)
        line = child.last_words.rpartition("\n")[2]
        return {
            "kind": messages.REJECTED if self._purpose is Purpose.VALIDATE else messages.FAILED,
            "message": f"The job's process ended with status {status}: {line}",
        }

    def _record(self, said: list[dict[str, Any]]) -> Status:
        """Write down what was said, and look how the job stands."""
        told = [each for each in said if each["kind"] in (messages.EVENT, messages.CHECKPOINT)]
        if not told:
            with self._factory.database.reading() as session:
                return Status(get_job(session, self._job_id).status)
        with self._factory.database.writing() as session:
            job = _held(session, self._lease)
            for each in told:
                if each["kind"] == messages.EVENT:
                    add_event(session, job, each["name"], each["data"])
                    if each["name"] == STARTED:
                        with_address(job, each["data"])
            add_checkpoints(session, job, [self._row(e) for e in told if "step" in e])
            return Status(job.status)

    def _row(self, said: Mapping[str, Any]) -> JobCheckpointRow:
        return JobCheckpointRow(
            job_id=self._job_id,
            step=said["step"],
            created_at=now(),
            train_loss=said["train_loss"],
            valid_loss=said["valid_loss"],
            valid_accuracy=said["valid_accuracy"],
        )

    def _limit_reached(self, folder: Path) -> str | None:
        settings, moment = self._factory.settings, time.monotonic()
        if moment - self._started > settings.job_seconds:
            return f"The job took longer than {settings.job_seconds:g} seconds."
        if moment - self._disk_looked > _DISK_LOOK_SECONDS:
            self._disk_looked = moment
            if bytes_in(folder) > settings.job_disk_bytes:
                return f"The job took more than {settings.job_disk_bytes} bytes of disk."
        return None
