"""The judge behind the cascade: it decides what no stage was sure of, or says that it cannot."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ostraka.assess.cascade import Judgement
from ostraka.errors import JudgeAnswerError
from ostraka.judge.moderation import STAGE, LlmJudge, Opinion
from ostraka.judge.synchronous import run
from ostraka.taxonomy import Category

_DOUBT: Final = (0.4, 0.6)
"""A probability in here is an answer, but no sure one."""
_DIGITS: Final = 6


class JudgeReferee:
    """Decides by a judge, in the cascade's categories.

    Categories that the judge's policy lacks keep the score of the stage before. A text that the
    judge is unsure of is an error, or, with `keep`, keeps all scores of the stage before and counts
    as unsure: people have to look.
    """

    name = STAGE

    def __init__(self, judge: LlmJudge, categories: tuple[Category, ...], *, keep: bool) -> None:
        self.judge = judge
        self.categories = categories
        self.digest = judge.digest
        self._keep = keep
        self._missing = [name for name in categories if name not in judge.categories]

    def decide_now(
        self, texts: Sequence[str], before: Sequence[Judgement | None]
    ) -> list[Judgement]:
        """`decide` for callers without an event loop."""
        return run(self.decide(texts, before))

    async def decide(
        self, texts: Sequence[str], before: Sequence[Judgement | None]
    ) -> list[Judgement]:
        """One judgement per text, in order; all are asked for at once.

        Raises:
            JudgeError: unsure of a text. What was answered for the others stays in the cache.
        """
        opinions = await self.judge.opinions(texts)
        return [self._judgement(*each) for each in zip(opinions, before, strict=True)]

    def _judgement(self, opinion: Opinion, before: Judgement | None) -> Judgement:
        if not opinion.sure or (self._missing and before is None):
            if self._keep and before is not None:
                why = "; ".join(f"{name}: {each}" for name, each in opinion.unsure.items())
                return Judgement(before.scores, before.stage, False, f"LLM judge unsure: {why}")
            raise opinion.error or JudgeAnswerError("schema", "the judge contradicts itself")
        earlier = np.zeros(len(self.categories)) if before is None else before.scores
        scores = np.array(
            [
                opinion.scores.get(name, score)
                for name, score in zip(self.categories, earlier.tolist(), strict=True)
            ]
        )
        low, high = _DOUBT
        doubtful = any(low <= score <= high for score in opinion.scores.values())
        sure = not doubtful and not self._missing
        return Judgement(scores.round(_DIGITS), STAGE, sure, opinion.reason, opinion.sources)
