"""A classifier on disk: a folder with a manifest, the files of its stages, no pickle.

    manifest.json      categories, thresholds, per stage: files with digests, calibration, bands
    lexical.npz        weights (float16) and bias of the lexical stage
    encoder.onnx       the encoder's graph (optional, with tokenizer.json)

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

from ostraka.assess.base import Assessor
from ostraka.assess.calibration import Calibration
from ostraka.assess.cascade import Bands
from ostraka.assess.encoder import EncoderAssessor, EncoderModel
from ostraka.assess.lexical import LexicalAssessor, LexicalModel
from ostraka.errors import ArtefactError
from ostraka.taxonomy import Category

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


def bundled_artefact_folder() -> Path:
    """Where the classifier that ships with the package lies."""
    return Path(str(files("ostraka.assess").joinpath("bundled")))


def stage_digest(stage: Mapping[str, Any], categories: tuple[Category, ...]) -> str:
    """Hex SHA-256 of all that decides a stage's scores: files, calibration, column order."""
    state = {
        "categories": list(categories),
        "files": stage["files"],
        "calibration": stage["calibration"],
        "options": stage.get("options", {}),
    }
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Artefact:
    """A loaded classifier. `created` is a UNIX time in seconds."""

    name: str
    created: int
    categories: tuple[Category, ...]
    not_modelled: tuple[Category, ...]
    thresholds: Mapping[Category, float]
    stages: tuple[Assessor, ...]
    bands: Mapping[str, Bands]

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
                stages=tuple(
                    _load_stage(folder, stage, categories, threads) for stage in manifest["stages"]
                ),
                bands={stage["name"]: _bands(stage) for stage in manifest["stages"]},
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


def _load_stage(
    folder: Path, stage: Mapping[str, Any], categories: tuple[Category, ...], threads: int
) -> Assessor:
    digest = stage_digest(stage, categories)
    calibration = Calibration.from_json(stage["calibration"])
    match stage["name"]:
        case "lexical":
            with np.load(folder / "lexical.npz", allow_pickle=False) as arrays:
                model = LexicalModel(arrays["weights"].astype(np.float32), arrays["bias"])
            return LexicalAssessor(model, calibration, categories, digest)
        case "encoder":
            encoder = EncoderModel(
                folder / "encoder.onnx",
                folder / "tokenizer.json",
                tokens=int(stage["options"]["tokens"]),
                threads=threads,
            )
            return EncoderAssessor(encoder, calibration, categories, digest)
        case other:
            raise ArtefactError(f"unknown stage '{other}'")
