"""Which words moved a score, seen from both sides: left out, and alone.

Leaving a word out shows nothing where two words would each be enough; a word's score alone does.
"""

from dataclasses import dataclass

from ostraka.moderator import Moderator
from ostraka.taxonomy import Category


@dataclass(frozen=True, slots=True)
class Word:
    """Characters `begin` to `end` of a text.

    `weight` is what the score loses without them; `alone` is the score of nothing but them.
    """

    begin: int
    end: int
    text: str
    weight: float
    alone: float


def explained(moderator: Moderator, model: str, text: str, category: Category) -> list[Word]:
    """Every word (or run of words, in long texts) of `text`, in text order."""
    spans = moderator.explain(text, category, model=model)
    words = [text[span.begin : span.end] for span in spans]
    verdicts = moderator.moderate_many(words, model=model)
    return [
        Word(span.begin, span.end, word, span.weight, round(verdict.scores[category], 6))
        for span, word, verdict in zip(spans, words, verdicts, strict=True)
    ]
