"""What happened to a job, and what its process printed, to the end of it or as it goes on."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import typer

from ostraka.cli.console import answers
from ostraka.cli.job_rendering import event_line
from ostraka.factory.base import Factory
from ostraka.factory.logs import added, kept_log

_POLL_SECONDS: Final = 0.5

Look = Callable[[], tuple[dict[str, Any], bool]]
"""A job as it stands, and whether it has stopped."""


def print_happenings(look: Look, *, follows: bool, as_json: bool) -> None:
    """Print the events of a job, each once."""
    seen, console = 0, answers()
    for job in _states(look, follows=follows):
        for event in job["events"][seen:]:
            if as_json:
                typer.echo(json.dumps(event))
            else:
                console.print(event_line(event))
        seen = len(job["events"])


def print_process_log(factory: Factory, look: Look, *, follows: bool) -> None:
    """Print what the job's processes printed, each line once."""
    seen = ""
    for job in _states(look, follows=follows):
        kept = kept_log(factory, job["id"])
        typer.echo(added(seen, kept), nl=False)
        seen = kept


def _states(look: Look, *, follows: bool) -> Iterator[dict[str, Any]]:
    while True:
        job, has_stopped = look()
        yield job
        if has_stopped or not follows:
            return
        time.sleep(_POLL_SECONDS)
