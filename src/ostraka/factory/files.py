"""Uploaded files: rows in the database, bytes in the object store.

The bytes are stored first and the row after them, so what has a row is whole. The same bytes
under the same name are one file.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ostraka.errors import AuthenticationError, NotFoundError
from ostraka.factory.base import Factory, new_uuid, now, secret
from ostraka.factory.batch_states import BATCH_FINAL
from ostraka.factory.states import FINAL
from ostraka.factory.tables import BatchRow, FileRow, JobRow
from ostraka.factory.uploads import JSONL, Upload, check_rows

_CHUNK: Final = 1 << 20
_MOST_DIGITS: Final = 12
"""Of a UNIX time in an address."""
SIGNING: Final = "signed-addresses"


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files to list; empty sequences and None leave everything in."""

    purpose: str | None = None
    sample_types: Sequence[str] = ()
    sources: Sequence[str] = ()
    mimetypes: Sequence[str] = ()
    search: str | None = None


def keep_file(factory: Factory, upload: Upload, stream: BinaryIO) -> FileRow:
    """Check and keep an uploaded file, or find the one that is there already.

    Raises:
        InvalidFileError: its rows cannot be used; names the first ones and why.
    """
    size, digest = _measure(stream)
    if (there := _found(factory, upload, digest)) is not None:
        return there
    lines = check_rows(upload, stream)
    row = _row(upload, size, digest, lines)
    stream.seek(0)
    factory.objects.put(row.object_key, iter(lambda: stream.read(_CHUNK), b""))
    try:
        with factory.database.writing() as session:
            session.expire_on_commit = False
            session.add(row)
    except IntegrityError:  # somebody uploaded the same at the same time
        factory.objects.delete(row.object_key)
        if (there := _found(factory, upload, digest)) is None:
            raise
        return there
    return row


def get_file(session: Session, file_id: str) -> FileRow:
    """The file.

    Raises:
        NotFoundError: there is none, or it was deleted or has expired.
    """
    row = session.get(FileRow, file_id)
    if row is None or not is_there(row, now()):
        raise NotFoundError(f"No file has the id '{file_id}'.")
    return row


def is_there(row: FileRow, moment: datetime) -> bool:
    """Whether a file is neither deleted nor expired."""
    return row.deleted_at is None and (row.expires_at is None or row.expires_at > moment)


def list_files(
    session: Session, wanted: FileFilter, page: int, page_size: int
) -> tuple[list[FileRow], int]:
    """A page of files, newest first, and how many there are in all."""
    condition = and_(*_conditions(wanted))
    order = (FileRow.created_at.desc(), FileRow.id.desc())
    found = session.scalars(
        select(FileRow).where(condition).order_by(*order).offset(page * page_size).limit(page_size)
    )
    total = session.scalar(select(func.count()).select_from(FileRow).where(condition))
    return list(found), total or 0


def files_after(
    session: Session, wanted: FileFilter, after: str | None, limit: int, oldest_first: bool
) -> tuple[list[FileRow], bool]:
    """Files that follow the one with the id `after`, and whether more follow them.

    Raises:
        NotFoundError: no file has the id `after`.
    """
    conditions = _conditions(wanted)
    if after is not None:
        mark = get_file(session, after)
        older = or_(
            FileRow.created_at < mark.created_at,
            and_(FileRow.created_at == mark.created_at, FileRow.id < mark.id),
        )
        newer = or_(
            FileRow.created_at > mark.created_at,
            and_(FileRow.created_at == mark.created_at, FileRow.id > mark.id),
        )
        conditions.append(newer if oldest_first else older)
    columns = (FileRow.created_at, FileRow.id)
    order = columns if oldest_first else tuple(column.desc() for column in columns)
    found = list(
        session.scalars(select(FileRow).where(and_(*conditions)).order_by(*order).limit(limit + 1))
    )
    return found[:limit], len(found) > limit


def delete_file(factory: Factory, file_id: str) -> None:
    """Delete a file. Jobs that are not done yet keep its bytes until they are.

    Raises:
        NotFoundError: there is none.
    """
    with factory.database.writing() as session:
        row = session.get(FileRow, file_id, with_for_update=True)
        if row is None or not is_there(row, now()):
            raise NotFoundError(f"No file has the id '{file_id}'.")
        row.deleted_at = now()
    purge_files(factory)


