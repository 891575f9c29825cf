"""What the process of a job prints: its log lies beside the files and models, one for each attempt.

It is copied while the process runs and once more when it has ended, so that it can be read from any
machine and outlives the job's folder. Of a long log the end is kept.
"""

import logging
import os
import time
from pathlib import Path
from typing import Final

from ostraka.errors import NotFoundError, StorageError
from ostraka.factory.base import Factory
from ostraka.factory.tasks import LOG_FILE, Purpose
from ostraka.train.trackers import own_secrets

MOST_BYTES: Final = 256 * 1024
"""Of one attempt."""
_EVERY_SECONDS: Final = 2.0
_ORDER: Final = {Purpose.VALIDATE: 1, Purpose.TRAIN: 2}
_KNOWN_BY: Final = 200
"""So many characters tell where two states of a log overlap."""

_log = logging.getLogger("ostraka.factory")


class LogKeeper:
    """Keeps the log of one attempt, which is written in `folder`."""

    def __init__(
        self, factory: Factory, job_id: str, purpose: Purpose, token: int, folder: Path
    ) -> None:
        self._factory = factory
        self._key = f"{_prefix(job_id)}{_ORDER[purpose]}-{purpose}-{token:06}"
        self._path = folder / LOG_FILE
        self._size = 0
        self._looked = time.monotonic()

    def keep(self, *, at_once: bool = False) -> None:
        """Copy the log if it has grown; a store that does not take it harms no job."""
        moment = time.monotonic()
        if not at_once and moment - self._looked < _EVERY_SECONDS:
            return
        self._looked = moment
        if not self._path.exists():  # a process on another machine has printed nothing yet
            return
        try:
            size = self._path.stat().st_size
            if size == self._size:
                return
            self._factory.objects.put(self._key, [_without_secrets(tail(self._path, MOST_BYTES))])
            self._size = size
        except (OSError, StorageError) as error:
            _log.warning("the log of %s is not kept: %s", self._key, error)


def kept_log(factory: Factory, job_id: str) -> str:
    """All that is kept of a job's processes, oldest first; empty if they printed nothing."""
    parts = []
    for key in factory.objects.list(_prefix(job_id)):
        try:
            parts.append(factory.objects.read(key).decode("utf-8", "replace"))
        except NotFoundError:  # removed since it was listed
            continue
    parts = [part for part in parts if part]
    before = [part if part.endswith("\n") else f"{part}\n" for part in parts[:-1]]
    return "".join([*before, *parts[-1:]])  # the last line may still grow


def added(before: str, after: str) -> str:
    """What `after` has that `before` did not, though the beginning of a long log is cut off."""
    if after.startswith(before):
        return after[len(before) :]
    known = before[-_KNOWN_BY:]
    place = after.rfind(known)
    return after if place < 0 else after[place + len(known) :]


def tail(path: Path, most: int) -> bytes:
    """The end of a file, from the beginning of a line if it is longer than that."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - most))
        content = log.read(most)
    return content if size <= most else content.partition(b"\n")[2] or content


def _without_secrets(content: bytes) -> bytes:
    for secret in own_secrets():
        content = content.replace(secret.encode(), b"***")
    return content


def _prefix(job_id: str) -> str:
    return f"logs/{job_id}/"
