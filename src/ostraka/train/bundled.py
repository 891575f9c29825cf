"""Make the classifier that ships with the package: `ostraka train bundled`.

Both stages are trained on the `train` parts of the folders given and fitted (calibration,
thresholds, bands) on their `dev` parts; sets that exist for evaluation are left out of both.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ostraka.assess.encoder import EncoderModel
from ostraka.assess.lexical import LexicalModel
from ostraka.errors import DataError
from ostraka.train.bundle import (
    StagePart,
    choose_bands,
    choose_threshold,
    fit_calibration,
    write_lexical,
    write_manifest,
)
from ostraka.train.data import EVALUATION_ONLY, Table, digest_files, find_parts, read_folder
from ostraka.train.encoder import export_onnx, fit_encoder
from ostraka.train.lexical import fit_lexical
from ostraka.train.recipe import Recipe, sample, weigh

Report = Callable[[str, int, int, float], None]
Floats = NDArray[np.float32]

PRECISION: Final = 0.9
RISK: Final = 0.02
EXCLUDED: Final = EVALUATION_ONLY | {"germeval2018", "hh-harmless-test"}
"""Sources that are not English or not labelled, besides those for evaluation only."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    part: StagePart
    thresholds: Floats


def train_bundled(
    folders: Sequence[Path],
    output: Path,
    recipe: Recipe,
    *,
    base: str = "minilm",
    with_encoder: bool = True,
    report: Report = lambda stage, step, steps, loss: None,
) -> None:
    """Train, calibrate and write an artefact into `output`.

    `report(stage, step, steps, loss)` is called after every step. The same files, recipe and
    versions of the libraries give the same bytes with one thread.

    Raises:
        DataError: no rows under `folders`, or a file that cannot be read.
    """
    train = _read(folders, "train", recipe)
    held_out = _read(folders, "dev", recipe)
    weights, bias = fit_lexical(
        train, recipe.lexical, seed=recipe.seed, report=lambda *step: report("lexical", *step)
    )
    write_lexical(output, weights, bias)
    with np.load(output / "lexical.npz", allow_pickle=False) as arrays:
        lexical = LexicalModel(arrays["weights"].astype(np.float32), arrays["bias"])
    stages = [_fit("lexical", ["lexical.npz"], lexical.logits(held_out.texts), held_out, {})]
    if with_encoder:
        model, tokenizer = fit_encoder(
            sample(train, recipe),
            recipe.encoder,
            seed=recipe.seed,
            base=base,
            report=lambda *step: report("encoder", *step),
        )
        export_onnx(model, tokenizer, output)
        stages.append(fit_encoder_stage(output, held_out, int(recipe.encoder["tokens"])))
    write_artefact(output, recipe, stages, folders)


def fit_encoder_stage(output: Path, held_out: Table, tokens: int) -> _Fitted:
    """Calibrate the exported encoder in `output`."""
    encoder = EncoderModel(
        output / "encoder.onnx",
        output / "tokenizer.json",
        tokens=tokens,
        threads=torch.get_num_threads(),
    )
    names = ["encoder.onnx", "tokenizer.json"]
    return _fit("encoder", names, encoder.logits(held_out.texts), held_out, {"tokens": tokens})


def write_artefact(
    output: Path, recipe: Recipe, stages: Sequence[_Fitted], folders: Sequence[Path]
) -> None:
    """The manifest over the stages that lie in `output`; thresholds are those of the last."""
    now = datetime.datetime.now(datetime.UTC)
    files = [path for path in find_parts(folders, "train") if path.parent.name not in EXCLUDED]
    write_manifest(
        output,
        name="ostraka",
        created=int(
            datetime.datetime(now.year, now.month, now.day, tzinfo=datetime.UTC).timestamp()
        ),
        categories=recipe.categories,
        not_modelled=recipe.not_modelled,
        thresholds=dict(zip(recipe.categories, stages[-1].thresholds, strict=True)),
        stages=[stage.part for stage in stages],
        provenance={"seed": recipe.seed, "data": digest_files(files)},
    )


def _read(folders: Sequence[Path], part: str, recipe: Recipe) -> Table:
    rows = read_folder(folders, part, exclude=EXCLUDED)
    useful = [row for row in rows if any(c in recipe.categories for c in row.labels)]
    if not useful:
        raise DataError(f"no labelled rows in {part}.jsonl under {', '.join(map(str, folders))}")
    return weigh(useful, recipe)


def _fit(
    name: str, files: Sequence[str], logits: Floats, held_out: Table, options: dict[str, Any]
) -> _Fitted:
    labels = held_out.labels
    calibration = fit_calibration(logits, labels, np.ones_like(held_out.weights))
    probabilities = calibration(logits)
    thresholds = np.array(
        [
            choose_threshold(
                probabilities[known, column],
                labels[known, column],
                np.ones(int(known.sum()), np.float32),
                PRECISION,
            )
            for column, known in enumerate((~np.isnan(labels)).T)
        ],
        np.float32,
    )
    low, high = choose_bands(probabilities, labels, thresholds, RISK)
    return _Fitted(StagePart(name, files, calibration, low, high, options), thresholds)
