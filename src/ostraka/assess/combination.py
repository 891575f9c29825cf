"""One linear map over the logits of one or several models, per category.

It lets a stage weigh two models that err differently, and lets an operator's own labels correct
both (stacked generalisation; Wolpert, 1992) without touching their weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LARGEST_LOGIT: Final = 12.0
"""Logits are cut to plus and minus this before they are combined: a model that is beyond doubt
says no more than one that is nearly so."""


@dataclass(frozen=True, slots=True)
class Combination:
    """`weights` float32 (inputs, categories) and `bias` float32 (categories,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __call__(self, inputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Logits (n, categories) from one matrix of logits (n, columns) per model."""
        return cut(inputs) @ self.weights + self.bias

    @classmethod
    def mean(cls, shares: Sequence[NDArray[np.float32]]) -> "Combination":
        """Each model's logits times its share, a vector (categories,) per model, summed."""
        weights = np.concatenate([np.diag(share) for share in shares])
        return cls(weights.astype(np.float32), np.zeros(weights.shape[1], np.float32))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, for the artefact's manifest."""
        return {
            "weights": [[round(float(x), 5) for x in row] for row in self.weights],
            "bias": [round(float(x), 5) for x in self.bias],
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Combination":
        """The combination that `to_json` wrote."""
        return cls(np.asarray(raw["weights"], np.float32), np.asarray(raw["bias"], np.float32))


def cut(inputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The models' logits side by side, each within `LARGEST_LOGIT` of zero."""
    return np.clip(np.concatenate(inputs, axis=1), -LARGEST_LOGIT, LARGEST_LOGIT)
