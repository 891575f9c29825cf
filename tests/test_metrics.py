import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the train extra")

from ostraka.train.metrics import bias_figures, category_figures, flag_rate_at_recall


def test_category_figures_ignore_unknown_labels() -> None:
    scores = np.array([0.9, 0.8, 0.1, 0.2], np.float32)
    labels = np.array([1.0, np.nan, 0.0, 0.0], np.float32)
    figures = category_figures(scores, labels, 0.5)
    assert figures is not None
    assert (figures.rows, figures.positives) == (3, 1)
    assert figures.precision == figures.recall == figures.f1 == figures.roc_auc == 1.0
    assert category_figures(scores, np.full(4, np.nan, np.float32), 0.5) is None


def test_flag_rate_at_recall() -> None:
    unsafe = np.array([0.9, 0.8, 0.3, 0.2, 0.1], np.float32)
    safe = np.array([0.95, 0.3, 0.2, 0.0], np.float32)
    share, threshold = flag_rate_at_recall(unsafe, safe, 0.6)
    assert threshold == pytest.approx(0.3)
    assert share == 0.5


def test_bias_figures_see_a_biased_term() -> None:
    scores = np.array([0.9, 0.1, 0.9, 0.8], np.float32)
    labels = np.array([True, False, True, False])
    figures = bias_figures(scores, labels, ["a", "a", "b", "b"])
    assert figures.by_identity["a"] == (1.0, 1.0, 1.0)
    assert figures.overall == 1.0
