"""The checkpoints of a training, kept beside its state so that a resumed run has all of them."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ostraka.train.trainer import Checkpoint, Progress

CURVE: Final = "curve.jsonl"
"""In the working folder. A step is written here before any state that has made it."""


class LearningCurve:
    """A `Progress` that writes checkpoints to a file and passes everything on."""

    def __init__(self, path: Path, listener: Progress) -> None:
        self._listener = listener
        self._steps = {each.step: each for each in _read(path)}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """All of them, of this process and those before it."""
        return [self._steps[step] for step in sorted(self._steps)]

    def repeat(self, after: int) -> None:
        """Pass on what processes before this one kept of the steps after `after`.

        What they told may have been lost with whoever listened, and a training that goes on from
        its state does not make these steps again.
        """
        for checkpoint in self.checkpoints:
            if checkpoint.step > after:
                self._listener.checkpoint(checkpoint)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep it and pass it on."""
        self._steps[checkpoint.step] = checkpoint
        self._file.write(json.dumps(asdict(checkpoint)) + "\n")
        self._file.flush()
        self._listener.checkpoint(checkpoint)

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Pass it on."""
        self._listener.event(name, data)

    def estimate(self, steps: int, seconds: float) -> None:
        """Pass it on."""
        self._listener.estimate(steps, seconds)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read(path: Path) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(Checkpoint(**json.loads(line)))
        except (ValueError, TypeError):
            continue  # the process ended while it wrote this line
    return found
