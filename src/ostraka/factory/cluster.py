"""A job's own process on a Ray cluster, with the face of one on the worker's machine.

The folder travels to whatever node has room, the same process runs there as would here, and its
messages come back one by one. So does its work, now and then: a node that is lost costs no more
than a worker that is. When this worker dies, Ray ends what it started.
"""

import io
import os
import queue
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import ray

from ostraka.factory.logs import MOST_BYTES, tail
from ostraka.factory.running import Child, Launch, take_from
from ostraka.factory.tasks import LOG_FILE, MODEL_FOLDER, WORK_FOLDER, Task
from ostraka.settings import Settings

_WORK: Final = "work"
_MODEL: Final = "model"
_LOG: Final = "log"
_ENDED: Final = "ended"
_LOOK_SECONDS: Final = 0.2
_WORK_SECONDS: Final = 10.0
"""How often the work of a node comes back, if it has changed."""
_LOST: Final = -9

_connecting = threading.Lock()


class ClusterChild:
    """Started with its working folder; its messages come out of `take`."""

    def __init__(self, folder: Path, settings: Settings, launch: Launch) -> None:
        self._folder = folder
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._status = _LOST
        self.last_words = ""
        self._lock = threading.Lock()
        self._killed = False
        self._answers: Any = None
        # Joining a cluster takes seconds, in which the job can be cancelled.
        self._reader = threading.Thread(target=self._read, args=(settings, launch), daemon=True)
        self._reader.start()

    def take(self, seconds: float) -> list[dict[str, Any]] | None:
        """What it said within `seconds`, maybe nothing; None once it has ended and said it all."""
        return take_from(self._messages, seconds)

    def kill(self) -> None:
        """End it at once, wherever it runs; what was not yet sent there never is."""
        with self._lock:
            self._killed = True
            sent = self._answers is not None
        if sent and self._reader.is_alive():
            # Nobody waits for the end: Ray takes its time to tell of a worker that it has killed.
            ray.cancel(self._answers, force=True)

    def wait(self) -> int:
        """Its exit status; negative if it was ended or its node was lost."""
        self._reader.join()
        return self._status

    def _read(self, settings: Settings, launch: Launch) -> None:
        try:
            connect(settings.ray_address)
            parcel = ray.put(packed(self._folder))
            with self._lock:
                if self._killed:
                    return
                self._answers = _send(parcel, settings, launch)
            for answer in self._answers:
                message = ray.get(answer)
                if self._killed:
                    return
                if "parcel" in message:
                    unpack(message["parcel"], self._folder)
                elif message["kind"] == _LOG:
                    (self._folder / LOG_FILE).write_bytes(message["log"])
                elif message["kind"] == _ENDED:
                    self._status, self.last_words = message["status"], message["last_words"]
                else:
                    self._messages.put(message)
        except (ray.exceptions.RayError, ConnectionError, OSError) as error:
            # Ended, its node is gone, or no cluster answers; the folder may be gone with the job.
            self.last_words = str(error)
        finally:
            self._messages.put(None)


def _send(parcel: Any, settings: Settings, launch: Launch) -> Any:
    task = ray.remote(num_cpus=launch.threads, num_gpus=settings.ray_gpus)(_run)
    # Never repeated by Ray: another attempt is the worker's business, under a lease of its own.
    return task.options(max_retries=0, num_returns="streaming").remote(parcel, launch)


def connect(address: str) -> None:
    """Join the cluster at `address`; with none, one of this machine alone is started.

    Raises:
        ConnectionError: no cluster answers there.
    """
    with _connecting:
        if ray.is_initialized():
            return
        outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        threading.Thread(target=_join, args=(address, outcome), daemon=True).start()
        if (failure := outcome.get()) is not None:
            raise ConnectionError(f"No Ray cluster answers: {failure}") from failure


def _join(address: str, outcome: queue.SimpleQueue[Exception | None]) -> None:
    """In a thread that never ends: Ray's own processes end with the thread that started them."""
    alone: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(
            address=address or "local",
            namespace="ostraka",
            log_to_driver=False,
            configure_logging=False,
            **({} if address else alone),
        )
    except (OSError, RuntimeError, ValueError) as error:
        outcome.put(error)
        return
    outcome.put(None)
    threading.Event().wait()


def packed(folder: Path, *names: str) -> bytes:
    """What a folder holds, or of it what lies under `names`, as one parcel."""
    parcel = io.BytesIO()
    with tarfile.open(fileobj=parcel, mode="w") as archive:
        for path in _files(folder, names or (".",)):
            try:
                archive.add(path, arcname=path.relative_to(folder))
            except FileNotFoundError:  # a temporary name that was renamed while we looked
                continue
    return parcel.getvalue()


def unpack(parcel: bytes, folder: Path) -> None:
    """Put what a parcel holds into a folder, each file whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        arrived = Path(scratch)
        with tarfile.open(fileobj=io.BytesIO(parcel)) as archive:
            archive.extractall(arrived, filter="data")
        for path in _files(arrived, (".",)):
            target = folder / path.relative_to(arrived)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)


def _files(folder: Path, names: Sequence[str]) -> list[Path]:
    return sorted(path for name in names for path in (folder / name).rglob("*") if path.is_file())


def _run(parcel: bytes, launch: Launch) -> Iterator[dict[str, Any]]:
    """On the node: the same process as on the worker's machine, its messages and its work."""
    with tempfile.TemporaryDirectory(prefix="ostraka-job-") as scratch:
        folder = Path(scratch)
        unpack(parcel, folder)
        _moved_to(folder)
        child = Child(folder, launch)
        try:
            sent, next_look = "", time.monotonic() + _WORK_SECONDS
            while (said := child.take(_LOOK_SECONDS)) is not None:
                # Ray sends into its generators, and `yield from` a list has no ear for that.
                for message in said:  # noqa: UP028
                    yield message
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + _WORK_SECONDS
                    yield _log(folder)
                    if (state := _state(folder / WORK_FOLDER)) != sent:
                        sent = state
                        yield {"kind": _WORK, "parcel": packed(folder, WORK_FOLDER)}
            status = child.wait()
            yield _log(folder)
            if (folder / MODEL_FOLDER).is_dir():
                yield {"kind": _MODEL, "parcel": packed(folder, MODEL_FOLDER)}
            yield {"kind": _ENDED, "status": status, "last_words": child.last_words}
        finally:
            child.kill()


def _log(folder: Path) -> dict[str, Any]:
    return {"kind": _LOG, "log": tail(folder / LOG_FILE, MOST_BYTES)}


def _moved_to(folder: Path) -> None:
    """Let the task name its files where they lie now."""
    task = Task.read(folder)

    def here(path: str) -> str:
        return str(folder / "data" / Path(path).name)

    replace(
        task,
        training=tuple(replace(each, path=here(each.path)) for each in task.training),
        validation=tuple(replace(each, path=here(each.path)) for each in task.validation),
    ).write(folder)


def _state(folder: Path) -> str:
    """Changes whenever a file of the folder does."""
    try:
        return "".join(f"{each.name} {each.stat().st_mtime_ns} " for each in _files(folder, (".",)))
    except FileNotFoundError:  # renamed while we looked: it has changed
        return ""
