"""A stage of the cascade: models, how they are combined, and how that becomes probabilities."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.base import Scores
from ostraka.assess.breach import Breach
from ostraka.assess.calibration import Calibration
from ostraka.assess.combination import Combination, cut
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
        breaches: Sequence[Breach] = (),
    ) -> None:
        self.name = name
        self.digest = digest
        self.categories = categories
        self.models = tuple(models)
        self.combination = combination
        self.calibration = calibration
        self.breaches = tuple(breaches)

    def assess(self, texts: Sequence[str]) -> Scores:
        """Calibrated probabilities (len(texts), categories)."""
        inputs = [model.logits(texts) for model in self.models]
        scores = self.calibration(self.combination(inputs) if self.combination else inputs[0])
        for breach in self.breaches:
            scores = breach(cut(inputs), scores)
        return scores
