"""A job's folders on the worker's machine: one for each attempt, never shared by two."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ostraka.factory.base import Factory
from ostraka.factory.tables import FileRow, JobRow
from ostraka.factory.tasks import WORK_FOLDER, DataFile, Purpose, Task, given_target
from ostraka.factory.tracking import tracking_of
from ostraka.train.learning_curve import CURVE

_CHUNK: Final = 1 << 20
_ATTEMPT: Final = "attempt-"
_PARTIAL: Final = ".partial"
"""Added to the name of work that is still being copied: a worker may die half-way."""


def attempt_folder(factory: Factory, job_id: str, token: int) -> Path:
    """A new folder for an attempt, with the work of the last one in it, if there was one here."""
    job = factory.settings.data_dir / "jobs" / job_id
    job.mkdir(parents=True, exist_ok=True)
    folder = job / f"{_ATTEMPT}{token}"
    former = sorted((each for each in _attempts(job) if each != folder), key=_token)
    folder.mkdir(exist_ok=True)
    begun = [each / WORK_FOLDER for each in former if (each / WORK_FOLDER).is_dir()]
    if begun and not (folder / WORK_FOLDER).is_dir():
        _take_over(begun[-1], folder / WORK_FOLDER)
    for each in former:
        shutil.rmtree(each, ignore_errors=True)
    return folder.absolute()


def _take_over(former: Path, work: Path) -> None:
    """Copy the work of a former attempt, to be there as a whole or not at all.

    It is not moved: the former attempt may still be at it, with files open.
    """
    partial = work.with_name(f"{work.name}{_PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(former, partial, copy_function=_copy)
    # Again, and last: it then has every step of the state beside it.
    if (former / CURVE).is_file():
        _copy(str(former / CURVE), str(partial / CURVE))
    partial.rename(work)


def remove_folders(factory: Factory, job_id: str) -> None:
    """Remove what a job has left on this machine."""
    shutil.rmtree(factory.settings.data_dir / "jobs" / job_id, ignore_errors=True)


def write_task(
    factory: Factory,
    job: JobRow,
    files: dict[str, FileRow],
    purpose: Purpose,
    folder: Path,
    known_steps: int = 0,
) -> None:
    """Fetch a job's files into its folder, and write down what is to be done with them.

    Checkpoints of the job are recorded up to step `known_steps`.
    """
    data = folder / "data"
    data.mkdir(exist_ok=True)
    weights = {each["file_id"]: each["weight"] for each in job.training_files}

    def fetched(file_id: str) -> DataFile:
        row, path = files[file_id], data / file_id
        with factory.objects.open(row.object_key) as stream, path.open("wb") as copy:
            shutil.copyfileobj(stream, copy, _CHUNK)
        return DataFile(str(path), row.filename, row.sha256, weights.get(file_id, 1.0))

    task = Task(
        purpose=purpose,
        job_id=job.id,
        base=job.base,
        training=tuple(fetched(each) for each in weights),
        validation=tuple(fetched(each) for each in job.validation_files or ()),
        test=tuple(fetched(each) for each in job.test_files or ()),
        targets=tuple(given_target(each) for each in job.given_targets),
        skip_share=job.invalid_sample_skip_percentage,
        hyperparameters=job.hyperparameters,
        threads=factory.settings.training_threads,
        tracking=tracking_of(job, factory.settings),
        provenance={
            "job": job.id,
            "model": job.model,
            "files": _digests(files),
        },
        known_steps=known_steps,
    )
    task.write(folder)


def _digests(files: dict[str, FileRow]) -> dict[str, str]:
    """By name; of two files of one name the second is told by its id too."""
    digests: dict[str, str] = {}
    for row in files.values():
        taken = row.filename in digests
        digests[f"{row.filename} ({row.id[:8]})" if taken else row.filename] = row.sha256
    return digests


def bytes_in(folder: Path) -> int:
    """How much a folder holds."""
    return sum(_size(path) for path in folder.rglob("*"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # it went while we looked
        return 0


def _copy(source: str, target: str) -> str:
    try:
        return str(shutil.copy2(source, target))
    except FileNotFoundError:  # a temporary name that was renamed while we looked
        return target


def _attempts(job: Path) -> Iterator[Path]:
    return (each for each in job.glob(f"{_ATTEMPT}*") if each.is_dir())


def _token(folder: Path) -> int:
    digits = folder.name.removeprefix(_ATTEMPT)
    return int(digits) if digits.isdigit() else -1
