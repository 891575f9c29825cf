"""What a trainer is: rows in, the files of a model out, one checkpoint reported per step.

Trainers are chosen by the name of their base model. This module needs no extra; a trainer's own
module is imported when it is asked for.
"""

import importlib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from ostraka.errors import MissingExtraError, UnknownModelError
from ostraka.train.training_data import TrainingData

LEXICAL: Final = "ostraka-lexical"
ENCODER: Final = "ostraka-encoder"
DEFAULT_BASE: Final = LEXICAL
"""Trains in seconds on any machine."""
_EXTRA: Final = ("matplotlib", "scipy", "sklearn", "torch")
"""Packages that no training can do without."""
_ALIASES: Final = re.compile(r"(open-)?(ministral|mistral|codestral|pixtral)[a-z0-9.-]*")
_PATH_SIGNS: Final = ("/", ".", "~", "\\")
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train. Names and defaults are those of the classifier-factory API.

    `training_steps` decides the length if it is given, then `epochs` (passes over all rows), then
    the trainer itself. `learning_rate` is the peak, reached after `warmup_fraction` of the steps
    and falling to 0 along a cosine; 1e-4 stands for what suits the base model, half of it for
    half as much. `weight_decay` shrinks weights by that share of the rate per step (AdamW).
    `seq_len` cuts off what is longer, in tokens of the trainer. `batch` (rows of one pass),
    `accumulation` (passes of one step), `patience` (evaluations without improvement before
    stopping; None: never) and `threads` are not part of that API.
    """

    training_steps: int | None = None
    epochs: float | None = None
    learning_rate: float = 1e-4
    weight_decay: float = 0.1
    warmup_fraction: float = 0.05
    seq_len: int | None = None
    seed: int = 0
    threads: int = 1
    batch: int | None = None
    accumulation: int = 1
    evaluation_every: int = 25
    patience: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training will be. Every epoch sees `data_tokens`, every step `tokens_per_step`."""

    steps: int
    tokens_per_step: int
    data_tokens: int
    expected_seconds: float

    @property
    def train_tokens(self) -> int:
        """The tokens of all steps."""
        return self.steps * self.tokens_per_step

    @property
    def epochs(self) -> float:
        """How often each row is seen."""
        return self.train_tokens / max(self.data_tokens, 1)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One step. `valid_loss` and `valid_accuracy` are 0.0 where nothing was evaluated."""

    step: int
    train_loss: float
    valid_loss: float = 0.0
    valid_accuracy: float = 0.0


class Progress(Protocol):
    """Who wants to hear how a training goes. After a resumption, steps may come again."""

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """A step was made."""
        ...

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Something worth a line in the job's events, as `name` and plain JSON values."""
        ...

    def estimate(self, steps: int, seconds: float) -> None:
        """The training has `steps` steps in all, and will go on for about `seconds`."""
        ...


class Quiet:
    """A `Progress` that nobody reads."""

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Nothing."""

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Nothing."""

    def estimate(self, steps: int, seconds: float) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What `Trainer.fit` leaves: the files of `ostraka.assess.classifier.MODEL_FILES` in `folder`.

    `model` is what the manifest says of it, `{"kind": "lexical"}` or
    `{"kind": "encoder", "tokens": …}`; `base_digest` is the SHA-256 of the base model's weights,
    if there is one. `steps` and `trained_tokens` are those really made; `facts` are further
    plain values for manifest and card (options chosen, parity of the export).
    """

    folder: Path
    model: Mapping[str, Any]
    steps: int
    trained_tokens: int
    base_digest: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Trainer(Protocol):
    """Trains one kind of model. The same rows, options and seed give the same model."""

    @property
    def base(self) -> str:
        """The name of the base model."""
        ...

    def plan(self, train: TrainingData, options: TrainingOptions) -> Plan:
        """What `fit` would do, from a look at the rows."""
        ...

    def fit(
        self,
        train: TrainingData,
        valid: TrainingData | None,
        options: TrainingOptions,
        folder: Path,
        progress: Progress,
    ) -> TrainedModel:
        """Train in the working folder `folder`, and go on from there if it holds a beginning.

        One checkpoint is reported per step, with validation every `evaluation_every` steps and at
        the last. What lies in the folder is whole at any moment.
        """
        ...


def resolve_base(
    name: str, *, default: str = DEFAULT_BASE, allow_folders: bool = True
) -> tuple[str, str | None]:
    """The base model that `name` stands for, and a note if that is another than it says.

    A name of Mistral's models stands for `default`. Other names are ours, `owner/name` on the
    Hugging Face hub, or a local folder if those are allowed.

    Raises:
        UnknownModelError: none of these.
    """
    if name in (LEXICAL, ENCODER):
        return name, None
    if _ALIASES.fullmatch(name):
        return default, f"'{name}' is not trained here; it stands for '{default}'"
    is_hub_name = _HUB_NAME.fullmatch(name) is not None
    if not allow_folders and (
        name.startswith(_PATH_SIGNS) or (is_hub_name and Path(name).exists())
    ):
        # Said of every path, so that nobody learns which ones there are.
        raise UnknownModelError(
            f"Invalid model: {name}. Folders are not taken as base models here; the setting "
            "base_model_folders allows them"
        )
    if is_hub_name or (allow_folders and (Path(name) / "config.json").is_file()):
        return name, None
    folders = "the folder of an encoder (with a config.json), " if allow_folders else ""
    raise UnknownModelError(
        f"Invalid model: {name}. Valid are {LEXICAL}, {ENCODER}, {folders}owner/name of an encoder "
        f"on the Hugging Face hub, and names of Mistral's models, which stand for {default}"
    )


def trainer_for(base: str) -> Trainer:
    """The trainer of a base model, as `resolve_base` names it.

    Raises:
        MissingExtraError: the `train` extra is not installed.
    """
    lexical = base == LEXICAL
    found = _needing_extra(
        "ostraka.train.lexical_trainer" if lexical else "ostraka.train.encoder_trainer"
    )
    trainer: Trainer = found.LexicalTrainer() if lexical else found.EncoderTrainer(base)
    return trainer


def check_training_extra() -> None:
    """See that training could run here, without the seconds that loading it takes.

    Raises:
        MissingExtraError: the `train` extra is not installed.
    """
    if not all(importlib.util.find_spec(package) for package in _EXTRA):
        raise MissingExtraError("train", "Training a classifier")


def training_module() -> ModuleType:
    """`ostraka.train.classifier_training`, for those who must do without the extra until then.

    Raises:
        MissingExtraError: the `train` extra is not installed.
    """
    return _needing_extra("ostraka.train.classifier_training")


def _needing_extra(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ostraka"):
            raise
        raise MissingExtraError("train", "Training a classifier") from error


def is_main_process() -> bool:
    """False in all but the first of the processes that a launcher started for one training."""
    return os.environ.get("RANK", "0") == "0"
