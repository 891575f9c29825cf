"""Fit a classifier to an operator's own labels: `ostraka adapt`.

The models stay as they are. Per category that the rows label often enough, each stage gets a
logistic regression over the logits of all its models and categories (stacked generalisation;
Wolpert, 1992), with its own calibration, threshold and bands; the others keep theirs. A model of
the operator's own words (`adapted_lexical`) helps to tell whether any rule is broken, for which
the likeliest of those categories answers. A few hundred rows do, and the outcome is a new artefact
with digests of its own.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.artefact import ADAPTED, Artefact
from ostraka.assess.lexical import LexicalWeights
from ostraka.errors import DataError
from ostraka.taxonomy import Category
from ostraka.train.adapted_lexical import fit_adapted_lexical
from ostraka.train.adapted_stage import FOLDS, breaches_of, fit_stage
from ostraka.train.bundle import (
    StagePart,
    choose_bands,
    choose_doubt,
    choose_thresholds,
    write_manifest,
)
from ostraka.train.data import Row, Table, tabulate
from ostraka.train.metrics import category_figures

Floats = NDArray[np.float32]

FEWEST: Final = 10
"""Positives and negatives, each, that a category needs before it is adapted."""
_DOUBT: Final = 0.15
"""A person should look where the last stage errs more often than this."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """What was done: categories by outcome, and figures on held-out rows before and after."""

    adapted: tuple[Category, ...]
    kept: tuple[Category, ...]
    fitted_rows: int
    held_out_rows: int
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _OwnWords:
    """The model of the operator's own words, its name, and its logits (rows,) for unseen rows."""

    name: str
    learnt: LexicalWeights
    unseen: Floats

    @property
    def file(self) -> str:
        return f"{self.name}.npz"


def split(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to fit on and rows held out, the latter `share` of each combination of labels."""
    random = np.random.default_rng(seed)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(c for c, v in row.labels.items() if v > 0.5)), []).append(
            row
        )
    fitted: list[Row] = []
    held_out: list[Row] = []
    for _, group in sorted(groups.items()):
        order = random.permutation(len(group))
        cut_at = round(share * len(group))
        held_out += [group[i] for i in order[:cut_at]]
        fitted += [group[i] for i in order[cut_at:]]
    return fitted, held_out


def adapt(
    base: Path,
    rows: Sequence[Row],
    output: Path,
    *,
    held_out: Sequence[Row],
    precision: float = 0.9,
    risk: float = 0.01,
    ceiling: float = 0.04,
    seed: int = 20261121,
    digests: dict[str, str] | None = None,
) -> Adapted:
    """Write into `output` the classifier in `base`, fitted to `rows`.

    `held_out` rows are only measured on. Thresholds are chosen for `precision` on predictions
    for rows that the fit did not see (cross-validation); `risk` and
    `ceiling` bound what the first stage may let pass alone.

    Raises:
        DataError: no category has `FEWEST` positives and negatives, or `output` exists.
        ArtefactError: `base` is no classifier.
    """
    artefact = Artefact.load(base)
    table = tabulate(rows, artefact.categories)
    columns = _adaptable(table)
    if not columns:
        raise DataError(
            f"no category has {FEWEST} positive and {FEWEST} negative rows to fit; "
            f"categories are {', '.join(artefact.categories)}"
        )
    if output.exists():
        raise DataError(f"{output} exists already; name another folder")
    own = _fit_own_words(artefact, table, seed)
    unseen = own.unseen if own else None
    fits = [fit_stage(stage, table, columns, unseen, seed) for stage in artefact.stages]
    thresholds = np.array([artefact.thresholds[c] for c in artefact.categories], np.float32)
    chosen = choose_thresholds(fits[-1].scores, table.labels, precision=precision)
    thresholds[columns] = chosen[columns]
    bands = _bands([fit.scores for fit in fits], table.labels, thresholds, risk, ceiling)
    manifest = artefact.manifest
    output.mkdir(parents=True)
    for name in {file for stage in manifest["stages"] for file in stage["files"]}:
        shutil.copyfile(base / name, output / name)
    if own:
        own.learnt.save(output / own.file)
    write_manifest(
        output,
        name=artefact.name,
        created=artefact.created,
        categories=artefact.categories,
        not_modelled=artefact.not_modelled,
        thresholds=dict(zip(artefact.categories, thresholds, strict=True)),
        stages=[
            StagePart(
                raw["name"],
                [*raw["models"], *([own.name] if own else [])],
                [*raw["files"], *([own.file] if own else [])],
                fit.combination,
                fit.calibration,
                low,
                high,
                raw["options"],
                fit.breaches,
            )
            for raw, fit, (low, high) in zip(manifest["stages"], fits, bands, strict=True)
        ],
        provenance=manifest["provenance"]
        | {"adapted_from": artefact.stages[-1].digest, "adapted_on": digests or {}},
    )
    names = artefact.categories
    return Adapted(
        adapted=tuple(names[i] for i in columns),
        kept=tuple(c for i, c in enumerate(names) if i not in columns),
        fitted_rows=len(rows),
        held_out_rows=len(held_out),
        before=_figures(artefact, held_out),
        after=_figures(Artefact.load(output), held_out),
    )


def _bands(
    scores: Sequence[Floats], labels: Floats, thresholds: Floats, risk: float, ceiling: float
) -> list[tuple[Floats, Floats]]:
    """Each stage's bands of doubt from all stages' scores (n, categories)."""
    benign = np.asarray(~(np.nan_to_num(labels) > 0.5).any(axis=1))
    bands = [
        choose_bands(each, scores[-1], thresholds, benign=benign, risk=risk, ceiling=ceiling)
        for each in scores[:-1]
    ]
    return [*bands, choose_doubt(scores[-1], labels, thresholds, _DOUBT)]


def _adaptable(table: Table) -> list[int]:
    positive = (table.labels > 0.5).sum(axis=0)
    negative = (table.labels <= 0.5).sum(axis=0)
    return np.flatnonzero((positive >= FEWEST) & (negative >= FEWEST)).tolist()


def _fit_own_words(artefact: Artefact, table: Table, seed: int) -> _OwnWords | None:
    """The model of the rows' own words; None where nearly all rows break a rule, or none does."""
    positive = breaches_of(table)
    fewer = int(min(positive.sum(), (~positive).sum()))
    if fewer < FEWEST:
        return None
    learnt, unseen = fit_adapted_lexical(table.texts, positive, folds=min(FOLDS, fewer), seed=seed)
    models = {name for stage in artefact.manifest["stages"] for name in stage["models"]}
    number = 1 + sum(name.startswith(ADAPTED) for name in models)
    return _OwnWords(f"{ADAPTED}{number}", learnt, unseen)


def _figures(artefact: Artefact, rows: Sequence[Row]) -> dict[str, Any]:
    """Per category and for any category, the figures of the last stage on `rows`."""
    if not rows:
        return {}
    scores = artefact.stages[-1].assess([row.text for row in rows])
    labels = tabulate(rows, artefact.categories).labels
    answer: dict[str, Any] = {}
    for column, category in enumerate(artefact.categories):
        found = category_figures(
            scores[:, column], labels[:, column], artefact.thresholds[category]
        )
        if found and found.positives:
            answer[category] = asdict(found)
    named = np.flatnonzero((~np.isnan(labels)).any(axis=0))
    any_label = np.array([float(any(v > 0.5 for v in row.labels.values())) for row in rows])
    figures = category_figures(scores[:, named].max(axis=1), any_label.astype(np.float32), 0.5)
    if figures:
        answer["any"] = asdict(figures)
    return answer
