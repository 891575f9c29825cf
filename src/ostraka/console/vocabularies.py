"""A verdict in the words of one vocabulary: rows with score, threshold and flag, worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.moderator import Verdict
from ostraka.taxonomy import DESCRIPTIONS, MISTRAL_2603, OPENAI, PERSPECTIVE, Category, View


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A choice of the page. `silence` says what the vendor's API does with unmodelled names."""

    name: str
    title: str
    view: View
    api: str
    silence: str


def _without_aliases(view: View) -> View:
    """The first of the names that mean the same: Perspective has three for toxicity alone."""
    kept: dict[str, tuple[Category, ...]] = {}
    for name, parts in view.mapping.items():
        if not parts or parts not in kept.values():
            kept[name] = parts
    return View(view.name, MappingProxyType(kept))


_EVERYTHING: Final = View("everything", MappingProxyType({str(c): (c,) for c in Category}))

VOCABULARIES: Final[Mapping[str, Vocabulary]] = MappingProxyType(
    {
        vocabulary.name: vocabulary
        for vocabulary in (
            Vocabulary("everything", "Every category", _EVERYTHING, "openai", ""),
            Vocabulary(
                "openai",
                "OpenAI's names",
                OPENAI,
                "openai",
                "The API answers 0 for them, with no applied input type.",
            ),
            Vocabulary(
                "mistral",
                "Mistral's names",
                MISTRAL_2603,
                "mistral",
                "The API leaves them out of its answer.",
            ),
            Vocabulary(
                "perspective",
                "Perspective's attributes",
                _without_aliases(PERSPECTIVE),
                "perspective",
                "The API refuses a request for them.",
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a vocabulary. `category` is the one of ours that decides its flag."""

    name: str
    category: Category
    score: float
    threshold: float
    flagged: bool

    @property
    def description(self) -> str:
        """What the deciding category means."""
        return DESCRIPTIONS[self.category]


def rows(
    view: View, verdict: Verdict, thresholds: Mapping[Category, float]
) -> tuple[list[Row], list[str]]:
    """The names that `verdict` answers for, flagged and high ones first, and those it does not."""
    scores = view.scores(verdict.scores)
    flags = view.flags(verdict.flags)
    answered = []
    for name, score in scores.items():
        category = _deciding(view.mapping[name], verdict)
        answered.append(Row(name, category, score, thresholds[category], flags[name]))
    answered.sort(key=lambda row: (not row.flagged, -row.score))
    return answered, [name for name in view.names if name not in scores]


def flagged_elsewhere(view: View, verdict: Verdict) -> list[Category]:
    """Flagged categories that `view` has no name for: leaving its words must not hide them."""
    covered = {part for parts in view.mapping.values() for part in parts}
    return [part for part, flagged in verdict.flags.items() if flagged and part not in covered]


def _deciding(parts: tuple[Category, ...], verdict: Verdict) -> Category:
    """The flagged category with the highest score, or else the one with the highest score."""
    return max(
        (part for part in parts if part in verdict.scores),
        key=lambda part: (verdict.flags[part], verdict.scores[part]),
    )
