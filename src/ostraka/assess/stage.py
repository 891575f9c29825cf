"""A stage of the cascade: models, how they are combined, and the calibration of the outcome."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.base import Scores
from ostraka.assess.calibration import Calibration
from ostraka.assess.combination import Combination
from ostraka.taxonomy import Category


class Model(Protocol):
    """Texts to raw logits, float32 (texts, categories); the same for a text in any batch."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits of texts as they came."""
        ...


class Stage:
    """An `Assessor` over one model, or over several whose logits are combined."""

    def __init__(
        self,
        name: str,
        models: Sequence[Model],
        combination: Combination | None,
        calibration: Calibration,
        categories: tuple[Category, ...],
        digest: str,
    ) -> None:
        self.name = name
        self.digest = digest
        self.categories = categories
        self.models = tuple(models)
        self.combination = combination
        self.calibration = calibration

    def assess(self, texts: Sequence[str]) -> Scores:
        """Calibrated probabilities (len(texts), categories)."""
        return self.calibration(self.logits(texts))

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits (len(texts), categories) before calibration."""
        inputs = [model.logits(texts) for model in self.models]
        return self.combination(inputs) if self.combination else inputs[0]
