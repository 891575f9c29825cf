"""Train the lexical stage: logistic regression over hashed features, one category at a time.

The features are those of `ostraka.assess.lexical`, weighted by inverse document frequency and
scaled to length one per kind, so what is trained is what is served. Each category sees only the
rows that know it, and is solved to its optimum by liblinear (Fan et al., 2008): stochastic steps
over all features at once were tried and never weighed the rare telling words enough.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from ostraka.assess.features import extract
from ostraka.assess.lexical import LexicalWeights, windows
from ostraka.assess.normalize import normalize
from ostraka.train.augment import augment
from ostraka.train.data import Table

Floats = NDArray[np.float32]
_CHUNK = 4000


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
        parts = windows(normalize(changed))
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


def count_features(texts: Sequence[str], buckets: int) -> tuple[sparse.csr_matrix, ...]:
    """Occurrences per bucket of texts in normal form, one matrix per kind of feature."""
    parts: tuple[list[sparse.csr_matrix], ...] = ([], [])
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        for kind, found in zip(parts, extract(chunk), strict=True):
            columns = (found.hashes & np.uint32(buckets - 1)).astype(np.int32)
            ends = np.concatenate([[0], np.cumsum(found.counts)])
            ones = np.ones(len(columns), np.float32)
            matrix = sparse.csr_matrix((ones, columns, ends), shape=(len(chunk), buckets))
            matrix.sum_duplicates()
            kind.append(matrix)
    return tuple(sparse.vstack(kind, format="csr") for kind in parts)


def inverse_document_frequency(
    counts: Sequence[sparse.csr_matrix], minimum_texts: int
) -> NDArray[np.float32]:
    """Per bucket, log((1 + texts) / (1 + texts that have it)) + 1; 0 for those in too few."""
    texts = counts[0].shape[0]
    frequency = sum(np.bincount(kind.indices, minlength=kind.shape[1]) for kind in counts)
    idf = np.log((1 + texts) / (1 + np.asarray(frequency))) + 1
    return np.where(np.asarray(frequency) >= minimum_texts, idf, 0.0).astype(np.float32)


def scale(counts: Sequence[sparse.csr_matrix], idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """Both kinds side by side in the same buckets, each divided by its length as served."""
    total = sparse.csr_matrix(counts[0].shape, dtype=np.float32)
    for kind in counts:
        squared = kind @ (idf * idf)
        inverse = 1.0 / np.sqrt(np.maximum(squared, 1e-6))
        scaled = kind.copy()
        scaled.data *= idf[scaled.indices] * np.repeat(inverse, np.diff(scaled.indptr))
        total = total + scaled
    total.eliminate_zeros()
    return total
