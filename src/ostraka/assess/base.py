"""What an assessor is: whatever turns texts into calibrated scores."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ostraka.taxonomy import Category

Scores = NDArray[np.float32]
"""Calibrated probabilities in [0, 1], shape (texts, categories)."""


class Assessor(Protocol):
    """Texts in, one calibrated probability per modelled category out.

    The same texts get the same scores for as long as `digest` is the same.
    """

    @property
    def name(self) -> str:
        """The stage's name: `lexical`, `encoder`, …."""
        ...

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything that decides the scores."""
        ...

    @property
    def categories(self) -> tuple[Category, ...]:
        """The modelled categories, in the order of the columns of the scores."""
        ...

    def assess(self, texts: Sequence[str]) -> Scores:
        """Scores of shape (len(texts), len(categories)). Any string is a legal text."""
        ...
