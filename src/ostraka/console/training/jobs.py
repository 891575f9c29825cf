"""Lists of jobs and single jobs, as the pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.console.training.learning import Learning, learning
from ostraka.console.training.words import (
    EventWords,
    StatusWords,
    event_words,
    is_over,
    problem_words,
    status_words,
)
from ostraka.factory.base import Factory
from ostraka.factory.jobs import JobFilter, checkpoints_of, events_of, get_job, list_jobs
from ostraka.factory.lookups import files_by_id, latest_checkpoints
from ostraka.factory.states import WAITING_TO_START, Status
from ostraka.factory.tables import FileRow, JobCheckpointRow, JobEventRow, JobRow

PAGE_SIZE: Final = 25
ESTIMATE: Final = "estimate"
"""The event by which trainers say how long they will still take; only the last one counts."""

_SLOW_PICKUP_SECONDS: Final = 15.0
"""For how long a job waits before the page says how to start a worker."""

_HYPERPARAMETERS: Final = (
    ("training_steps", "Training steps"),
    ("epochs", "Epochs"),
    ("learning_rate", "Learning rate"),
    ("weight_decay", "Weight decay"),
    ("warmup_fraction", "Warm-up fraction"),
    ("seq_len", "Sequence length"),
)


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list."""

    job: JobRow
    title: str
    status: StatusWords
    step: int
    steps: int | None
    train_loss: float | None
    valid_loss: float | None

    @property
    def is_running(self) -> bool:
        """Whether it trains right now."""
        return bool(self.job.status == Status.RUNNING)


@dataclass(frozen=True, slots=True)
class JobList:
    """A page of jobs. `version` changes when anything on it does."""

    lines: Sequence[JobLine]
    total: int
    page: int
    version: str

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def is_live(self) -> bool:
        """Whether something on the page will change by itself."""
        return any(not is_over(line.job.status) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    words: EventWords
    at: datetime


@dataclass(frozen=True, slots=True)
class JobPage:
    """Everything about one job."""

    line: JobLine
    learning: Learning
    events: Sequence[Event]
    problems: Sequence[str]
    warnings: Sequence[str]
    failure: str
    training_files: Sequence[tuple[FileRow, float]]
    validation_files: Sequence[FileRow]
    test_files: Sequence[FileRow]
    hyperparameters: Sequence[tuple[str, Any]]
    facts: Mapping[str, Any]
    seconds_left: float | None
    started_at: datetime | None
    ended_at: datetime | None
    waits_long: bool
    version: str

    @property
    def can_start(self) -> bool:
        """Whether somebody may start it."""
        job = self.line.job
        return Status(job.status) == WAITING_TO_START.status and not job.started

    @property
    def can_cancel(self) -> bool:
        """Whether there is something left to cancel."""
        status = self.line.job.status
        return not is_over(status) and status != Status.CANCELLATION_REQUESTED

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return is_over(self.line.job.status)

    @property
    def seconds(self) -> float | None:
        """How long it has trained, or did."""
        if self.started_at is None:
            return None
        return ((self.ended_at or datetime.now(UTC)) - self.started_at).total_seconds()


def job_list(factory: Factory, wanted: JobFilter, page: int) -> JobList:
    """A page of jobs, counted from 1."""
    with factory.database.reading() as session:
        rows, total = list_jobs(session, wanted, page - 1, PAGE_SIZE)
        running = [row.id for row in rows if row.status == Status.RUNNING]
        latest = latest_checkpoints(session, running)
        lines = [_line(row, latest.get(row.id)) for row in rows]
    newest = max((row.modified_at for row in rows), default=datetime.fromtimestamp(0, UTC))
    return JobList(lines, total, page, f"{total}-{newest.timestamp():.6f}")


def job_page(factory: Factory, job_id: str) -> JobPage:
    """One job.

    Raises:
        NotFoundError: there is none.
    """
    with factory.database.reading() as session:
        return _page(session, get_job(session, job_id))


def losses(factory: Factory, job_id: str) -> list[JobCheckpointRow]:
    """All checkpoints of a job, oldest first.

    Raises:
        NotFoundError: there is no such job.
    """
    with factory.database.reading() as session:
        get_job(session, job_id)
        return checkpoints_of(session, job_id)[::-1]


def title_of(job: JobRow) -> str:
    """What a job is called: the suffix that somebody gave it, else the first digits of its id."""
    return job.suffix or f"Job {job.id[:8]}"


def _line(job: JobRow, latest: JobCheckpointRow | None) -> JobLine:
    return JobLine(
        job=job,
        title=title_of(job),
        status=status_words(job.status),
        step=latest.step if latest else 0,
        steps=_hyperparameters(job).get("training_steps"),
        train_loss=latest.train_loss if latest else None,
        valid_loss=(latest.valid_loss or None) if latest else None,
    )


def _page(session: Session, job: JobRow) -> JobPage:
    checkpoints = checkpoints_of(session, job.id)[::-1]
    events = events_of(session, job.id)
    line = _line(job, checkpoints[-1] if checkpoints else None)
    weights = {each["file_id"]: each["weight"] for each in job.training_files}
    files = files_by_id(session, job.file_ids)
    values = _hyperparameters(job)
    waiting = (datetime.now(UTC) - job.modified_at).total_seconds()
    return JobPage(
        line=line,
        learning=learning(checkpoints, line.steps, is_over=is_over(job.status)),
        events=[
            Event(event_words(each.name, each.data), each.created_at)
            for each in events
            if each.name != ESTIMATE
        ],
        seconds_left=_seconds_left(job, events),
        problems=[problem_words(each.data) for each in events if each.name == "faulty-row"],
        warnings=[
            str(each.data.get("message"))
            for each in events
            if each.name in ("rows-skipped", "duplicate-rows")
        ],
        failure=_failure(events),
        training_files=[(files[each], weights[each]) for each in weights if each in files],
        validation_files=[files[each] for each in job.validation_files or () if each in files],
        test_files=[files[each] for each in job.test_files or () if each in files],
        hyperparameters=[
            (words, values[name]) for name, words in _HYPERPARAMETERS if name in values
        ],
        facts=job.details,
        started_at=_moment_of(events, Status.RUNNING),
        ended_at=events[-1].created_at if events and is_over(job.status) else None,
        waits_long=job.status == Status.QUEUED and waiting > _SLOW_PICKUP_SECONDS,
        version=f"{job.status}-{job.modified_at.timestamp():.6f}-{line.step}",
    )


def _hyperparameters(job: JobRow) -> dict[str, Any]:
    return {**job.hyperparameters, **job.details.get("hyperparameters", {})}


def _seconds_left(job: JobRow, events: Sequence[JobEventRow]) -> float | None:
    """What the trainer last said, less the time since."""
    if job.status != Status.RUNNING:
        return None
    last = next((each for each in reversed(events) if each.name == ESTIMATE), None)
    if last is None or not isinstance(last.data.get("seconds"), int | float):
        return None
    since = (datetime.now(UTC) - last.created_at).total_seconds()
    return max(0.0, float(last.data["seconds"]) - since)


def _failure(events: Sequence[JobEventRow]) -> str:
    failed = (Status.FAILED, Status.FAILED_VALIDATION)
    return next(
        (
            str(each.data.get("message", ""))
            for each in reversed(events)
            if each.name == "status-updated" and each.data.get("status") in failed
        ),
        "",
    )


def _moment_of(events: Sequence[JobEventRow], status: Status) -> datetime | None:
    return next(
        (
            each.created_at
            for each in events
            if each.name == "status-updated" and each.data.get("status") == status
        ),
        None,
    )
