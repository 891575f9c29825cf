"""Dry runs: what a job would take, without making it."""

import tempfile
from pathlib import Path
from typing import Any

from ostraka.errors import InvalidInputError, OperatorError
from ostraka.factory import messages
from ostraka.factory.base import Factory
from ostraka.factory.files import get_file
from ostraka.factory.folders import write_task
from ostraka.factory.jobs import draft
from ostraka.factory.plans import details_of
from ostraka.factory.requests import JobRequest
from ostraka.factory.running import Child, Launch
from ostraka.factory.tasks import Purpose


def estimate(
    factory: Factory, request: JobRequest, base: str, note: str | None
) -> tuple[dict[str, Any], list[str]]:
    """A job's metadata as they would be after its validation, and what is to be said of them.

    Raises:
        NotFoundError: a file is not there.
        InvalidInputError: the job's validation would fail; says why.
        OperatorError: the estimate itself failed.
    """
    with factory.database.reading() as session:
        job = draft(request, base)
        files = {file_id: get_file(session, file_id) for file_id in job.file_ids}
        session.expunge_all()
    with tempfile.TemporaryDirectory(prefix="ostraka-estimate-") as name:
        folder = Path(name)
        write_task(factory, job, files, Purpose.VALIDATE, folder)
        last = _run(folder, factory.settings.training_threads, factory.settings.request_seconds)
    if last is None:
        raise OperatorError("The estimate did not come in time, or its process was ended.")
    if last["kind"] == messages.FAILED:
        raise OperatorError(last["message"])
    if last["kind"] == messages.REJECTED:
        rows = [f"{row['file']}, row {row['row']}: {row['reason']}" for row in last.get("rows", ())]
        raise InvalidInputError("\n".join([last["message"], *rows[:3]]), code="rejected_rows")
    details = details_of(last["plan"], job.hyperparameters)
    *others, final = [f"{count} {which}" for which, count in last["rows"].items()]
    words = [f"{', '.join(others)} and {final} rows."]
    return details, [*words, note] if note else words


def _run(folder: Path, threads: int, seconds: float) -> dict[str, Any] | None:
    """The last message of the process, None if there is none."""
    child = Child(folder, Launch(threads))
    try:
        while (said := child.take(seconds)) is not None:
            for message in said:
                if message["kind"] in messages.LAST:
                    return message
            if not said:
                return None
        return None
    finally:
        child.kill()
