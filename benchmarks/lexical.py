"""Lexical scoring in process, beside a scikit-learn pipeline of equal quality."""

import itertools
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from benchmarks.report import Figure, Goal, arguments, data_option, in_turn, show
from benchmarks.texts import of_data, varied
from ostraka.assess.artefact import Artefact, bundled_artefact_folder

BATCH = 256


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    data_option(parser)
    options = parser.parse_args()
    rounds, seconds, fitted = (3, 0.5, 2000) if options.quick else (7, 1.0, 8000)
    total = fitted + 4096
    texts = of_data(options.data, total) if options.data else varied(total)
    fitted = min(fitted, len(texts) // 2)
    artefact = Artefact.load(bundled_artefact_folder())
    stage = artefact.stages[0]
    peer = pipeline(texts[:fitted], len(stage.categories))
    judged = texts[fitted:]
    figures = []
    for name, size, goal in (("text by text", 1, 5.0), (f"batches of {BATCH}", BATCH, 3.0)):
        ours, theirs = in_turn(
            batches(stage.assess, judged, size),
            batches(peer.predict_proba, judged, size),
            rounds=rounds,
            seconds=seconds,
        )
        figures.append(Figure(name, "texts/s", ours, theirs, Goal(at_least=goal)))
    features = sum(len(each.vocabulary_) for _, each in peer[0].transformer_list)
    show("lexical stage against scikit-learn", figures, options.json)
    words = np.mean([len(text.split()) for text in judged])
    print(f"texts: {len(judged)} of {words:.0f} words on average; peer: {features:,} features")


def pipeline(texts: Sequence[str], categories: int) -> Pipeline:
    """TF-IDF of words and characters, one logistic regression per category.

    Speed depends on texts and vocabulary alone, so it learns made-up labels, in few steps.
    """
    union = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2, dtype=np.float32
        ),
    )
    labels = np.random.default_rng(0).random((len(texts), categories)) < 0.2
    regression = OneVsRestClassifier(LogisticRegression(max_iter=3), n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(union, regression).fit(texts, labels)


def batches(
    call: Callable[[Sequence[str]], object], texts: Sequence[str], size: int
) -> Callable[[], int]:
    """Calls `call` with the next `size` texts each time, from the start again at the end."""
    starts = itertools.cycle(range(0, len(texts) - size + 1, size))

    def step() -> int:
        start = next(starts)
        call(texts[start : start + size])
        return size

    return step


if __name__ == "__main__":
    main()
