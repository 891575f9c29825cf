"""From labelled rows to a complete model folder: train, calibrate, evaluate, describe, write."""

import hashlib
import importlib.metadata
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.classifier import (
    FORMAT,
    KIND,
    MANIFEST,
    MODEL_FILES,
    Classifier,
    WindowModel,
    load_model,
    pooled,
)
from ostraka.assess.target_calibration import TargetCalibration
from ostraka.errors import DataError
from ostraka.train.classifier_evaluation import evaluate
from ostraka.train.classifier_fitting import choose_thresholds, fit_calibration
from ostraka.train.classifier_plots import write_plots
from ostraka.train.classifier_report import classifier_card
from ostraka.train.learning_curve import CURVE, LearningCurve
from ostraka.train.trainer import (
    Progress,
    Quiet,
    TrainedModel,
    TrainingOptions,
    is_main_process,
    trainer_for,
)
from ostraka.train.training_data import TrainingData, hold_out
from ostraka.train.whole_files import written_whole

_LIBRARIES: Final = ("ostraka", "numpy", "scipy", "scikit-learn", "torch", "onnxruntime")
_TEXTS_AT_A_TIME: Final = 1024


@dataclass(frozen=True, slots=True)
class _Split:
    train: TrainingData
    valid: TrainingData
    is_held_out: bool
    test: TrainingData | None


def train_classifier(
    data: TrainingData,
    valid: TrainingData | None,
    test: TrainingData | None,
    base: str,
    options: TrainingOptions,
    folder: Path,
    output: Path,
    progress: Progress,
    provenance: Mapping[str, Any],
    *,
    precision: float | None = None,
    known_steps: int = 0,
) -> dict[str, Any]:
    """Train on `data`, and write a model folder to `output`; returns its manifest.

    Without `valid`, a tenth of the rows, drawn by the seed, is held out in its stead; calibration
    and thresholds need rows that no weight has seen. `precision` chooses thresholds for it
    instead of for F1. `folder` is the working folder: with what it holds of the same training,
    this one goes on, and repeats to `progress` the checkpoints after step `known_steps`, up to
    which the one before it has told them for certain. The manifest is written last: an `output`
    without it is no model.

    Of the processes that a launcher started together, only the first one reports and writes
    anything; in the others the manifest is empty.

    Raises:
        DataError: too few rows, or a label that no target has.
    """
    if not is_main_process():
        split = _split(data, valid, test, options, Quiet())
        trainer_for(base).fit(split.train, split.valid, options, folder, Quiet())
        return {}
    split = _split(data, valid, test, options, progress)
    output.mkdir(parents=True, exist_ok=True)
    (output / MANIFEST).unlink(missing_ok=True)
    curve = LearningCurve(folder / CURVE, progress)
    try:
        curve.repeat(after=known_steps)
        trained = trainer_for(base).fit(split.train, split.valid, options, folder, curve)
    finally:
        curve.close()
    for name in MODEL_FILES[trained.model["kind"]]:
        with written_whole(output / name) as path:
            shutil.copyfile(trained.folder / name, path)
    progress.event("evaluating", {"rows": len(split.valid) + len(split.test or ())})
    fitted = _fit_outputs(split, output, trained, options, precision)
    report = _report(split, base, options, trained, fitted, provenance)
    _write_json(output / "metrics.json", report["metrics"])
    plots = write_plots(output / "report", report, curve.checkpoints)
    with written_whole(output / "model-card.md") as path:
        path.write_text(classifier_card(report, plots), "utf-8")
    names = ["metrics.json", "model-card.md", *plots, *MODEL_FILES[trained.model["kind"]]]
    manifest = report | {"files": {name: _digest(output / name) for name in sorted(names)}}
    _write_json(output / MANIFEST, manifest)
    Classifier.load(output)
    return manifest


def _split(
    data: TrainingData,
    valid: TrainingData | None,
    test: TrainingData | None,
    options: TrainingOptions,
    progress: Progress,
) -> _Split:
    if valid is not None and len(valid):
        return _Split(data, valid, False, test)
    train, held_out = hold_out(data, seed=options.seed)
    progress.event("validation-held-out", {"rows": len(held_out), "of": len(data)})
    return _Split(train, held_out, True, test)


@dataclass(frozen=True, slots=True)
class _Outputs:
    calibration: TargetCalibration
    thresholds: dict[str, dict[str, float]]
    metrics: dict[str, Any]


def _fit_outputs(
    split: _Split,
    output: Path,
    trained: TrainedModel,
    options: TrainingOptions,
    precision: float | None,
) -> _Outputs:
    """Calibration, thresholds and figures of what will be served, the exported model."""
    width = split.train.labels.shape[1]
    model = load_model(output, trained.model, width, options.threads)
    logits = _logits(model, split.valid)
    if not np.isfinite(logits).all():
        raise DataError("the trained model gives scores that are no numbers")
    calibration = fit_calibration(logits, split.valid.labels, split.valid.targets)
    calibration = TargetCalibration.from_json(calibration.to_json(), split.valid.targets)
    probabilities = calibration(logits)
    thresholds = choose_thresholds(
        probabilities, split.valid.labels, split.valid.targets, precision=precision
    )
    metrics = {"validation": evaluate(probabilities, split.valid, thresholds)}
    metrics["validation"]["held_out_of_training_rows"] = split.is_held_out
    if split.test is not None and len(split.test):
        seen = calibration(_logits(model, split.test))
        metrics["test"] = evaluate(seen, split.test, thresholds)
    return _Outputs(calibration, thresholds, metrics)


def _logits(model: WindowModel, data: TrainingData) -> NDArray[np.float32]:
    texts = data.texts
    return np.concatenate(
        [
            pooled(*model.window_logits(texts[start : start + _TEXTS_AT_A_TIME]), data.targets)
            for start in range(0, len(texts), _TEXTS_AT_A_TIME)
        ]
    )


def _report(
    split: _Split,
    base: str,
    options: TrainingOptions,
    trained: TrainedModel,
    fitted: _Outputs,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest without the digests of its files."""
    return {
        "format": FORMAT,
        "kind": KIND,
        "base": base,
        "created": int(time.time()),
        "model": dict(trained.model),
        "targets": [target.to_json() for target in split.train.targets],
        "thresholds": fitted.thresholds,
        "calibration": fitted.calibration.to_json(),
        "provenance": dict(provenance)
        | {
            "base_digest": trained.base_digest,
            "rows": {
                "train": len(split.train),
                "validation": len(split.valid),
                "test": len(split.test) if split.test is not None else 0,
            },
            "validation_held_out": split.is_held_out,
            "labels": _label_counts(split.train),
            "options": asdict(options),
            "steps": trained.steps,
            "trained_tokens": trained.trained_tokens,
            "facts": dict(trained.facts),
            "libraries": _library_versions(),
        },
        "metrics": fitted.metrics,
    }


def _label_counts(data: TrainingData) -> dict[str, dict[str, int]]:
    counts = (np.nan_to_num(data.labels) >= 0.5).sum(axis=0)
    return {
        target.name: {
            label: int(count)
            for label, count in zip(target.labels, counts[data.columns[target.name]], strict=True)
        }
        for target in data.targets
    }


def _library_versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value: Any) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", "utf-8")
