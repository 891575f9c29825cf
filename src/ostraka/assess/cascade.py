"""Assessors in order of cost: a text moves on only while the last one is unsure.

A stage is sure of a text when every category's probability lies outside that stage's band
`[low, high]` (decision D1 of the design). Bands come with the artefact, fitted on held-out rows.
What all stages are unsure of may go to a referee, who takes seconds and answers from elsewhere.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ostraka.assess.base import Assessor, Scores
from ostraka.taxonomy import Category

_DIGITS: Final = 6

Basis = Literal["logprobs", "stated"]


@dataclass(frozen=True, slots=True)
class ScoreSource:
    """What a referee's probability rests on.

    `basis` is `logprobs`, the log-probabilities of the tokens that say it, or `stated`, a number
    that the referee wrote; `calibrated` tells whether it was then fitted to labelled texts.
    """

    basis: Basis
    calibrated: bool


NO_SOURCES: Final[Mapping[Category, ScoreSource]] = MappingProxyType({})


class Judgement(Struct, frozen=True):
    """Scores (categories,) of one text, the stage that gave them, and whether it was sure.

    Scores are given to a millionth: digits behind it differ between processors. `reason` is what a
    referee said of the text, or why it did not judge it; `sources` says, for each category that it
    gave a probability for, where that comes from. A struct, since there is one for every text: it
    is made in a tenth of the time that a frozen dataclass takes.
    """

    scores: NDArray[np.float64]
    stage: str
    sure: bool
    reason: str = ""
    sources: Mapping[Category, ScoreSource] = NO_SOURCES


class Referee(Protocol):
    """Whom to ask when no stage is sure. Each text comes with what the last stage said, if any."""

    @property
    def name(self) -> str:
        """The stage's name."""
        ...

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything that is known to decide the scores."""
        ...

    @property
    def categories(self) -> tuple[Category, ...]:
        """The columns of its scores; the cascade's."""
        ...

    async def decide(
        self, texts: Sequence[str], before: Sequence[Judgement | None]
    ) -> list[Judgement]:
        """One judgement per text, in order."""
        ...

    def decide_now(
        self, texts: Sequence[str], before: Sequence[Judgement | None]
    ) -> list[Judgement]:
        """`decide` for callers without an event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Bands:
    """A stage's doubt: it is unsure where `low <= probability <= high`, each (categories,)."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def sure(self, scores: Scores) -> NDArray[np.bool_]:
        """For scores (n, categories): which rows lie outside the band in every category."""
        return np.asarray(~self.doubts(scores).any(axis=1), np.bool_)

    def doubts(self, scores: Scores) -> NDArray[np.bool_]:
        """For scores (n, categories): which of them lie inside the band."""
        return np.asarray((scores >= self.low) & (scores <= self.high), np.bool_)


class Cascade:
    """Stages asked in turn. `bands` are by stage name; the last stage's only tell doubt."""

    def __init__(
        self,
        name: str,
        stages: Sequence[Assessor],
        bands: Mapping[str, Bands],
        description: str,
        referee: Referee | None = None,
    ) -> None:
        self.name = name
        self.stages = tuple(stages)
        self.description = description
        self.referee = referee
        self._bands = bands
        versioned: list[Assessor | Referee] = [*self.stages]
        if referee is not None:
            versioned.append(referee)
        self.categories: tuple[Category, ...] = versioned[0].categories
        self.versions: Mapping[str, str] = {each.name: each.digest for each in versioned}
        self.digest = self._digest()
        self.pinned_name = f"{name}@sha256:{self.digest}"
        """The name that gives the same scores for ever."""

    def _digest(self) -> str:
        """SHA-256 over the stages' digests and the bands that choose between them."""
        state = hashlib.sha256()
        for stage in self.stages:
            state.update(stage.name.encode() + bytes.fromhex(stage.digest))
            band = self._bands[stage.name]
            state.update(band.low.tobytes() + band.high.tobytes())
        if self.referee:
            state.update(self.referee.name.encode() + bytes.fromhex(self.referee.digest))
        return state.hexdigest()

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement per text, in order."""
        known: list[Judgement | None] = (
            [*self.judge_here(texts)] if self.stages else [None] * len(texts)
        )
        open_ = self.open_questions(known)
        if open_ and self.referee:
            decided = self.referee.decide_now(
                [texts[index] for index in open_], [known[index] for index in open_]
            )
            for index, judgement in zip(open_, decided, strict=True):
                known[index] = judgement
        return [judgement for judgement in known if judgement is not None]

    def open_questions(self, judgements: Sequence[Judgement | None]) -> list[int]:
        """The places of texts that a referee is to decide; none without a referee."""
        if self.referee is None:
            return []
        return [i for i, each in enumerate(judgements) if each is None or not each.sure]

    def judge_here(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement per text by the stages alone, in order."""
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
