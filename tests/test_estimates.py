"""Figures with intervals: known values, properties, and whether intervals hold what they should."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.estimates.agreement import (
    cohen_kappa,
    estimate_alpha,
    estimate_kappa,
    krippendorff_alpha,
)
from ostraka.estimates.drift import FEW, movement, stability_index
from ostraka.estimates.shares import Share

RUNS = 150
LABELS = ("approve", "warn", "remove")
labels = st.sampled_from("abc")
scores = st.lists(st.floats(0, 1), min_size=1, max_size=50)


def test_share_as_in_the_literature() -> None:
    """R. G. Newcombe (1998), table I, method 3: 81 of 263 and 0 of 20."""
    share = Share.counted(81, 263)
    assert (share.low, share.high) == (
        pytest.approx(0.2553, abs=1e-4),
        pytest.approx(0.3662, abs=1e-4),
    )
    none = Share.counted(0, 20)
    assert (none.low, none.high) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert Share.counted(0, 0) == Share(0, 0, None, None, None)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_share_lies_in_its_interval(drawn: tuple[int, int]) -> None:
    share = Share.counted(*drawn)
    assert share.low is not None and share.value is not None and share.high is not None
    assert 0 <= share.low <= share.value <= share.high <= 1


@given(st.lists(st.lists(labels, max_size=4), max_size=20))
def test_alpha_of_the_estimate_is_the_exact_one(units: list[list[str]]) -> None:
    found = estimate_alpha(units, draws=50)
    exact = krippendorff_alpha(units)
    assert found.units == sum(len(unit) > 1 for unit in units)
    if exact is None:
        assert found.value is None
    else:
        assert found.value == pytest.approx(exact)
        assert found.low is None or -1 <= found.low <= (found.high or 0) <= 1


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30))
def test_kappa_is_the_same_for_both_raters(pairs: list[tuple[str, str]]) -> None:
    found = estimate_kappa(pairs, draws=50)
    turned = estimate_kappa([(b, a) for a, b in pairs], draws=50)
    assert found.value == pytest.approx(turned.value)
    assert found.value == pytest.approx(cohen_kappa(*zip(*pairs, strict=True)))
    assert estimate_kappa(pairs, draws=50) == found  # the same seed, the same draws


def rated(source: random.Random, accuracy: float, truth: str) -> str:
    """What a reviewer of known accuracy says."""
    if source.random() < accuracy:
        return truth
    return source.choice([label for label in LABELS if label != truth])


def simulated(source: random.Random, units: int, *accuracies: float) -> list[list[str]]:
    truths = source.choices(LABELS, (0.6, 0.1, 0.3), k=units)
    return [[rated(source, each, truth) for each in accuracies] for truth in truths]


def test_reviewers_of_known_accuracy_are_recovered() -> None:
    """Ninety-five intervals in a hundred should hold the truth: of accuracy, kappa and alpha."""
    accuracies = (0.9, 0.75)
    large = simulated(random.Random(1), 200_000, *accuracies)
    kappa = cohen_kappa(*zip(*large, strict=True))
    alpha = krippendorff_alpha(large)
    held = {"accuracy": 0, "kappa": 0, "alpha": 0}
    for run in range(RUNS):
        source = random.Random(f"run {run}")
        units = simulated(source, 120, *accuracies)
        found = estimate_kappa([(a, b) for a, b in units], seed=run, draws=300)
        held["kappa"] += found.low <= kappa <= found.high
        found = estimate_alpha(units, seed=run, draws=300)
        held["alpha"] += found.low <= alpha <= found.high
        golden = [source.random() < accuracies[0] for _ in range(120)]
        share = Share.counted(sum(golden), len(golden))
        held["accuracy"] += share.low <= accuracies[0] <= share.high
    assert all(0.91 <= count / RUNS <= 0.99 for count in held.values()), held


def test_no_interval_where_nothing_varies() -> None:
    assert estimate_kappa([("a", "a")] * 9).value is None
    assert estimate_kappa([]).units == 0
    assert estimate_alpha([["a"], ["b"]]).units == 0
    alone = estimate_kappa([("a", "b")] * 3)
    assert (alone.low, alone.high) == (None, None)


@given(scores)
def test_nothing_moves_where_scores_are_the_same(drawn: list[float]) -> None:
    assert stability_index(drawn, drawn) == pytest.approx(0)


@given(scores, scores)
def test_index_is_finite_and_never_negative(before: list[float], after: list[float]) -> None:
    index = stability_index(before, after)
    assert index is not None
    assert -1e-9 <= index < 20


def test_index_tells_drift_from_chance() -> None:
    source = np.random.default_rng(3)
    before, same = source.beta(1, 20, 3000), source.beta(1, 20, 3000)
    index = stability_index(before, same)
    assert movement(index, 3000, 3000) == "stable"
    shifted = stability_index(before, source.beta(3, 20, 3000))
    assert movement(shifted, 3000, 3000) == "shifted"
    assert movement(shifted, FEW - 1, 3000) == "unknown"
    assert stability_index([], [0.5]) is None
