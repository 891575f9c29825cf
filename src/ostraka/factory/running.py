"""A job's own process, seen from the worker."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

from ostraka.errors import MissingExtraError, SettingsError
from ostraka.factory.logs import tail
from ostraka.factory.tasks import LOG_FILE, Purpose, Task
from ostraka.factory.tracking import environment_of
from ostraka.settings import Engine, Settings
from ostraka.train.trainer import LEXICAL

_LOG_TAIL: Final = 2000


Messages = queue.SimpleQueue[dict[str, Any] | None]
"""What a process said; None after its last word."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a job's process is started."""

    threads: int = 1
    launcher: tuple[str, ...] = ()
    """The program that starts it, maybe several times; none: Python alone."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it finds in its environment besides what the worker has."""

    @classmethod
    def of(cls, task: Task, settings: Settings) -> Self:
        """As the settings say; only an encoder's training can be shared by several processes."""
        is_shared = task.purpose is Purpose.TRAIN and task.base != LEXICAL
        launcher = tuple(settings.training_launcher) if is_shared else ()
        return cls(settings.training_threads, launcher, environment_of(settings))

    def command(self, folder: Path) -> list[str]:
        """The command line."""
        return [*(self.launcher or (sys.executable,)), "-m", "ostraka.factory.child", str(folder)]


class Running(Protocol):
    """A job's process, wherever it runs."""

    @property
    def last_words(self) -> str:
        """The end of its log."""

    def take(self, seconds: float) -> list[dict[str, Any]] | None:
        """What it said within `seconds`, maybe nothing; None once it has ended and said it all."""

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""

    def wait(self) -> int:
        """Its exit status; negative if something ended it."""


def start_child(folder: Path, settings: Settings) -> Running:
    """Start the task in `folder`, on this machine or, by the setting `engine`, on a cluster.

    Raises:
        MissingExtraError: a cluster is wanted and its client is not installed.
        SettingsError: a launcher is wanted and not there.
    """
    launch = Launch.of(Task.read(folder), settings)
    if settings.engine is Engine.LOCAL:
        return Child(folder, launch)
    try:
        from ostraka.factory.cluster import ClusterChild
    except ImportError as error:
        raise MissingExtraError("ray", "Training on a Ray cluster") from error
    return ClusterChild(folder, settings, launch)


def take_from(messages: Messages, seconds: float) -> list[dict[str, Any]] | None:
    """All messages that come within `seconds`; None if none will come any more."""
    until = time.monotonic() + seconds
    taken: list[dict[str, Any]] = []
    while True:
        try:
            message = messages.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return taken
        if message is None:
            messages.put(None)
            return taken or None
        taken.append(message)


class Child:
    """Started with its working folder; its messages come out of `take`."""

    def __init__(self, folder: Path, launch: Launch) -> None:
        self._folder = folder
        self._messages: Messages = queue.SimpleQueue()
        threads = {"OMP_NUM_THREADS": str(launch.threads), "TOKENIZERS_PARALLELISM": "false"}
        with (folder / LOG_FILE).open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    launch.command(folder),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=os.environ | threads | dict(launch.environment),
                )
            except FileNotFoundError:
                raise SettingsError(
                    f"setting 'training_launcher': there is no program '{launch.launcher[0]}'"
                ) from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def take(self, seconds: float) -> list[dict[str, Any]] | None:
        """What it said within `seconds`, maybe nothing; None once it has ended and said it all."""
        return take_from(self._messages, seconds)

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        # Those that a launcher started are no children of ours: they end when this closes.
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Its exit status; negative for the signal that ended it."""
        status = self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return status

    @property
    def last_words(self) -> str:
        """The end of its log."""
        content = tail(self._folder / LOG_FILE, _LOG_TAIL)
        return content.decode("utf-8", "replace").strip()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:  # a library printed something
                continue
            if isinstance(message, dict) and "kind" in message:
                self._messages.put(message)
        self._messages.put(None)
