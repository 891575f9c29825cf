"""The front door for Python: texts in, verdicts out.

    from ostraka import Moderator

    moderator = Moderator.default()
    verdict = moderator.moderate("You are all wonderful.")
    verdict.flagged, verdict.scores["harassment"], verdict.stage

Every network door asks the same object, so a text gets the same scores wherever it comes in.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import ge
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from ostraka.assess.artefact import Artefact, bundled_artefact_folder
from ostraka.assess.base import Assessor
from ostraka.assess.cascade import NO_SOURCES, Cascade, Judgement, ScoreSource
from ostraka.assess.classifier import Classifier
from ostraka.assess.explanation import Span, explain_by_occlusion
from ostraka.assess.fine_tuned import FineTunedStage
from ostraka.errors import InvalidInputError, UnknownModelError
from ostraka.settings import Settings
from ostraka.taxonomy import Category

if TYPE_CHECKING:
    from ostraka.judge.setup import JudgeSetup

DEFAULT_MODEL = "ostraka-cascade"
JUDGE_MODEL = "ostraka-judge"
EVEN = 0.5
"""The threshold of categories that the classifier does not model and no setting names."""


class Verdict(Struct, frozen=True):
    """What the assessors say of one text.

    `scores` holds the modelled categories only, each a calibrated probability in [0, 1]; `flags`
    says which of them reach their threshold. `stage` is the assessor that answered; `sure` is
    false where even that one's scores lie inside its band of doubt. `model` is the pinned name
    that gives these scores again. `reason` is what an LLM judge said of the text, if one was asked;
    `sources` then says what each of its probabilities rests on. A struct for the same reason as
    `Judgement`.
    """

    scores: Mapping[Category, float]
    flags: Mapping[Category, bool]
    stage: str
    sure: bool
    model: str
    versions: Mapping[str, str]
    reason: str = ""
    sources: Mapping[Category, ScoreSource] = NO_SOURCES

    @property
    def flagged(self) -> bool:
        """Whether any category reaches its threshold."""
        return True in self.flags.values()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `/v1/models` says of a model."""

    id: str
    pinned_id: str
    description: str
    created: int
    stages: tuple[str, ...]
    modelled: tuple[Category, ...]
    not_modelled: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class _Marks:
    """From where each of a cascade's categories is flagged, and the flags of a text without any.

    Most texts have none: to copy these is the quickest way to make theirs.
    """

    least: tuple[float, ...]
    no_flags: dict[Category, bool]

    @classmethod
    def of(cls, cascade: Cascade, thresholds: Mapping[Category, float]) -> Self:
        least = tuple(thresholds.get(category, EVEN) for category in cascade.categories)
        return cls(least, dict.fromkeys(cascade.categories, False))


