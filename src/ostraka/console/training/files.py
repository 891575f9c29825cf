"""Lists of files and single files, as the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostraka.console.training.jobs import title_of
from ostraka.factory.base import Factory
from ostraka.factory.files import FileFilter, get_file, list_files
from ostraka.factory.jobs import get_job
from ostraka.factory.lookups import files_by_id
from ostraka.factory.tables import FileRow

PAGE_SIZE: Final = 25


@dataclass(frozen=True, slots=True)
class FileList:
    """A page of files."""

    files: Sequence[FileRow]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class FilePage:
    """One file."""

    file: FileRow


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The files of a job, each with what it is for."""

    id: str
    title: str
    files: Sequence[tuple[str, FileRow]]


def file_list(factory: Factory, purpose: str | None, search: str | None, page: int) -> FileList:
    """A page of files, counted from 1."""
    with factory.database.reading() as session:
        wanted = FileFilter(purpose=purpose, search=search)
        rows, total = list_files(session, wanted, page - 1, PAGE_SIZE)
    return FileList(rows, total, page)


def file_page(factory: Factory, file_id: str) -> FilePage:
    """One file.

    Raises:
        NotFoundError: there is none.
    """
    with factory.database.reading() as session:
        return FilePage(get_file(session, file_id))


def job_files(factory: Factory, job_id: str) -> JobFiles:
    """The files of a job, in its order.

    Raises:
        NotFoundError: there is no such job.
    """
    with factory.database.reading() as session:
        job = get_job(session, job_id)
        rows = files_by_id(session, job.file_ids)
        roles = [("training", each["file_id"]) for each in job.training_files]
        roles += [("validation", each) for each in job.validation_files or ()]
        roles += [("test", each) for each in job.test_files or ()]
        files = [(role, rows[each]) for role, each in roles if each in rows]
        return JobFiles(job.id, title_of(job), files)
