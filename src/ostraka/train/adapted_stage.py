"""One stage fitted to an operator's labelled rows, by regressions over the logits of its models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ostraka.assess.breach import Breach, log_odds
from ostraka.assess.calibration import Calibration
from ostraka.assess.combination import Combination, cut
from ostraka.assess.stage import Stage
from ostraka.train.bundle import logistic_map
from ostraka.train.data import Table

Floats = NDArray[np.float32]

FOLDS: Final = 5
_PENALTIES: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class AdaptedStage:
    """What a stage is made of after the fit, and its `scores` (rows, categories) of the rows.

    Those are by fits that did not see the row.
    """

    combination: Combination
    calibration: Calibration
    breaches: tuple[Breach, ...]
    scores: Floats


@dataclass(frozen=True, slots=True)
class _Linear:
    """A logit that is linear in some inputs: weights (inputs,), bias, and its values (rows,).

    The values of rows that it was fitted to are by fits that did not see them.
    """

    weights: Floats
    bias: float
    logits: Floats


def breaches_of(table: Table) -> NDArray[np.bool_]:
    """Which rows (rows,) break any rule."""
    return np.asarray((np.nan_to_num(table.labels) > 0.5).any(axis=1))


def fit_stage(
    stage: Stage, table: Table, columns: Sequence[int], own: Floats | None, seed: int
) -> AdaptedStage:
    """The stage with the categories of `columns` fitted anew; the others stay as they are.

    `own` (rows,) are logits of the operator's own words, of rows that were not learnt from: they
    become the stage's last input.
    """
    logits = [model.logits(table.texts) for model in stage.models]
    inputs = cut(logits)
    combination = stage.combination or Combination(
        np.eye(inputs.shape[1], dtype=np.float32), np.zeros(inputs.shape[1], np.float32)
    )
    weights, bias = combination.weights.copy(), combination.bias.copy()
    raw = combination(logits)
    maps = list(stage.calibration.maps)
    for column in columns:
        known = np.flatnonzero(~np.isnan(table.labels[:, column]))
        truth = table.labels[known, column] > 0.5
        fit = _fit(inputs, known, truth, seed)
        weights[:, column], bias[column], raw[:, column] = fit.weights, fit.bias, fit.logits
        maps[column] = logistic_map(raw[known, column], truth)
    if own is not None:  # no category weighs it by itself: there are too few positives of each
        weights = np.concatenate([weights, np.zeros_like(weights[:1])])
        inputs = np.column_stack([inputs, own])
    others = [each for each in range(raw.shape[1]) if each not in columns]
    former = [each.among(others, inputs.shape[1]) for each in stage.breaches]
    breaches = [each for each in former if each is not None]
    calibration = Calibration(maps)
    scores = calibration(raw)
    for each in breaches:
        scores = each(inputs, scores)
    if own is not None:
        breach, changed = _fit_breach(inputs, scores, table, columns, seed)
        if _tells(table, changed) > _tells(table, scores):
            breaches, scores = [*breaches, breach], changed
    return AdaptedStage(Combination(weights, bias), calibration, tuple(breaches), scores)


def _fit_breach(
    inputs: Floats, scores: Floats, table: Table, columns: Sequence[int], seed: int
) -> tuple[Breach, Floats]:
    """How likely any rule is broken, and `scores` with it.

    Fitted in two steps: first over all `inputs`, of which the own words' are the last, then over
    what that says, the own words again, and the highest score: a strong penalty on many inputs
    must not hold down the two that say most.
    """
    truth, every = breaches_of(table), np.arange(len(inputs))
    models = _fit(inputs[:, :-1], every, truth, seed)
    highest = log_odds(scores[:, list(columns)].max(axis=1))
    facts = np.column_stack([models.logits, inputs[:, -1], highest])
    last = LogisticRegression(max_iter=2000).fit(facts, truth)
    of_models, of_words, of_highest = last.coef_[0].tolist()
    breach = Breach(
        tuple(columns),
        np.append(of_models * models.weights, of_words).astype(np.float32),
        of_highest,
        float(last.intercept_[0]) + of_models * models.bias,
    )
    return breach, breach.with_logits(last.decision_function(facts).astype(np.float32), scores)


def _tells(table: Table, scores: Floats) -> float:
    """How well the highest score of a row tells whether it breaks any rule (AUPRC)."""
    named = np.flatnonzero((~np.isnan(table.labels)).any(axis=0))
    return float(average_precision_score(breaches_of(table), scores[:, named].max(axis=1)))


def _fit(inputs: Floats, known: NDArray[np.int64], truth: NDArray[np.bool_], seed: int) -> _Linear:
    """Fitted to the rows `known`, with their `truth` (known,), by the best penalty."""
    middle, spread = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    scaled = (inputs - middle) / spread
    folds = StratifiedKFold(min(FOLDS, int(truth.sum())), shuffle=True, random_state=seed)
    best: tuple[float, LogisticRegression, Floats] | None = None
    for inverse_penalty in _PENALTIES:
        model = LogisticRegression(C=inverse_penalty, max_iter=2000)
        unseen = cross_val_predict(
            model, scaled[known], truth, cv=folds, method="decision_function"
        )
        quality = float(average_precision_score(truth, unseen))
        if best is None or quality > best[0]:
            best = (quality, model, unseen)
    assert best is not None
    _, model, unseen = best
    model.fit(scaled[known], truth)
    logits = model.decision_function(scaled).astype(np.float32)
    logits[known] = unseen
    weights = model.coef_[0] / spread
    return _Linear(
        weights.astype(np.float32), float(model.intercept_[0] - weights @ middle), logits
    )
