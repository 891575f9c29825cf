"""Which words of a text mattered, for every category at once.

Each run of words is left out in turn (see `assess.explanation`), and what is left is scored by
the stage that answered, through the same queue as all other texts. How much a word matters is
told by the change in the odds, because near 0 and 1 a probability hardly moves at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostraka.assess.explanation import word_spans
from ostraka.console.services import Scorer
from ostraka.console.vocabularies import Row
from ostraka.moderator import Verdict

LOWEST_SCORE: Final = 0.2
"""Below this there is nothing to explain."""

MOST_ROWS: Final = 5
MOST_LISTED: Final = 8
_LONGEST_QUOTE: Final = 60
_STEPS: Final = (0.25, 0.8, 1.8)
"""Changes of the log-odds from which a word matters a little, clearly, strongly."""

JUDGE_STAGE: Final = "llm"
"""Its words are its own; no words are left out to ask it again."""

STRENGTHS: Final = ("", "a little", "clearly", "strongly")
_LONGEST_EXPLAINED: Final = {"lexical": 20_000}
_LONGEST_EXPLAINED_BY_OTHERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Word:
    """A run of words, the score without it, and how much it matters: 1 to 3."""

    begin: int
    end: int
    quote: str
    score_without: float
    strength: int
    raises: bool

    @property
    def how_much(self) -> str:
        """The strength in words."""
        return STRENGTHS[self.strength]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text, with the word that it is, if that one mattered."""

    text: str
    word: Word | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why one row has its score: the text in pieces, and the words that mattered most, in order."""

    row: Row
    pieces: Sequence[Piece]
    words: Sequence[Word]


def longest_explained(stage: str) -> int:
    """The longest text, in characters, whose words are tried one by one with this stage."""
    return _LONGEST_EXPLAINED.get(stage, _LONGEST_EXPLAINED_BY_OTHERS)


async def reasons(
    scorer: Scorer, text: str, verdict: Verdict, rows: Sequence[Row]
) -> list[Reasons]:
    """The reasons for the rows that are flagged or at least noticeable.

    Raises:
        OverloadedError: the queue is full.
    """
    worth = [row for row in rows if row.flagged or row.score >= LOWEST_SCORE][:MOST_ROWS]
    if not worth:
        return []
    spans = word_spans(text)
    variants = [text[:begin] + text[end:] for begin, end in spans]
    without = await scorer.verdicts(variants, f"ostraka-{verdict.stage}")
    return [
        _reasons_of_row(
            row,
            text,
            verdict.scores[row.category],
            [
                (begin, end, each.scores[row.category])
                for (begin, end), each in zip(spans, without, strict=True)
            ],
        )
        for row in worth
    ]


def _reasons_of_row(
    row: Row, text: str, score: float, spans: Sequence[tuple[int, int, float]]
) -> Reasons:
    whole = _log_odds(score)
    changes = [(whole - _log_odds(rest), begin, end, rest) for begin, end, rest in spans]
    words = [
        Word(begin, end, _quote(text[begin:end]), rest, strength, change > 0)
        for change, begin, end, rest in changes
        if (strength := sum(abs(change) >= step for step in _STEPS))
    ]
    by_effect = sorted(words, key=lambda word: -abs(whole - _log_odds(word.score_without)))
    return Reasons(row, _pieces(text, words), by_effect[:MOST_LISTED])


def _pieces(text: str, words: Sequence[Word]) -> list[Piece]:
    pieces = []
    at = 0
    for word in words:
        pieces.append(Piece(text[at : word.begin], None))
        pieces.append(Piece(text[word.begin : word.end], word))
        at = word.end
    pieces.append(Piece(text[at:], None))
    return [piece for piece in pieces if piece.text]


def _quote(text: str) -> str:
    """A run of words on one line, shortened in its middle."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST_QUOTE:
        return line
    half = _LONGEST_QUOTE // 2
    return f"{line[:half]} … {line[-half:]}"


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
