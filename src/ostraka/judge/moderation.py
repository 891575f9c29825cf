"""The LLM judge as a stage of the cascade: texts in, probabilities or honest doubt out.

An answer that refuses, is empty, cut, unparsable, forged or contradicts itself is *unsure*. It is
never "safe": an unsure opinion has no score, and `assess` raises rather than invent one.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np

from ostraka.assess.base import Scores
from ostraka.assess.cascade import ScoreSource
from ostraka.errors import JudgeAnswerError, JudgeError
from ostraka.judge.batch import BatchSummary, run_batch
from ostraka.judge.calibration import JudgeCalibration, calibrated
from ostraka.judge.client import JudgeClient
from ostraka.judge.meter import fault_of
from ostraka.judge.presets import Questions, Unsure
from ostraka.judge.prompts import Answer, Prompt
from ostraka.judge.synchronous import run
from ostraka.taxonomy import Category

STAGE: Final = "llm"


@dataclass(slots=True)
class Opinion:
    """What the judge says of one text.

    `unsure` has the reason for each category without a score; `error` is the first failure among
    them. `sources` says what each score rests on: token log-probabilities, or the judge's own
    statement; and whether it was calibrated. `reason` is the judge's own of the highest score.
    """

    scores: dict[Category, float] = field(default_factory=dict)
    unsure: dict[Category, str] = field(default_factory=dict)
    reason: str = ""
    error: JudgeError | None = None
    cached: bool = True
    sources: dict[Category, ScoreSource] = field(default_factory=dict)

    @property
    def confidence_source(self) -> str:
        """Where the scores come from: `logprobs`, `stated`, both (`mixed`), or `none`."""
        found = {source.basis for source in self.sources.values()}
        return "mixed" if len(found) > 1 else next(iter(found), "none")

    @property
    def sure(self) -> bool:
        """Whether every category has a score."""
        return not self.unsure


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a batch: what was asked about it, and what has been answered so far."""

    prompts: Sequence[Prompt]
    answers: list[Answer | JudgeError | None]


