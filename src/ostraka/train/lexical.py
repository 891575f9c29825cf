"""Train the lexical stage: logistic regression over hashed features, one category at a time.

The features are those of `ostraka.assess.lexical`, weighted by inverse document frequency and
scaled to length one per kind, so what is trained is what is served. Each category sees only the
rows that know it, and is solved to its optimum by liblinear (Fan et al., 2008): stochastic steps
over all features at once were tried and never weighed the rare telling words enough.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ostraka.assess.lexical import LexicalWeights, lexical_form, windows
from ostraka.train.augment import augment
from ostraka.train.data import Table
from ostraka.train.feature_counts import count_features, inverse_document_frequency, scale

Floats = NDArray[np.float32]


def fit_lexical(
    table: Table,
    options: dict[str, Any],
    *,
    seed: int,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> LexicalWeights:
    """The weights of all categories. Deterministic for the same rows and seed.

    `options` are the `[lexical]` keys of the recipe; `report(done, categories, loss)` is called
    after each category with its mean training loss.
    """
    random = np.random.default_rng(seed)
    buckets = int(options["buckets"])
    texts: list[str] = []
    owners: list[int] = []
    for index, text in enumerate(table.texts):
        changed = augment(text, random) if random.random() < options["augmented"] else text
        parts = windows(lexical_form(changed))
        if len(parts) > options["windows"]:
            parts = [parts[i] for i in sorted(random.permutation(len(parts))[: options["windows"]])]
        texts.extend(parts)
        owners.extend([index] * len(parts))
    counts = count_features(texts, buckets)
    idf = inverse_document_frequency(counts, int(options["minimum_texts"]))
    features = scale(counts, idf)
    owner = np.asarray(owners)
    share = 1.0 / np.bincount(owner)[owner]
    weights = np.zeros((buckets, len(table.categories)), np.float32)
    bias = np.zeros(len(table.categories), np.float32)
    for column in range(len(table.categories)):
        labels = table.labels[owner, column]
        rows = np.flatnonzero(~np.isnan(labels))
        model = LogisticRegression(
            C=float(options["inverse_penalty"]),
            solver="liblinear",
            dual=True,
            tol=1e-2,
            max_iter=20,
            random_state=seed,
        )
        importance = (table.weights[owner, column] * share)[rows]
        chosen, truth = features[rows], labels[rows] > 0.5
        model.fit(chosen, truth, sample_weight=importance)
        weights[:, column], bias[column] = model.coef_[0] * idf, model.intercept_[0]
        margins = np.where(truth, 1.0, -1.0) * model.decision_function(chosen)
        loss = float(np.average(np.logaddexp(0.0, -margins), weights=importance))
        report(column + 1, len(table.categories), loss)
    return LexicalWeights.quantised(weights, bias, idf)
