"""The likeliest category of a text answers for any breach, and no other gets more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ostraka.assess.breach import Breach
from ostraka.taxonomy import Category

CATEGORIES = (Category.HARASSMENT, Category.SPAM, Category.HATE, Category.VIOLENCE)
INPUTS = 3

logits = arrays(np.float32, (5, INPUTS), elements=st.floats(-12, 12, width=32))
scores = arrays(np.float32, (5, len(CATEGORIES)), elements=st.floats(0, 1, width=32))
weights = arrays(np.float32, INPUTS, elements=st.floats(-2, 2, width=32))
numbers = st.floats(-3, 3)


@given(logits, scores, weights, numbers, numbers)
def test_what_a_breach_does_to_scores(
    inputs: np.ndarray, before: np.ndarray, by: np.ndarray, highest: float, bias: float
) -> None:
    kept = before.copy()
    after = Breach((0, 2, 3), by, highest, bias)(inputs, before)
    assert (before == kept).all(), "the caller's scores are left alone"
    assert (after[:, 1] == before[:, 1]).all(), "what is not meant stays"
    assert ((after >= 0) & (after <= 1)).all()
    meant = [0, 2, 3]
    top = before[:, meant].argmax(axis=1)
    assert (after[:, meant].max(axis=1) == after[:, meant][range(5), top]).all()
    others = np.ones((5, 3), bool)
    others[range(5), top] = False
    assert (after[:, meant] <= before[:, meant])[others].all()


@given(weights, numbers, numbers)
def test_a_manifest_keeps_it(by: np.ndarray, highest: float, bias: float) -> None:
    breach = Breach((1, 3), by, highest, bias)
    again = Breach.from_json(breach.to_json(CATEGORIES), CATEGORIES)
    assert again.columns == breach.columns
    assert np.allclose(again.weights, by, atol=1e-5)
    assert np.allclose([again.highest, again.bias], [highest, bias], atol=1e-5)


def test_it_can_give_categories_up() -> None:
    breach = Breach((1, 3), np.ones(2, np.float32), 1.0, 0.0)
    left = breach.among([0, 3], inputs=4)
    assert left is not None and left.columns == (3,)
    assert left.weights.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert breach.among([0, 2], inputs=4) is None
