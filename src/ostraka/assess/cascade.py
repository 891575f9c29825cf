"""Assessors in order of cost: a text moves on only while the last one is unsure.

A stage is sure of a text when every category's probability lies outside that stage's band
`[low, high]` (decision D1 of the design). Bands come with the artefact, fitted on held-out rows.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.base import Assessor, Scores
from ostraka.taxonomy import Category

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores (categories,) of one text, the stage that gave them, and whether it was sure.

    Scores are given to a millionth: digits behind it differ between processors.
    """

    scores: NDArray[np.float64]
    stage: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Bands:
    """A stage's doubt: it is unsure where `low <= probability <= high`, each (categories,)."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def sure(self, scores: Scores) -> NDArray[np.bool_]:
        """For scores (n, categories): which rows lie outside the band in every category."""
        inside = (scores >= self.low) & (scores <= self.high)
        return np.asarray(~inside.any(axis=1), np.bool_)


class Cascade:
    """Stages asked in turn. `bands` are by stage name; the last stage's only tell doubt."""

    def __init__(
        self,
        name: str,
        stages: Sequence[Assessor],
        bands: Mapping[str, Bands],
        description: str,
    ) -> None:
        self.name = name
        self.stages = tuple(stages)
        self.description = description
        self._bands = bands
        self.categories: tuple[Category, ...] = self.stages[0].categories
        self.versions: Mapping[str, str] = {stage.name: stage.digest for stage in self.stages}
        self.digest = self._digest()

    def _digest(self) -> str:
        """SHA-256 over the stages' digests and the bands that choose between them."""
        state = hashlib.sha256()
        for stage in self.stages:
            state.update(stage.name.encode() + bytes.fromhex(stage.digest))
            band = self._bands[stage.name]
            state.update(band.low.tobytes() + band.high.tobytes())
        return state.hexdigest()

    @property
    def pinned_name(self) -> str:
        """The name that gives the same scores for ever."""
        return f"{self.name}@sha256:{self.digest}"

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement per text, in order."""
        judgements = self.first(texts)
        doubtful = [index for index, judgement in enumerate(judgements) if not judgement.sure]
        if doubtful and len(self.stages) > 1:
            later = self.rest([texts[index] for index in doubtful])
            for index, judgement in zip(doubtful, later, strict=True):
                judgements[index] = judgement
        return judgements

    def first(self, texts: Sequence[str]) -> list[Judgement]:
        """What the cheapest stage says, sure or not."""
        return self._ask(self.stages[0], texts)

    def rest(self, texts: Sequence[str]) -> list[Judgement]:
        """What the later stages say of texts that the first was unsure of."""
        judgements: list[Judgement] = []
        pending = list(range(len(texts)))
        for stage in self.stages[1:]:
            answers = self._ask(stage, [texts[index] for index in pending])
            if not judgements:
                judgements = answers
            else:
                for index, answer in zip(pending, answers, strict=True):
                    judgements[index] = answer
            pending = [index for index in pending if not judgements[index].sure]
            if not pending:
                break
        return judgements

    def _ask(self, stage: Assessor, texts: Sequence[str]) -> list[Judgement]:
        if not texts:
            return []
        scores = stage.assess(texts)
        sure = self._bands[stage.name].sure(scores)
        return [
            Judgement(row, stage.name, is_sure)
            for row, is_sure in zip(
                scores.astype(np.float64).round(_DIGITS), sure.tolist(), strict=True
            )
        ]
