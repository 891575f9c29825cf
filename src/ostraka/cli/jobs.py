"""`ostraka jobs …`: make training jobs, look at them, follow them, start and cancel them.

They stand in the database that the settings name, so a server need not run; a worker must.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.live import Live
from sqlalchemy.orm import Session

from ostraka.cli.console import ExitCode, answers, notices
from ostraka.cli.job_creation import JobOrder, make_job
from ostraka.cli.job_logs import print_happenings, print_process_log
from ostraka.cli.job_rendering import (
    plain_line,
    print_events,
    print_job,
    print_jobs,
    running_view,
)
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.factory.base import Factory
from ostraka.factory.jobs import (
    JobFilter,
    cancel_job,
    checkpoints_of,
    events_of,
    find_job,
    list_jobs,
    start_job,
)
from ostraka.factory.shapes import is_finished, show_job, show_job_details
from ostraka.factory.states import WAITING_TO_START, Status
from ostraka.settings import load_settings
from ostraka.storage.database import Database
from ostraka.train.trainer import DEFAULT_BASE

_POLL_SECONDS: Final = 0.5

app = typer.Typer(help="Make training jobs, look at them, follow, start and cancel them.")


@app.callback(no_args_is_help=True)
def _group() -> None:
    """Make training jobs, look at them, follow, start and cancel them."""


FILE: Final[dict[str, Any]] = {"exists": True, "dir_okay": False}
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
JobId = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id; its beginning is enough if unique.")
]


@app.command("list")
def list_command(
    status: Annotated[Status | None, typer.Option(help="Only jobs of this status.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this base model.")] = None,
    suffix: Annotated[str | None, typer.Option(help="Only jobs with this suffix.")] = None,
    page: Annotated[int, typer.Option(min=0, max=1_000_000, help="Page, counted from 0.")] = 0,
    page_size: Annotated[int, typer.Option(min=1, max=1000, help="Jobs per page.")] = 20,
    as_json: Json = False,
) -> None:
    """List training jobs, newest first.

    For example:

      ostraka jobs list
      ostraka jobs list --status RUNNING --json
    """
    wanted = JobFilter(model=model, status=status, suffix=suffix)
    with _database() as database, database.reading() as session:
        rows, total = list_jobs(session, wanted, page, page_size)
        jobs = [show_job(row) for row in rows]
    if as_json:
        typer.echo(json.dumps({"data": jobs, "object": "list", "total": total}))
    elif jobs:
        print_jobs(answers(), jobs, total, page * page_size)
    else:
        typer.echo("No such job." if total or status or model or suffix else "No job was made yet.")


@app.command()
def create(
    training: Annotated[
        list[Path],
        typer.Argument(metavar="TRAINING_FILE...", help="Labelled rows (JSONL).", **FILE),
    ],
    validation: Annotated[
        list[Path] | None, typer.Option(help="Rows to evaluate on; may be repeated.", **FILE)
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Rows to measure the model on at the end; may be repeated.", **FILE),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Base model: a name, a folder, or owner/name on the hub.")
    ] = DEFAULT_BASE,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over all rows.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its peak.")] = None,
    suffix: Annotated[str | None, typer.Option(help="Part of the model's name.")] = None,
    starts: Annotated[
        bool, typer.Option("--start/--no-start", help="Train as soon as the files are checked.")
    ] = True,
    watches: Annotated[bool, typer.Option("--watch", help="Follow it until it ends.")] = False,
    as_json: Json = False,
) -> None:
    """Make a training job of local files. A worker, or a server with one, does it.

    For example:

      ostraka jobs create training_file.jsonl --validation validation_file.jsonl --watch
      ostraka jobs create rows.jsonl --model ostraka-encoder --epochs 3 --no-start
    """
    asked = {"training_steps": steps, "epochs": epochs, "learning_rate": learning_rate}
    order = JobOrder(training, validation or [], test or [], model, suffix, starts, asked)
    factory = Factory.open(load_settings())
    try:
        job_id = make_job(factory, order)
        if watches:
            _watch(factory.database, job_id, as_json)
            return
        job = _job(factory.database, job_id)
    finally:
        factory.database.close()
    if as_json:
        typer.echo(json.dumps(job))
    else:
        typer.echo(f"{job['id']} is {job['status']}. Follow it: ostraka jobs watch {job['id'][:8]}")


@app.command()
def show(job_id: JobId, as_json: Json = False) -> None:
    """Show one job: what was asked, how it stands, its losses and events."""
    with _database() as database:
        job = _job(database, job_id)
    if as_json:
        typer.echo(json.dumps(job))
    else:
        print_job(answers(), job)


@app.command()
def logs(
    job_id: JobId,
    of_process: Annotated[
        bool, typer.Option("--process", help="What its process printed, instead of its events.")
    ] = False,
    follows: Annotated[bool, typer.Option("--follow", help="Go on until the job ends.")] = False,
    as_json: Json = False,
) -> None:
    """Print everything that happened to a job, oldest first; `--json` one event a line.

    For example:

      ostraka jobs logs cbe076ac --follow
      ostraka jobs logs cbe076ac --process
    """
    if of_process and as_json:
        raise InvalidInputError("a process prints text, no JSON", field="--json")
    with _database() as database:

        def look() -> tuple[dict[str, Any], bool]:
            job = _job(database, job_id)
            return job, _has_stopped(job)

        if of_process:
            print_process_log(Factory.open(load_settings(), database), look, follows=follows)
        else:
            print_happenings(look, follows=follows, as_json=as_json)


@app.command()
def watch(job_id: JobId) -> None:
    """Follow a job until it ends: progress, losses, events.

    The exit status is 0 if the job succeeded (or waits to be started) and 1 if it did not.
    Interrupting this leaves the job as it is.
    """
    with _database() as database:
        _watch(database, job_id, as_json=False)


@app.command()
def start(job_id: JobId, as_json: Json = False) -> None:
    """Start a job that was validated."""
    _change(job_id, start_job, as_json)


@app.command()
def cancel(job_id: JobId, as_json: Json = False) -> None:
    """Cancel a job: at once if it does not run, else within two seconds."""
    _change(job_id, cancel_job, as_json)


def print_outcome(job: dict[str, Any]) -> None:
    """What came of a job, and what to do next."""
    console = notices()
    match job["status"]:
        case Status.SUCCESS:
            console.print(f"Trained [bold]{job['fine_tuned_model']}[/].")
        case Status.VALIDATED:
            console.print(f"Its files are right. Start it: ostraka jobs start {job['id']}")
        case Status.FAILED | Status.FAILED_VALIDATION:
            print_events(console, [event for event in job["events"] if event["data"]][-3:])
        case other:
            console.print(f"The job is {other}.")


def _watch(database: Database, job_id: str, as_json: bool) -> None:
    job = _job(database, job_id)
    if as_json:
        while not _has_stopped(job):
            time.sleep(_POLL_SECONDS)
            job = _job(database, job["id"])
        typer.echo(json.dumps(job))
    else:
        job = _follow(database, job) if answers().is_terminal else _follow_in_log(database, job)
        print_outcome(job)
    if not _is_good(job):
        raise typer.Exit(ExitCode.FAILURE)


def _change(job_id: str, act: Any, as_json: bool) -> None:
    with _database() as database:
        with database.writing() as session:
            act(session, find_job(session, job_id).id)
        job = _job(database, job_id)
    if as_json:
        typer.echo(json.dumps(job))
    else:
        typer.echo(f"{job['id']} is {job['status']}.")


def _follow(database: Database, job: dict[str, Any]) -> dict[str, Any]:
    with Live(running_view(job), console=answers(), refresh_per_second=4) as live:
        while not _has_stopped(job):
            time.sleep(_POLL_SECONDS)
            job = _job(database, job["id"])
            live.update(running_view(job))
    return job


def _follow_in_log(database: Database, job: dict[str, Any]) -> dict[str, Any]:
    """A line whenever something changed."""
    last = ""
    while True:
        line = plain_line(job)
        if line != last:
            typer.echo(line)
            last = line
        if _has_stopped(job):
            return job
        time.sleep(_POLL_SECONDS)
        job = _job(database, job["id"])


def _has_stopped(job: dict[str, Any]) -> bool:
    """Whether nothing will happen to it by itself."""
    waits = job["status"] == WAITING_TO_START.status and not job["auto_start"]
    return waits or is_finished(job["status"])


def _is_good(job: dict[str, Any]) -> bool:
    return job["status"] in (Status.SUCCESS, Status.VALIDATED)


def _job(database: Database, job_id: str) -> dict[str, Any]:
    with database.reading() as session:
        return _details(session, job_id)


def _details(session: Session, job_id: str) -> dict[str, Any]:
    job = find_job(session, job_id)
    return show_job_details(job, events_of(session, job.id), checkpoints_of(session, job.id))


@contextmanager
def _database() -> Iterator[Database]:
    database = Database.at(load_settings().resolved_database_url)
    if not database.location.exists():
        raise NotFoundError("No job was made yet.")
    try:
        yield database
    finally:
        database.close()
