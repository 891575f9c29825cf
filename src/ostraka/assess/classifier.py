"""A classifier that somebody trained: texts to scores of the labels of its targets.

It lies in a folder, with no pickle in it:

    manifest.json      targets, thresholds, calibration, digests of the other files, provenance
    lexical.npz        the weights of a lexical classifier, or
    encoder.onnx       the graph of an encoder, with tokenizer.json
    model-card.md, report/*.png, metrics.json

Every digest in the manifest is checked when the folder is loaded. The same folder gives a text
the same scores in any batch, on any day.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.encoder import EncoderModel
from ostraka.assess.lexical import LexicalModel, LexicalWeights
from ostraka.assess.pooling import Pooling
from ostraka.assess.target_calibration import TargetCalibration
from ostraka.assess.targets import LossFunction, Target, columns
from ostraka.errors import ArtefactError

FORMAT: Final = 1
KIND: Final = "classifier"
MANIFEST: Final = "manifest.json"
MODEL_FILES: Final = {
    "lexical": ("lexical.npz",),
    "encoder": ("encoder.onnx", "tokenizer.json"),
}
"""The files of each kind of model."""

Floats = NDArray[np.float32]


class WindowModel(Protocol):
    """Texts to raw logits of their windows: long texts are read in overlapping stretches."""

    def window_logits(self, texts: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
        """Logits (windows, columns) in text order, and how many windows each text has (texts,)."""
        ...


@dataclass(frozen=True, slots=True)
class TargetScores:
    """What a classifier says of one text and one target.

    `scores` by label; `predictions` is the most likely label of a `single_class` target, of a
    `multi_class` one every label that reaches its threshold.
    """

    scores: Mapping[str, float]
    predictions: Sequence[str]


class Classifier:
    """A loaded model folder. Safe to share between threads.

    `digest` is the SHA-256 of all that decides scores and predictions; `base` names the trainer
    it came from.
    """

    def __init__(
        self,
        model: WindowModel,
        calibration: TargetCalibration,
        thresholds: Mapping[str, Mapping[str, float]],
        manifest: Mapping[str, Any],
    ) -> None:
        self._model = model
        self._calibration = calibration
        self._lowest = _lowest(calibration.targets, thresholds)
        self.targets = calibration.targets
        self.manifest = manifest
        self.base = str(manifest["base"])
        self.digest = content_digest(manifest)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> "Classifier":
        """Read, check and load the classifier in `folder`.

        Raises:
            ArtefactError: a file is missing or was changed, or the format is not ours.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            if (manifest["kind"], manifest["format"]) != (KIND, FORMAT):
                raise ArtefactError(
                    f"{folder}: {manifest['kind']} of format {manifest['format']}, "
                    f"this version reads a {KIND} of format {FORMAT}"
                )
            targets = tuple(Target.from_json(raw) for raw in manifest["targets"])
            calibration = TargetCalibration.from_json(manifest["calibration"], targets)
            thresholds = _thresholds(manifest["thresholds"], targets)
            _check_files(folder, manifest)
            return cls(
                load_model(folder, manifest["model"], calibration.width, threads),
                calibration,
                thresholds,
                manifest,
            )
        except OSError as error:
            raise ArtefactError(f"{folder} is no classifier: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(f"{folder / MANIFEST} cannot be read ({error!r})") from error

    def logits(self, texts: Sequence[str]) -> Floats:
        """Raw logits (len(texts), labels of all targets side by side); see `pooled`."""
        if not texts:
            return np.empty((0, self._calibration.width), np.float32)
        return pooled(*self._model.window_logits(texts), self.targets)

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities (len(texts), labels of all targets side by side)."""
        return self._calibration(self.logits(texts))

    def predicted(self, probabilities: Floats) -> NDArray[np.bool_]:
        """Which labels `probabilities` amount to, as `TargetScores` says; of their shape."""
        found: NDArray[np.bool_] = probabilities >= self._lowest
        for target, place in zip(self.targets, columns(self.targets).values(), strict=True):
            if target.loss_function is LossFunction.SINGLE_CLASS:
                best = probabilities[:, place].argmax(axis=1)
                found[np.arange(len(best)), place.start + best] = True
        return found

    def predict(self, texts: Sequence[str]) -> list[dict[str, TargetScores]]:
        """Per text and target, the scores and what they amount to. Any string is a legal text."""
        answers: list[dict[str, TargetScores]] = [{} for _ in texts]
        probabilities = self.probabilities(texts)
        predicted = self.predicted(probabilities)
        for target, place in zip(self.targets, columns(self.targets).values(), strict=True):
            name, labels = target.name, target.labels
            rows = zip(probabilities[:, place].tolist(), predicted[:, place].tolist(), strict=True)
            for answer, (scores, hits) in zip(answers, rows, strict=True):
                shown = dict(zip(labels, scores, strict=True))
                answer[name] = TargetScores(shown, list(compress(labels, hits)))
        return answers


def pooled(logits: Floats, counts: NDArray[np.int64], targets: Sequence[Target]) -> Floats:
    """Logits of texts (texts, columns) from those of their windows, `counts` of each text.

    A label of a `multi_class` target takes the highest of any window, labels that exclude one
    another take the mean.
    """
    averaged: list[int] = []
    for target, place in zip(targets, columns(targets).values(), strict=True):
        if target.loss_function is LossFunction.SINGLE_CLASS:
            averaged.extend(range(place.start, place.stop))
    return Pooling(tuple(averaged)).pool(logits, counts)


def load_model(folder: Path, model: Mapping[str, Any], width: int, threads: int) -> WindowModel:
    """The model whose files lie in `folder`; `model` is what a manifest says of it.

    Raises:
        ArtefactError: an unknown kind, or not `width` columns.
    """
    match model["kind"]:
        case "lexical":
            weights = LexicalWeights.load(folder / "lexical.npz")
            if weights.weights.shape[1] != width:
                raise ArtefactError(
                    f"{folder}: {weights.weights.shape[1]} columns of weights for {width} labels"
                )
            return LexicalModel(weights)
        case "encoder":
            return EncoderModel(
                folder / "encoder.onnx",
                folder / "tokenizer.json",
                tokens=int(model["tokens"]),
                threads=threads,
            )
        case other:
            raise ArtefactError(f"unknown model '{other}' in {folder / MANIFEST}")


def content_digest(manifest: Mapping[str, Any]) -> str:
    """Hex SHA-256 of all in a manifest that decides scores and predictions."""
    names = MODEL_FILES[manifest["model"]["kind"]]
    state = {name: manifest[name] for name in ("format", "targets", "thresholds", "calibration")}
    state["model"] = manifest["model"]
    state["files"] = {name: manifest["files"][name] for name in names}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    kind = manifest["model"]["kind"]
    if kind not in MODEL_FILES:
        raise ArtefactError(f"unknown model '{kind}' in {folder / MANIFEST}")
    missing = [name for name in MODEL_FILES[kind] if name not in manifest["files"]]
    if missing:
        raise ArtefactError(f"{folder / MANIFEST} has no digest of {missing[0]}")
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ArtefactError(f"{folder / MANIFEST} names a file outside its folder")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise ArtefactError(f"{path} was changed: its digest is not the manifest's")


def _thresholds(
    raw: Mapping[str, Mapping[str, float]], targets: Sequence[Target]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for target in targets:
        if target.loss_function is LossFunction.MULTI_CLASS:
            found[target.name] = {label: float(raw[target.name][label]) for label in target.labels}
            if not all(0.0 <= threshold <= 1.0 for threshold in found[target.name].values()):
                raise ValueError(f"a threshold of '{target.name}' is not between 0 and 1")
    return found


def _lowest(
    targets: Sequence[Target], thresholds: Mapping[str, Mapping[str, float]]
) -> NDArray[np.float64]:
    """The least probability of a predicted label (columns,); none where labels exclude one another.

    Of double precision, as thresholds are written: a score is compared with what is shown.
    """
    lowest = np.full(sum(len(target.labels) for target in targets), np.inf)
    for target, place in zip(targets, columns(targets).values(), strict=True):
        if target.loss_function is LossFunction.MULTI_CLASS:
            lowest[place] = [thresholds[target.name][label] for label in target.labels]
    return lowest