class LlmJudge:
    """An `Assessor` that asks a language model. Share one: it shares its client's connections."""

    name = STAGE

    def __init__(
        self, client: JudgeClient, questions: Questions, calibration: JudgeCalibration | None = None
    ) -> None:
        self.client = client
        self.questions = questions
        self.categories: tuple[Category, ...] = tuple(questions.policy.categories)
        self.calibration = calibration

    @property
    def digest(self) -> str:
        """Hex SHA-256 of prompt, policy, the model's given name (an API tells no more of it) and
        calibration.
        """
        asked = f"{self.questions.version}\n{self.client.given_model}"
        if self.calibration is not None:
            asked += f"\n{self.calibration.digest}"
        return sha256(asked.encode()).hexdigest()

    def is_calibrated(self, category: Category) -> bool:
        """Whether its probabilities were fitted to labels; otherwise they are the model's own."""
        return self.calibration is not None and category in self.calibration.fits

    @property
    def calibrated_categories(self) -> list[Category]:
        """Those whose probabilities were fitted to labels."""
        return [name for name in self.categories if self.is_calibrated(name)]

    def assess(self, texts: Sequence[str]) -> Scores:
        """Scores of shape (len(texts), len(categories)).

        Raises:
            JudgeError: the judge is unsure of a text, or does not answer.
        """
        return self.scores(run(self.opinions(texts)))

    def scores(self, opinions: Sequence[Opinion]) -> Scores:
        """The scores of sure opinions.

        Raises:
            JudgeError: one is not sure.
        """
        for opinion in opinions:
            if not opinion.sure:
                raise opinion.error or JudgeAnswerError("schema", _told(opinion))
        rows = [[opinion.scores[category] for category in self.categories] for opinion in opinions]
        return np.array(rows, np.float32).reshape(len(opinions), len(self.categories))

    async def opinions(self, texts: Sequence[str]) -> list[Opinion]:
        """One opinion per text, in order; all are asked for at once, and none raises."""
        return list(await asyncio.gather(*(self.opinion(text) for text in texts)))

    async def opinion(self, text: str, *, patient: bool = False) -> Opinion:
        """What the judge says of a text. A judge that fails is unsure, and says why."""
        prompts = self.questions.prompts(text)
        answers = await asyncio.gather(*(self._ask(prompt, patient) for prompt in prompts))
        return self.read(prompts, answers)

    async def each(
        self,
        texts: Iterable[tuple[int, str]],
        on_opinion: Callable[[int, Opinion], None],
        *,
        seconds: float | None = None,
    ) -> BatchSummary:
        """Judge numbered texts in constant memory; `on_opinion` gets each as soon as it is ready.

        Texts that are left when the batch stops early (its summary says so) get no opinion.
        """
        waiting: dict[int, _Text] = {}

        def prompts() -> Iterator[tuple[str, Prompt]]:
            for number, text in texts:
                asked = self.questions.prompts(text)
                waiting[number] = _Text(asked, [None] * len(asked))
                for index, prompt in enumerate(asked):
                    yield f"{number}:{index}", prompt

        def receive(key: str, answer: Answer | JudgeError) -> None:
            number, _, index = key.partition(":")
            text = waiting[int(number)]
            text.answers[int(index)] = answer
            answers = [each for each in text.answers if each is not None]
            if len(answers) == len(text.prompts):
                del waiting[int(number)]
                on_opinion(int(number), self.read(text.prompts, answers))

        return await run_batch(self.client, prompts(), receive, seconds=seconds)

    def read(self, prompts: Sequence[Prompt], answers: Sequence[Answer | JudgeError]) -> Opinion:
        """What the answers to a text's prompts come to."""
        opinion = Opinion()
        for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            covered = self.questions.covered(index)
            if isinstance(answer, JudgeError):
                opinion.error = opinion.error or answer
                opinion.cached = False
                opinion.unsure |= dict.fromkeys(covered, f"{fault_of(answer)}: {answer.message}")
            else:
                self._add(opinion, prompt, answer, covered)
        opinion.scores = calibrated(opinion.scores, self.calibration)
        opinion.reason = self._reason(answers)
        return opinion

    async def _ask(self, prompt: Prompt, patient: bool) -> Answer | JudgeError:
        try:
            return await self.client.ask(prompt, patient=patient)
        except JudgeError as error:
            return error

    def _add(
        self, opinion: Opinion, prompt: Prompt, answer: Answer, covered: Sequence[Category]
    ) -> None:
        for category in covered:
            try:
                score, basis = self.questions.probability(answer, category)
            except Unsure as unsure:
                opinion.unsure[category] = str(unsure)
            else:
                opinion.scores[category] = score
                opinion.sources[category] = ScoreSource(basis, self.is_calibrated(category))
        if any(category in opinion.unsure for category in covered):
            self.client.forget(prompt)  # no failure stays in the cache
            self.client.meter.count_unsure()
        opinion.cached = opinion.cached and answer.cached

    def _reason(self, answers: Sequence[Answer | JudgeError]) -> str:
        """The judge's own words, of the category that it finds likeliest."""
        found: list[tuple[float, str]] = []
        for index, answer in enumerate(answers):
            if isinstance(answer, JudgeError) or not (said := self.questions.reason(answer)):
                continue
            scores = []
            for category in self.questions.covered(index):
                with suppress(Unsure):
                    scores.append(self.questions.probability(answer, category).value)
            found.append((max(scores, default=0.0), said))
        return max(found, key=lambda each: each[0], default=(0.0, ""))[1]


def _told(opinion: Opinion) -> str:
    return "the judge is unsure: " + "; ".join(
        f"{category} ({why})" for category, why in opinion.unsure.items()
    )
