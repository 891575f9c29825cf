"""`ostraka jobs create`: local files into a training job."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostraka.errors import DataError, InvalidFileError
from ostraka.factory.base import Factory
from ostraka.factory.files import keep_file
from ostraka.factory.jobs import create_job
from ostraka.factory.requests import parse_job
from ostraka.factory.uploads import Upload, check_upload
from ostraka.train.trainer import resolve_base


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What the command line asks for; None leaves the choice to the trainer."""

    training: Sequence[Path]
    validation: Sequence[Path]
    test: Sequence[Path]
    model: str
    suffix: str | None
    starts: bool
    hyperparameters: dict[str, float | int | None]


def make_job(factory: Factory, order: JobOrder) -> str:
    """Keep the files as uploads are kept and make the job; returns its id.

    Raises:
        DataError: a file that no job could use; names it, the row and why.
        UnknownModelError: no base model of this name.
        InvalidFieldsError: a value that the API would refuse too.
        ConflictError: the same job is queued, validated or running already.
    """
    folder = Path(order.model)
    # A worker stands in another folder than whoever asks.
    model = str(folder.resolve()) if (folder / "config.json").is_file() else order.model
    base, note = resolve_base(model)
    body: dict[str, Any] = {
        "model": model,
        "training_files": [_kept(factory, path) for path in order.training],
        "validation_files": [_kept(factory, path) for path in order.validation] or None,
        "test_files": [_kept(factory, path) for path in order.test] or None,
        "hyperparameters": {
            name: value for name, value in order.hyperparameters.items() if value is not None
        },
        "suffix": order.suffix,
        "auto_start": order.starts,
    }
    request = parse_job(body)
    with factory.database.writing() as session:
        return create_job(session, request, base, note, key_id=None).id


def _kept(factory: Factory, path: Path) -> str:
    upload = Upload(path.name)
    try:
        check_upload(upload.filename, upload.purpose, upload.visibility)
        with path.open("rb") as stream:
            return keep_file(factory, upload, stream).id
    except InvalidFileError as error:
        raise DataError(f"{path}: {error.message}") from error
