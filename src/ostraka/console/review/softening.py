"""Which words of a text are blurred until somebody looks: what swears, insults or is graphic.

Each word is scored by itself by the lexical stage, which takes a tenth of a millisecond, and what
it said is remembered. Names of groups of people are not softened for being named: the scores for
hate are left out on purpose. Where a word cannot be scored it is softened.
"""

import itertools
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.console.services import Scorer
from ostraka.console.words import Word
from ostraka.errors import OverloadedError
from ostraka.taxonomy import Category

MODEL: Final = "ostraka-lexical"
MOST_REMEMBERED: Final = 50_000
MOST_SCORED: Final = 2_000
"""New words at once; what is beyond is softened."""

SOFTENED_FROM: Final[Mapping[Category, float]] = MappingProxyType(
    {
        Category.PROFANITY: 0.5,
        Category.SEVERE_TOXICITY: 0.5,
        Category.SEXUAL: 0.5,
        Category.VIOLENCE_GRAPHIC: 0.5,
        Category.VIOLENCE: 0.9,
        Category.INSULT: 0.9,
    }
)
"""From which score of a word alone it is softened…"""

RUDE_FROM: Final = 0.8
"""… if it is rude at all or sexual: a single category alone says odd things of little words."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’\-*][^\W\d_]+)*")
_LONGEST_WORD: Final = 60


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a text: whether it is softened, and the word that moved a score there."""

    text: str
    soft: bool = False
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class SoftWords:
    """The words of some texts that are to be softened."""

    words: frozenset[str]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where they are in a text."""
        found = _WORD.finditer(text)
        return [match.span() for match in found if _normal(match.group()) in self.words]

    def fragments(self, text: str, moving: Sequence[Word] = ()) -> list[Fragment]:
        """A text in parts; `moving` are the runs of words that moved a score, in order."""
        soft = self.spans(text)
        cuts = {0, len(text)}
        cuts.update(place for span in soft for place in span)
        cuts.update(place for word in moving for place in (word.begin, word.end))
        places = sorted(place for place in cuts if 0 <= place <= len(text))
        starts = {place for begin, end in soft for place in places if begin <= place < end}
        by_start = {
            place: word for word in moving for place in places if word.begin <= place < word.end
        }
        return [
            Fragment(text[begin:end], begin in starts, by_start.get(begin))
            for begin, end in itertools.pairwise(places)
        ]


class Softener:
    """Remembers which words are soft. One per application; used in its event loop alone."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, bool] = OrderedDict()

    async def of(self, scorer: Scorer, texts: Iterable[str | None]) -> SoftWords:
        """The soft words of all these texts."""
        words = dict.fromkeys(
            _normal(word) for text in texts if text for word in _WORD.findall(text)
        )
        new = [word for word in words if word not in self._known]
        with suppress(OverloadedError):  # what stays unknown is softened
            await self._learn(scorer, new[:MOST_SCORED])
        soft = frozenset(word for word in words if self._known.get(word, True))
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return SoftWords(soft)

    async def _learn(self, scorer: Scorer, words: Sequence[str]) -> None:
        if not words:
            return
        scorable = [word[:_LONGEST_WORD] for word in words]
        for word, verdict in zip(words, await scorer.verdicts(scorable, MODEL), strict=True):
            self._known[word] = is_soft(verdict.scores)


def is_soft(scores: Mapping[Category, float]) -> bool:
    """Whether a word with these scores by itself is softened; pure."""
    sexual = scores.get(Category.SEXUAL, 0.0) >= SOFTENED_FROM[Category.SEXUAL]
    if not sexual and scores.get(Category.TOXICITY, 1.0) < RUDE_FROM:
        return False
    return any(scores.get(category, 0.0) >= least for category, least in SOFTENED_FROM.items())


def _normal(word: str) -> str:
    return word.casefold()
