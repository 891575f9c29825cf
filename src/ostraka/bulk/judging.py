"""Rows in, verdicts or the reason why there is none out. Nothing unjudged passes as safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ostraka.bulk.rows import Batch
from ostraka.errors import InvalidInputError
from ostraka.moderator import Moderator, Verdict
from ostraka.taxonomy import Category


@dataclass(frozen=True, slots=True)
class Judged:
    """One row: its number, the text, and either a verdict or a problem.

    `categories` are the flagged ones among those that were asked for.
    """

    number: int
    text: str | None
    verdict: Verdict | None = None
    problem: str | None = None
    categories: tuple[Category, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether any category that was asked for is flagged."""
        return bool(self.categories)


class RowJudge:
    """A moderator with what one run asks of it: a model, some categories, a longest text."""

    def __init__(
        self,
        moderator: Moderator,
        *,
        model: str | None = None,
        categories: Sequence[str] = (),
        longest: int = 100_000,
    ) -> None:
        asked = moderator.cascade(model)
        unknown = [name for name in categories if name not in asked.categories]
        if unknown:
            raise InvalidInputError(
                f"'{unknown[0]}' is not modelled; one of {', '.join(asked.categories)}",
                field="--category",
            )
        wanted = categories or asked.categories
        self.categories = tuple(c for c in asked.categories if c in wanted)
        self.moderator = moderator
        self.model = asked.pinned_name
        self._longest = longest

    @property
    def thresholds(self) -> dict[Category, float]:
        """From which probability each category is flagged."""
        return {category: self.moderator.threshold(category) for category in self.categories}

    def texts(self, texts: Sequence[str]) -> list[Judged]:
        """Judge texts; numbers count from 1."""
        return self._judge(list(enumerate(texts, 1)), [None] * len(texts))

    def batch(self, batch: Batch, column: str) -> list[Judged]:
        """Judge one column of a batch of rows."""
        texts = list(enumerate(batch.column(column), batch.first))
        return self._judge(texts, [batch.problem(index) for index in range(len(batch))])

    def _judge(
        self, rows: Sequence[tuple[int, Any]], problems: Sequence[str | None]
    ) -> list[Judged]:
        found = [
            known or problem_of(text, self._longest)
            for (_, text), known in zip(rows, problems, strict=True)
        ]
        sound = [text for (_, text), problem in zip(rows, found, strict=True) if problem is None]
        verdicts = iter(self.moderator.moderate_many(sound, model=self.model))
        return [
            self._judged(number, text, next(verdicts))
            if problem is None
            else Judged(number, text if isinstance(text, str) else None, problem=problem)
            for (number, text), problem in zip(rows, found, strict=True)
        ]

    def _judged(self, number: int, text: str, verdict: Verdict) -> Judged:
        flagged = tuple(category for category in self.categories if verdict.flags[category])
        return Judged(number, text, verdict, categories=flagged)


def problem_of(text: Any, longest: int) -> str | None:
    """Why a row's value cannot be judged as a text, if so."""
    if text is None:
        return "has no text"
    if not isinstance(text, str):
        return f"is no text but {_kind(text)}"
    if not text.strip():
        return "is empty"
    if len(text) > longest:
        return f"is too long: {len(text):,} characters, at most {longest:,}"
    if not text.isascii() and _has_surrogate(text):
        return "is not valid Unicode (a lone surrogate)"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return names.get(type(value), type(value).__name__)


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
