"""A classifier on disk: a folder with a manifest, the files of its stages, no pickle.

    manifest.json      categories, thresholds; per stage its models, how they are combined,
                       files with digests, calibration, bands
    lexical.npz        weights of the lexical model
    encoder.onnx       the encoder's graph, with tokenizer.json (both optional)
    adapted-1.npz      a lexical model of an operator's own texts, one column (optional)

Every file's SHA-256 is checked when the folder is loaded.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from ostraka.assess.breach import Breach
from ostraka.assess.calibration import Calibration
from ostraka.assess.cascade import Bands
from ostraka.assess.combination import Combination
from ostraka.assess.encoder import Doubt, EncoderModel
from ostraka.assess.lexical import LexicalModel, LexicalWeights
from ostraka.assess.pooling import Pooling
from ostraka.assess.stage import Model, Stage
from ostraka.errors import ArtefactError
from ostraka.taxonomy import Category

FORMAT: Final = 2
MANIFEST: Final = "manifest.json"
DOUBTFUL: Final = "doubtful"
"""The option `windows` of a stage that reads long texts by the doubts of the stage before."""
ADAPTED: Final = "adapted-"
"""What the names of models begin with that learnt from an operator's own texts."""


def bundled_artefact_folder() -> Path:
    """Where the classifier that ships with the package lies."""
    return Path(str(files("ostraka.assess").joinpath("bundled")))


def stage_digest(
    stage: Mapping[str, Any],
    categories: tuple[Category, ...],
    before: Mapping[str, Any] | None = None,
) -> str:
    """Hex SHA-256 of all that decides a stage's scores: files, calibration, column order; and the
    stage `before` it, where that decides what is read.
    """
    state = {
        "categories": list(categories),
        "files": stage["files"],
        "models": stage["models"],
        "combination": stage.get("combination"),
        "calibration": stage["calibration"],
        "options": stage.get("options", {}),
    }
    if stage.get("breaches"):
        state["breaches"] = stage["breaches"]
    if before is not None and _reads_by_doubt(stage):
        state["before"] = [stage_digest(before, categories), before["bands"]]
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Artefact:
    """A loaded classifier. `created` is a UNIX time in seconds."""

    name: str
    created: int
    categories: tuple[Category, ...]
    not_modelled: tuple[Category, ...]
    thresholds: Mapping[Category, float]
    stages: tuple[Stage, ...]
    bands: Mapping[str, Bands]
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> "Artefact":
        """Read, check and load the artefact in `folder`.

        Raises:
            ArtefactError: a file is missing, was changed, or the format is not ours.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            if manifest["format"] != FORMAT:
                raise ArtefactError(
                    f"{folder}: format {manifest['format']}, this version reads {FORMAT}"
                )
            categories = tuple(Category(name) for name in manifest["categories"])
            for stage in manifest["stages"]:
                _check_files(folder, stage["files"])
            return cls(
                name=manifest["name"],
                created=int(manifest["created"]),
                categories=categories,
                not_modelled=tuple(Category(name) for name in manifest["not_modelled"]),
                thresholds={Category(n): float(t) for n, t in manifest["thresholds"].items()},
                stages=_load_stages(folder, manifest, categories, threads),
                bands={stage["name"]: _bands(stage) for stage in manifest["stages"]},
                manifest=manifest,
            )
        except OSError as error:
            raise ArtefactError(f"{folder} is no classifier: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactError(f"{folder / MANIFEST} cannot be read ({error!r})") from error


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    for name, digest in expected.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != digest:
            raise ArtefactError(f"{folder / name} was changed: its digest is not the manifest's")


def _bands(stage: Mapping[str, Any]) -> Bands:
    return Bands(
        np.asarray(stage["bands"]["low"], np.float32),
        np.asarray(stage["bands"]["high"], np.float32),
    )


def _load_stages(
    folder: Path, manifest: Mapping[str, Any], categories: tuple[Category, ...], threads: int
) -> tuple[Stage, ...]:
    """The stages; a model that several of them use is loaded once."""
    loaded: dict[str, Model] = {}
    stages: list[Stage] = []
    before: Mapping[str, Any] | None = None
    for raw in manifest["stages"]:
        doubt = _doubt(stages[-1], _bands(before)) if before and _reads_by_doubt(raw) else None
        for name in raw["models"]:
            if name not in loaded:
                loaded[name] = _load_model(folder, name, raw["options"], categories, threads, doubt)
        combination = raw.get("combination")
        stages.append(
            Stage(
                raw["name"],
                [loaded[name] for name in raw["models"]],
                Combination.from_json(combination) if combination else None,
                Calibration.from_json(raw["calibration"]),
                categories,
                stage_digest(raw, categories, before),
                [Breach.from_json(each, categories) for each in raw.get("breaches", ())],
            )
        )
        before = raw
    return tuple(stages)


def _reads_by_doubt(stage: Mapping[str, Any]) -> bool:
    """Whether a stage reads only those windows of long texts that the one before is unsure of."""
    return bool(stage.get("options", {}).get("windows") == DOUBTFUL)


def _doubt(stage: Stage, bands: Bands) -> Doubt:
    return lambda texts: bands.doubts(stage.assess(texts))


def _load_model(
    folder: Path,
    name: str,
    options: Mapping[str, Any],
    categories: tuple[Category, ...],
    threads: int,
    doubt: Doubt | None,
) -> Model:
    pooling = _pooling(options, categories)
    match name:
        case "lexical":
            weights = LexicalWeights.load(folder / "lexical.npz")
            return LexicalModel(weights, pooling)
        case str() if name.startswith(ADAPTED):
            # Windows vote: few of a text's words were seen, and one alone says little.
            weights = LexicalWeights.load(folder / f"{name}.npz")
            return LexicalModel(weights, Pooling(averaged=(0,)))
        case "encoder":
            return EncoderModel(
                folder / "encoder.onnx",
                folder / "tokenizer.json",
                tokens=int(options["tokens"]),
                threads=threads,
                pooling=pooling,
                doubt=doubt,
            )
        case other:
            raise ArtefactError(f"unknown model '{other}' in {folder / MANIFEST}")


def _pooling(options: Mapping[str, Any], categories: tuple[Category, ...]) -> Pooling:
    def columns(key: str) -> tuple[int, ...]:
        return tuple(categories.index(Category(each)) for each in options.get(key, ()))

    rate = float(options.get("length_discount", 0.0))
    return Pooling(columns("averaged"), columns("discounted"), rate)
