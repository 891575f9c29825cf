"""How likely a text breaks any rule at all, and what that means for each category.

An operator's labelled rows are too few to learn each category well, and all of them tell whether a
rule was broken. So that is learnt by itself, and the category which seems likeliest answers for it:
of a text's categories that one gets the probability of any breach, and no other gets more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ostraka.taxonomy import Category

Floats = NDArray[np.float32]

_LEAST = 1e-5
"""Probabilities are kept this far from 0 and 1 where their log-odds are taken."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A logistic model over the logits of a stage's models, and over its own highest probability.

    `weights` (inputs,) go with the logits, `highest` with the log-odds of the highest probability
    among `columns`, the categories that are meant.
    """

    columns: tuple[int, ...]
    weights: Floats
    highest: float
    bias: float

    def __call__(self, inputs: Floats, scores: Floats) -> Floats:
        """`scores` (n, categories) with those of `columns` by the rule above.

        `inputs` (n, inputs) are the models' logits as `combination.cut` gives them.
        """
        highest = log_odds(scores[:, list(self.columns)].max(axis=1))
        logits = inputs @ self.weights + self.highest * highest + self.bias
        return self.with_logits(logits.astype(np.float32), scores)

    def with_logits(self, logits: Floats, scores: Floats) -> Floats:
        """`scores` with those of `columns` by the rule above; `logits` (n,) are of any breach."""
        columns = list(self.columns)
        among = scores[:, columns]
        any_breach = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        changed = np.minimum(among, any_breach[:, None])
        np.put_along_axis(changed, among.argmax(axis=1)[:, None], any_breach[:, None], axis=1)
        answer = scores.copy()
        answer[:, columns] = changed
        return answer

    def among(self, columns: Sequence[int], inputs: int) -> Self | None:
        """The same for those of its columns that are in `columns`, and for as many `inputs`, of
        which the first are its own; None if no column is left.
        """
        left = tuple(each for each in self.columns if each in columns)
        weights = np.zeros(inputs, np.float32)
        weights[: len(self.weights)] = self.weights
        return type(self)(left, weights, self.highest, self.bias) if left else None

    def to_json(self, categories: Sequence[Category]) -> dict[str, Any]:
        """Plain numbers, for the artefact's manifest."""
        return {
            "categories": [str(categories[each]) for each in self.columns],
            "weights": [round(float(each), 5) for each in self.weights],
            "highest": round(self.highest, 5),
            "bias": round(self.bias, 5),
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any], categories: Sequence[Category]) -> Self:
        """What `to_json` wrote."""
        columns = tuple(categories.index(Category(each)) for each in raw["categories"])
        weights = np.asarray(raw["weights"], np.float32)
        return cls(columns, weights, float(raw["highest"]), float(raw["bias"]))


def log_odds(probabilities: Floats) -> Floats:
    """Of probabilities, which are first kept away from 0 and 1."""
    inside = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(inside / (1.0 - inside)), np.float32)
