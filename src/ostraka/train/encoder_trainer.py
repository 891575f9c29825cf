"""Fine-tune a Hugging Face encoder for the targets of a data set, with a head for each of them.

`training_steps` and `epochs` say how long, `learning_rate` is the peak after `warmup_fraction` of
the steps, `weight_decay` spares biases and norms, `seq_len` is the most tokens of a row that are
read. With validation rows, the weights of the best evaluation are kept, and `patience` evaluations
without a better one end the run.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from ostraka.assess.targets import Target
from ostraka.errors import DataError
from ostraka.train.batches import TokenRows
from ostraka.train.encoder import EncoderClassifier
from ostraka.train.encoder_base import EncoderBase, load_base
from ostraka.train.encoder_run import EncoderRun, Rows, RunOptions, processor_threads
from ostraka.train.onnx_export import Trained, export_checked, model_logits
from ostraka.train.trainer import ENCODER, Plan, Progress, TrainedModel, TrainingOptions
from ostraka.train.training_data import TrainingData, fingerprint

DEFAULT_SEQ_LEN: Final = 256
MODEL: Final = "model"
CHECKPOINTS: Final = "checkpoints"
"""Folders inside the working folder."""
COMPARED_ROWS: Final = 256
"""Rows on which an export is held against the trained model."""
_MEASURED_STEPS: Final = 3


@dataclass(frozen=True, slots=True)
class _Work:
    """All that a run needs, made ready."""

    base: EncoderBase
    model: EncoderClassifier
    train: Rows
    options: RunOptions


class EncoderTrainer:
    """Trains the encoder `base`: our own, a local folder, or one of the hub.

    `rows_per_second` spares `plan` the measuring. `checkpoint_every` so many steps the state of
    the run is kept; `dropout` is that before the heads (the body has its own).
    """

    def __init__(
        self,
        base: str = ENCODER,
        *,
        rows_per_second: float | None = None,
        checkpoint_every: int = 100,
        dropout: float = 0.1,
    ) -> None:
        self.base = base
        self._rate = rows_per_second
        self._checkpoint_every, self._dropout = checkpoint_every, dropout
        self.is_main_process = True
        """False in all but one of the processes that `accelerate launch` started."""

    def plan(self, train: TrainingData, options: TrainingOptions) -> Plan:
        """How long a run would go on, by the stated rate or a few steps that are timed.

        Raises:
            ArtefactError: the base is no encoder.
        """
        work = self._prepare(train, options)
        size = work.options.batch * work.options.accumulation
        data_tokens = int(work.train.tokens.lengths.sum())
        if self._rate is not None:
            per_step = size / self._rate
        else:
            per_step = _seconds_per_step(work, train.targets)
        return Plan(
            steps=work.options.steps,
            tokens_per_step=max(1, round(data_tokens * size / len(train))),
            data_tokens=data_tokens,
            expected_seconds=work.options.steps * per_step,
        )

    def fit(
        self,
        train: TrainingData,
        valid: TrainingData | None,
        options: TrainingOptions,
        folder: Path,
        progress: Progress,
    ) -> TrainedModel:
        """Train, going on from the last checkpoint in `folder` if there is one, and export.

        Steps behind that checkpoint are made, and reported, again: with the same outcome.

        Raises:
            ArtefactError: the base is no encoder, or its export answers differently.
        """
        work = self._prepare(train, options)
        chosen = work.options.to_json()
        progress.event("training-options", {"training_steps": chosen.pop("steps"), **chosen})
        tokenizer, longest = work.base.tokenizer, work.options.seq_len
        held_out = Rows.of(valid, tokenizer, longest) if valid else None
        same = fingerprint(train, valid, work.base.digest, replace(work.options, threads=0))
        folder.mkdir(parents=True, exist_ok=True)
        with processor_threads(options.threads):
            run = EncoderRun(work.model, train.targets, work.train, held_out, work.options)
            self.is_main_process = run.accelerator.is_main_process
            standing, weights = run.run(folder / CHECKPOINTS, same, progress)
            # A fresh one: nothing of devices, precision or processes clings to it.
            model = load_base(self.base).classifier(work.train.labels.shape[1], self._dropout)
            model.load_state_dict(weights)
            model.eval()
            rows = (held_out or work.train).tokens
            facts = {"options": work.options.to_json(), "best_step": standing.best_step}
            if self.is_main_process:
                facts["export"] = _export(model, tokenizer, rows, train.targets, folder, progress)
        return TrainedModel(
            folder=folder / MODEL,
            model={"kind": "encoder", "tokens": longest},
            steps=standing.step,
            trained_tokens=standing.tokens,
            base_digest=work.base.digest,
            facts=facts,
        )

    def _prepare(self, train: TrainingData, options: TrainingOptions) -> _Work:
        """The same weights of the heads for the same seed."""
        # The tokenizer's threads are told by the environment alone.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", str(options.threads > 1).lower())
        if not len(train):
            raise DataError("there are no rows to train on")
        torch.manual_seed(options.seed)
        base = load_base(self.base)
        seq_len = min(options.seq_len or DEFAULT_SEQ_LEN, base.longest)
        rows = Rows.of(train, base.tokenizer, seq_len)
        chosen = RunOptions.of(options, len(train), seq_len, self._checkpoint_every)
        model = base.classifier(rows.labels.shape[1], self._dropout)
        return _Work(base, model, rows, chosen)


def _export(
    model: EncoderClassifier,
    tokenizer: Any,
    rows: TokenRows,
    targets: Sequence[Target],
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Write the files that are served; what the check against `model` on `rows` found."""
    compared = [rows[row] for row in range(min(len(rows), COMPARED_ROWS))]
    progress.event("exporting", {"compared_rows": len(compared)})
    trained = Trained(compared, model_logits(model, compared), targets)
    exported = export_checked(model, tokenizer, trained, folder / MODEL)
    if exported.refused is not None:
        progress.event("int8-refused", exported.refused.to_json())
    found = {"form": exported.form} | exported.parity.to_json()
    progress.event("exported", found)
    return found


def _seconds_per_step(work: _Work, targets: Sequence[Target]) -> float:
    """The mean of a few steps; the first one, which warms up, is not counted."""
    options = replace(work.options, steps=_MEASURED_STEPS + 1)
    with processor_threads(options.threads):
        run = EncoderRun(work.model, targets, work.train, None, options)
        run.step(0)
        started = time.perf_counter()
        for step in range(1, _MEASURED_STEPS + 1):
            run.step(step)
        return (time.perf_counter() - started) / _MEASURED_STEPS
