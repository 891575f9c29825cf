"""Make the classifier that ships with the package: `ostraka train bundled`.

Both models are trained on the `train` parts of the folders given; calibration, thresholds and
bands are fitted on their `dev` parts. Sets that exist for evaluation are left out of both.
"""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ostraka.assess.artefact import DOUBTFUL
from ostraka.assess.combination import Combination
from ostraka.assess.encoder import EncoderModel
from ostraka.assess.lexical import LexicalModel, LexicalWeights
from ostraka.errors import DataError
from ostraka.train.bundle import (
    StagePart,
    benign_rows,
    choose_bands,
    choose_doubt,
    choose_thresholds,
    fit_calibration,
    write_manifest,
)
from ostraka.train.data import SET_ASIDE, Row
from ostraka.train.encoder import fit_encoder
from ostraka.train.hard_negatives import MENTIONS, SOURCE, hard_negatives, mentions
from ostraka.train.lexical import fit_lexical
from ostraka.train.onnx_export import export_onnx
from ostraka.train.provenance import describe_sources
from ostraka.train.recipe import Recipe, balance, sample, weigh
from ostraka.train.sources import read_sources

_FILES: Final = {"lexical": ("lexical.npz",), "encoder": ("encoder.onnx", "tokenizer.json")}
"""The models in the order of the cascade, and their files; each stage uses all models up to its
own."""

Report = Callable[[str, int, int, float], None]
Floats = NDArray[np.float32]


def train_bundled(
    folders: Sequence[Path],
    output: Path,
    recipe: Recipe,
    *,
    base: str = "minilm",
    stages: Sequence[str] = ("lexical", "encoder"),
    report: Report = lambda stage, step, steps, loss: None,
) -> None:
    """Train the models named in `stages`, and make an artefact of all that lie in `output`.

    A model that is not trained again keeps its files; with no `stages` only calibration,
    thresholds and bands are fitted. `report(stage, step, steps, loss)` is called after every
    step. The same files, recipe and versions of the libraries give the same bytes with one
    thread. An interrupted encoder run goes on where it was when started again.

    Raises:
        DataError: no rows under `folders`, or a file that cannot be read.
    """
    output.mkdir(parents=True, exist_ok=True)
    rows = training_rows(folders, recipe) if stages else []
    if "lexical" in stages:
        learnt = fit_lexical(
            balance(weigh(rows + _mentions(recipe), recipe), recipe.lexical["balance"]),
            recipe.lexical,
            seed=recipe.seed,
            report=lambda *step: report("lexical", *step),
        )
        learnt.save(output / "lexical.npz")
    if "encoder" in stages:
        train = weigh(rows, recipe)
        model, tokenizer = fit_encoder(
            [
                balance(sample(train, recipe, number), recipe.encoder["balance"])
                for number in range(recipe.encoder["rounds"])
            ],
            recipe.encoder,
            seed=recipe.seed,
            base=base,
            checkpoint=output / "encoder.checkpoint",
            report=lambda *step: report("encoder", *step),
        )
        export_onnx(model, tokenizer, output)
    make_artefact(output, recipe, folders)


def training_rows(folders: Sequence[Path], recipe: Recipe) -> list[Row]:
    """What both models learn from: the `train` parts and the recipe's hard negatives."""
    rows = _read(folders, "train", recipe)
    if SOURCE in recipe.sources:
        rows += hard_negatives(recipe.sources[SOURCE].rows, recipe.categories, recipe.seed)
    return rows


def _mentions(recipe: Recipe) -> list[Row]:
    """What only the lexical model learns from."""
    return mentions(recipe.categories, recipe.seed) if MENTIONS in recipe.sources else []


