"""What a job's own process is to do, as the file that it is given."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ostraka.assess.targets import LossFunction
from ostraka.train.examples import GivenTarget

TASK_FILE: Final = "task.json"
WORK_FOLDER: Final = "work"
MODEL_FOLDER: Final = "model"
LOG_FILE: Final = "log"


class Purpose(StrEnum):
    """What to do with the data."""

    VALIDATE = "validate"
    TRAIN = "train"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows: where its copy lies, how its owner calls it, how much its rows count."""

    path: str
    name: str
    sha256: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that the process needs to know."""

    purpose: Purpose
    job_id: str
    base: str
    training: tuple[DataFile, ...]
    validation: tuple[DataFile, ...]
    test: tuple[DataFile, ...]
    targets: tuple[GivenTarget, ...]
    skip_share: float
    hyperparameters: Mapping[str, Any]
    threads: int = 1
    tracking: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    known_steps: int = 0
    """Checkpoints up to this step are recorded; an attempt before this one made them."""

    def write(self, folder: Path) -> None:
        """Into the working folder."""
        (folder / TASK_FILE).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Task":
        """Out of the working folder."""
        raw = json.loads((folder / TASK_FILE).read_text("utf-8"))
        return cls(
            **raw
            | {
                "purpose": Purpose(raw["purpose"]),
                "training": tuple(DataFile(**each) for each in raw["training"]),
                "validation": tuple(DataFile(**each) for each in raw["validation"]),
                "test": tuple(DataFile(**each) for each in raw["test"]),
                "targets": tuple(_target(each) for each in raw["targets"]),
            }
        )


def given_target(raw: Mapping[str, Any]) -> GivenTarget:
    """What a job's request states of a target."""
    return _target({field: raw[field] for field in ("name", "labels", "weight", "loss_function")})


def _target(raw: Mapping[str, Any]) -> GivenTarget:
    loss = raw["loss_function"]
    return GivenTarget(
        raw["name"], tuple(raw["labels"]), LossFunction(loss) if loss else None, raw["weight"]
    )