class Moderator:
    """Scores texts with a cascade of assessors. Safe to share between threads."""

    def __init__(
        self,
        artefact: Artefact,
        settings: Settings | None = None,
        stages: Sequence[Assessor] | None = None,
    ) -> None:
        self._artefact = artefact
        self._settings = settings or Settings()
        chosen = dict(artefact.thresholds)
        for name, value in self._settings.thresholds.items():
            chosen[Category(name)] = value
        self.thresholds: Mapping[Category, float] = MappingProxyType(chosen)
        self.judge = self._judge()
        self._cascades = _cascades(artefact, stages or artefact.stages, self.judge)
        self._by_name = dict(self._cascades)
        if self.judge and self.judge.model:
            self._by_name[self.judge.model] = self._cascades[JUDGE_MODEL]
        self._marks = {
            cascade: _Marks.of(cascade, self.thresholds) for cascade in self._cascades.values()
        }

    @classmethod
    def default(cls, settings: Settings | None = None) -> "Moderator":
        """The classifier of the settings, or the one that ships with the package.

        Raises:
            ArtefactError: the model folder is incomplete or was changed.
        """
        settings = settings or Settings()
        return cls.load(settings.model_folder or bundled_artefact_folder(), settings)

    @classmethod
    def load(cls, folder: Path, settings: Settings | None = None) -> "Moderator":
        """The classifier in `folder`; every file's digest is checked first."""
        settings = settings or Settings()
        artefact = Artefact.load(folder, threads=settings.encoder_threads)
        if not settings.fine_tuned_model:
            return cls(artefact, settings)
        classifier = Classifier.load(
            Path(settings.fine_tuned_model), threads=settings.encoder_threads
        )
        last = FineTunedStage(artefact.stages[-1], classifier)
        return cls(artefact, settings, (*artefact.stages[:-1], last))

    def _judge(self) -> "JudgeSetup | None":
        if not self._settings.judge_url:
            return None
        from ostraka.judge.setup import JudgeSetup

        return JudgeSetup(self._settings, self._artefact.categories)

    @property
    def categories(self) -> tuple[Category, ...]:
        """The modelled categories."""
        return self._artefact.categories

    def threshold(self, category: Category) -> float:
        """From which probability `category` is flagged, by whatever model."""
        return self.thresholds.get(category, EVEN)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the classifier's `manifest.json` says."""
        return self._artefact.manifest

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """Every model that can be asked for by name, the default first."""
        return tuple(
            ModelCard(
                id=name,
                pinned_id=cascade.pinned_name,
                description=cascade.description,
                created=self._artefact.created,
                stages=tuple(cascade.versions),
                modelled=cascade.categories,
                not_modelled=tuple(c for c in Category if c not in cascade.categories),
            )
            for name, cascade in self._cascades.items()
        )

    @property
    def last_stage(self) -> Cascade:
        """The classifier's last stage alone."""
        return self._cascades[f"ostraka-{self._artefact.stages[-1].name}"]

    def cascade(self, model: str | None = None) -> Cascade:
        """The cascade that `model` names: a plain name, or one pinned by `@sha256:<digest>`.

        Raises:
            UnknownModelError: no such model, or another digest than the one served.
        """
        asked = model or DEFAULT_MODEL
        cascade = self._by_name.get(asked)
        if cascade is not None:
            return cascade
        name, _, pin = asked.partition("@")
        cascade = self._cascades.get(name)
        if cascade is None:
            served = ", ".join(self._cascades)
            raise UnknownModelError(
                f"The model '{model}' does not exist. Served here: {served}.", field="model"
            )
        wanted = pin.removeprefix("sha256:")
        if pin and (len(wanted) < 12 or not cascade.digest.startswith(wanted)):
            raise UnknownModelError(
                f"The model '{model}' is not served here; this server has {cascade.pinned_name}.",
                field="model",
            )
        return cascade

    def moderate(self, text: str, *, model: str | None = None) -> Verdict:
        """The verdict on one text.

        Raises:
            UnknownModelError: `model` names nothing that is served.
            InvalidInputError: `text` is no string.
        """
        return self.moderate_many([text], model=model)[0]

    def moderate_many(self, texts: Sequence[str], *, model: str | None = None) -> list[Verdict]:
        """One verdict per text, in order; the batch shares one pass through each stage."""
        cascade = self.cascade(model)
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InvalidInputError("texts must be a sequence of strings", field="texts")
        return [self.verdict(cascade, each) for each in cascade.judge(texts)]

    async def moderate_async(self, text: str, *, model: str | None = None) -> Verdict:
        """`moderate` in a worker thread, for callers in an event loop."""
        return await asyncio.to_thread(self.moderate, text, model=model)

    async def moderate_many_async(
        self, texts: Sequence[str], *, model: str | None = None
    ) -> list[Verdict]:
        """`moderate_many` in a worker thread, for callers in an event loop."""
        return await asyncio.to_thread(self.moderate_many, texts, model=model)

    def verdict(self, cascade: Cascade, judgement: Judgement) -> Verdict:
        """A cascade's judgement, held against the thresholds."""
        marks, categories = self._marks[cascade], cascade.categories
        scores = judgement.scores.tolist()
        reached = list(map(ge, scores, marks.least))
        return Verdict(
            scores=dict(zip(categories, scores, strict=True)),
            flags=dict(zip(categories, reached, strict=True))
            if True in reached
            else marks.no_flags.copy(),
            stage=judgement.stage,
            sure=judgement.sure,
            model=cascade.pinned_name,
            versions=cascade.versions,
            reason=judgement.reason,
            sources=judgement.sources,
        )

    def explain(
        self, text: str, category: Category | str, *, model: str | None = None
    ) -> list[Span]:
        """Which words of `text` moved the score of `category`, in text order.

        Raises:
            InvalidInputError: `category` is not modelled.
        """
        if category not in self.categories:
            raise InvalidInputError(f"'{category}' is not modelled", field="category")
        cascade = self.cascade(model)
        return explain_by_occlusion(cascade, text, Category(category))


def _cascades(
    artefact: Artefact, stages: Sequence[Assessor], judge: "JudgeSetup | None"
) -> dict[str, Cascade]:
    """The served names: the whole cascade, and each stage by itself."""
    last = " What both are unsure of goes to the LLM judge." if judge and judge.last else ""
    served = {
        DEFAULT_MODEL: Cascade(
            DEFAULT_MODEL,
            stages,
            artefact.bands,
            (
                "Lexical stage first; the encoder only where it is unsure."
                if len(stages) > 1
                else "Lexical stage only."
            )
            + last,
            judge.last if judge else None,
        )
    }
    for stage in stages:
        served[f"ostraka-{stage.name}"] = Cascade(
            f"ostraka-{stage.name}", (stage,), artefact.bands, f"The {stage.name} stage alone."
        )
    if judge:
        fitted = judge.alone.judge.calibrated_categories
        raw = "" if fitted else " Its probabilities are its own, not calibrated."
        served[JUDGE_MODEL] = Cascade(
            JUDGE_MODEL, (), {}, f"The LLM judge alone.{raw}", judge.alone
        )
    return served
