"""A lexical model of an operator's own texts, learnt with `ostraka adapt`.

The models that ship know the words of public data; an operator's forum has others. One column
says how likely a text is to break any rule, by the words and n-grams of the labelled rows alone:
a few hundred rows are too few for a column per category.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from ostraka.assess.combination import LARGEST_LOGIT
from ostraka.assess.lexical import LexicalWeights
from ostraka.assess.pooling import Pooling
from ostraka.train.lexical_features import read_windows, training_features

Floats = NDArray[np.float32]

_BUCKETS: Final = 1 << 17
_WINDOWS: Final = 8
"""Most windows of a long text that are learnt from."""
_INVERSE_PENALTY: Final = 10.0


def fit_adapted_lexical(
    texts: Sequence[str], positive: NDArray[np.bool_], *, folds: int, seed: int
) -> tuple[LexicalWeights, Floats]:
    """Weights with one column, and the logits (n,) of texts that a fold had not learnt from.

    `positive` (n,) tells which texts break any rule. Deterministic for the same texts and seed.
    """
    windows = read_windows(texts, _WINDOWS, None)
    features, idf = training_features(windows.parts, _BUCKETS)
    owners, share = windows.owners, (1.0 / windows.counts)[windows.owners]

    def fit(rows: NDArray[np.bool_]) -> LogisticRegression:
        model = LogisticRegression(
            C=_INVERSE_PENALTY, solver="liblinear", dual=True, tol=1e-2, random_state=seed
        )
        return model.fit(features[rows], positive[owners[rows]], sample_weight=share[rows])

    logits = np.zeros((len(windows.parts), 1), np.float32)
    for learnt, other in StratifiedKFold(folds, shuffle=True, random_state=seed).split(
        positive, positive
    ):
        unseen = np.isin(owners, other)
        logits[unseen, 0] = fit(np.isin(owners, learnt)).decision_function(features[unseen])
    model = fit(np.ones(len(owners), np.bool_))
    weights = (model.coef_[0] * idf)[:, None].astype(np.float32)
    learnt_weights = LexicalWeights.quantised(weights, model.intercept_.astype(np.float32), idf)
    whole = Pooling(averaged=(0,)).pool(logits, windows.counts)[:, 0]
    return learnt_weights, np.clip(whole, -LARGEST_LOGIT, LARGEST_LOGIT)
