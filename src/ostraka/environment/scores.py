"""Where the scores of agents come from that ask the policy engine: keywords, or the classifier."""

from collections.abc import Callable, Mapping
from typing import Final

from ostraka.environment.items import CATEGORY_OF
from ostraka.environment.library import keywords
from ostraka.moderator import Moderator

Scorer = Callable[[str], Mapping[str, float]]
_CERTAIN: Final = 0.97


def violation_by_keywords(text: str) -> str:
    """The violation type most of whose keywords `text` holds, or `none`."""
    lowered = text.lower()
    hits = {
        violation: sum(word in lowered for word in words) for violation, words in keywords().items()
    }
    best = max(hits, key=hits.__getitem__)
    return best if hits[best] else "none"


def keyword_scores(text: str) -> dict[str, float]:
    """Certainty for the type that the keywords name, and next to nothing for the others."""
    scores = {"insult": 0.02}
    violation = violation_by_keywords(text)
    if violation != "none":
        scores[CATEGORY_OF[violation]] = _CERTAIN
    return scores


def cascade_scores(moderator: Moderator, model: str | None = None) -> Scorer:
    """The scores of the platform's own classifier, held against its own thresholds.

    `model` is one of the classifier's, its default unless named.

    A category that it flags counts as certain, whatever mark a community has chosen for other
    assessors; what it does not model at all is left to keywords.
    """
    modelled = {category.value for category in moderator.categories}

    def scores(text: str) -> dict[str, float]:
        verdict = moderator.moderate(text, model=model)
        found = {name: each for name, each in keyword_scores(text).items() if name not in modelled}
        for category, score in verdict.scores.items():
            flagged = verdict.flags[category]
            found[category.value] = max(_CERTAIN, float(score)) if flagged else float(score)
        return found

    return scores