def make_artefact(output: Path, recipe: Recipe, folders: Sequence[Path]) -> None:
    """Fit what stands around the models in `output` on the `dev` parts; write the manifest."""
    held_out = weigh(_read(folders, "dev", recipe), recipe)
    labels, texts = held_out.labels, held_out.texts
    weights = LexicalWeights.load(output / "lexical.npz")
    lexical = LexicalModel(weights, recipe.pooling)
    inputs = [lexical.logits(texts)]
    combinations: list[Combination | None] = [None]
    if (output / "encoder.onnx").exists():
        inputs.append(_encoder(output, recipe).logits(texts))
        shares = lexical_shares(recipe)
        combinations.append(Combination.mean([shares, 1.0 - shares]))
    stacked = [each(inputs) if each else inputs[0] for each in combinations]
    calibrations = [fit_calibration(each, labels) for each in stacked]
    scores = [fit(each) for fit, each in zip(calibrations, stacked, strict=True)]
    decisions = recipe.decisions
    thresholds = choose_thresholds(
        scores[-1],
        labels,
        precision=decisions["precision"],
        benign=benign_rows(labels),
        most_false=decisions["most_false"],
    )
    bands = [
        choose_bands(
            each,
            scores[-1],
            thresholds,
            benign=benign_rows(labels),
            risk=decisions["risk"],
            ceiling=_ceilings(recipe),
        )
        for each in scores[:-1]
    ]
    bands.append(choose_doubt(scores[-1], labels, thresholds, decisions["doubt"]))
    names = list(_FILES)[: len(inputs)]
    stages = [
        StagePart(
            name,
            models=names[: index + 1],
            files=[file for used in names[: index + 1] for file in _FILES[used]],
            combination=combinations[index],
            calibration=calibrations[index],
            low=bands[index][0],
            high=bands[index][1],
            options=_options(name, recipe),
        )
        for index, name in enumerate(names)
    ]
    write_manifest(
        output,
        name="ostraka",
        created=_midnight(),
        categories=recipe.categories,
        not_modelled=recipe.not_modelled,
        thresholds=dict(zip(recipe.categories, thresholds, strict=True)),
        stages=stages,
        provenance=_provenance(folders, recipe),
    )


def _ceilings(recipe: Recipe) -> Floats:
    """Per category, what the lexical stage may at most find probable of a text that it settles."""
    usual = recipe.decisions["ceiling"]
    return np.array([recipe.ceilings.get(str(c), usual) for c in recipe.categories], np.float32)


def _options(stage: str, recipe: Recipe) -> dict[str, Any]:
    """How a stage reads long texts."""
    options: dict[str, Any] = {
        "averaged": list(recipe.averaged),
        "discounted": list(recipe.discounted),
        "length_discount": recipe.length_discount,
    }
    if stage == "encoder":
        options |= {"tokens": int(recipe.encoder["tokens"]), "windows": DOUBTFUL}
    return options


def lexical_shares(recipe: Recipe) -> Floats:
    """Per category, how much of the encoder stage's logit is the lexical model's."""
    special = recipe.encoder["lexical_shares"]
    usual = recipe.encoder["lexical_share"]
    return np.array([special.get(str(c), usual) for c in recipe.categories], np.float32)


def _provenance(folders: Sequence[Path], recipe: Recipe) -> dict[str, Any]:
    rows = _read(folders, "train", recipe)
    return {
        "seed": recipe.seed,
        "sources": describe_sources(folders, rows, exclude=SET_ASIDE),
    }


def _encoder(folder: Path, recipe: Recipe) -> EncoderModel:
    return EncoderModel(
        folder / "encoder.onnx",
        folder / "tokenizer.json",
        tokens=int(recipe.encoder["tokens"]),
        threads=torch.get_num_threads(),
        pooling=recipe.pooling,
    )


def _midnight() -> int:
    """The day as a UNIX time, so that two runs of a day give the same bytes."""
    today = datetime.datetime.now(datetime.UTC).date()
    return int(datetime.datetime(*today.timetuple()[:3], tzinfo=datetime.UTC).timestamp())


def _read(folders: Sequence[Path], part: str, recipe: Recipe) -> list[Row]:
    rows = read_sources(folders, part, exclude=SET_ASIDE)
    useful = [row for row in rows if any(c in recipe.categories for c in row.labels)]
    if not useful:
        raise DataError(f"no labelled rows in the part '{part}' of {', '.join(map(str, folders))}")
    return useful