def purge_files(factory: Factory) -> int:
    """Remove the bytes of deleted and expired files that no unfinished job needs."""
    with factory.database.reading() as session:
        gone = or_(FileRow.deleted_at.is_not(None), FileRow.expires_at <= now())
        candidates = session.scalars(select(FileRow).where(gone, FileRow.purged_at.is_(None)))
        needed = _needed(session)
        unneeded = [(row.id, row.object_key) for row in candidates if row.id not in needed]
    for file_id, key in unneeded:
        factory.objects.delete(key)
        with factory.database.writing() as session:
            row = session.get_one(FileRow, file_id)
            row.purged_at = now()
            row.deleted_at = row.deleted_at or row.expires_at
    return len(unneeded)


def sign(factory: Factory, file_id: str, expires: int) -> str:
    """The signature under which a file may be fetched until `expires`, a UNIX time."""
    with factory.database.writing() as session:
        get_file(session, file_id)
        key = secret(session, SIGNING)
    return _signature(key, file_id, expires)


def check_signature(factory: Factory, file_id: str, expires: str, signature: str) -> None:
    """Whether a signed address may be fetched now.

    Raises:
        AuthenticationError: it has expired, or was not made here.
    """
    is_moment = expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS
    moment = int(expires) if is_moment else 0
    with factory.database.writing() as session:
        key = secret(session, SIGNING)
    expected = _signature(key, file_id, moment).encode()
    if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
        raise AuthenticationError("The signature of this address is wrong.")
    if moment <= now().timestamp():
        raise AuthenticationError("This address has expired; ask for a new one.")


def _signature(key: str, file_id: str, expires: int) -> str:
    message = f"{file_id}\n{expires}".encode()
    return hmac.new(bytes.fromhex(key), message, hashlib.sha256).hexdigest()


def _measure(stream: BinaryIO) -> tuple[int, str]:
    size, state = 0, hashlib.sha256()
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        state.update(chunk)
    return size, state.hexdigest()


def _found(factory: Factory, upload: Upload, digest: str) -> FileRow | None:
    """The file with this name, these bytes and this purpose; it expires no sooner than asked."""
    wanted = select(FileRow).where(
        FileRow.filename == upload.filename,
        FileRow.sha256 == digest,
        FileRow.purpose == upload.purpose,
        FileRow.deleted_at.is_(None),
    )
    with factory.database.writing() as session:
        session.expire_on_commit = False
        row = session.scalar(wanted.with_for_update())
        if row is None:
            return None
        if not is_there(row, now()):  # makes room for the new one; its bytes go with a purge
            row.deleted_at = row.expires_at
            return None
        if row.expires_at is not None:
            asked = upload.expires_at
            row.expires_at = None if asked is None else max(asked, row.expires_at)
        return row


def _row(upload: Upload, size: int, digest: str, lines: int | None) -> FileRow:
    file_id = new_uuid()
    return FileRow(
        id=file_id,
        created_at=now(),
        filename=upload.filename,
        bytes=size,
        sha256=digest,
        purpose=upload.purpose,
        sample_type="batch_request" if upload.purpose == "batch" else "instruct",
        source="upload",
        num_lines=lines,
        mimetype="application/jsonl"
        if upload.filename.lower().endswith(JSONL)
        else "application/octet-stream",
        visibility=upload.visibility,
        object_key=f"files/{file_id}",
        expires_at=upload.expires_at,
    )


def _conditions(wanted: FileFilter) -> list[ColumnElement[bool]]:
    alive = or_(FileRow.expires_at.is_(None), FileRow.expires_at > now())
    conditions: list[ColumnElement[bool]] = [FileRow.deleted_at.is_(None), alive]
    if wanted.purpose is not None:
        conditions.append(FileRow.purpose == wanted.purpose)
    for column, values in (
        (FileRow.sample_type, wanted.sample_types),
        (FileRow.source, wanted.sources),
        (FileRow.mimetype, wanted.mimetypes),
    ):
        if values:
            conditions.append(column.in_(values))
    if wanted.search:
        conditions.append(FileRow.filename.icontains(wanted.search, autoescape=True))
    return conditions


def _needed(session: Session) -> set[str]:
    """Ids of the files that unfinished jobs and batches name."""
    unfinished = select(JobRow).where(JobRow.status.not_in([str(status) for status in FINAL]))
    needed: set[str] = set()
    for job in session.scalars(unfinished):
        needed |= set(job.file_ids)
    open_batches = select(BatchRow.input_files).where(
        BatchRow.status.not_in([str(status) for status in BATCH_FINAL])
    )
    for files in session.scalars(open_batches):
        needed |= set(files)
    return needed
