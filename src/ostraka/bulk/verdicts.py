"""The columns that judging adds to a row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ostraka.errors import InvalidInputError
from ostraka.taxonomy import Category

if TYPE_CHECKING:  # whoever reads files without judging them needs no classifier
    from ostraka.bulk.judging import Judged

DEFAULT_PREFIX: Final = "ostraka_"


class VerdictColumns:
    """Names and values of the added columns; every name starts with `prefix`.

    `row` counts from 1 in the input; `flagged` is empty where `error` says why there is no
    verdict; `categories` lists the flagged ones; one `score_…` per category; `stage` answered;
    `model` is the pinned name, digest included.
    """

    plain: Final = ("row", "flagged", "categories", "stage", "model", "error")

    def __init__(self, categories: Sequence[Category], prefix: str = DEFAULT_PREFIX) -> None:
        self.prefix = prefix
        self.scores = {category: f"{prefix}score_{category}" for category in categories}
        self.names = (*(self.named(short) for short in self.plain), *self.scores.values())

    def named(self, short: str) -> str:
        """The full name of a plain column."""
        return self.prefix + short

    def check(self, columns: Sequence[str]) -> None:
        """Refuse to overwrite a column of the input.

        Raises:
            InvalidInputError: the input has a column of the same name.
        """
        taken = [name for name in self.names if name in columns]
        if taken:
            raise InvalidInputError(
                f"the input has a column '{taken[0]}' already; choose another --prefix",
                field="--prefix",
            )

    def of(self, judged: "Judged", model: str) -> dict[str, Any]:
        """The added values of one row, by full name."""
        verdict = judged.verdict
        values: dict[str, Any] = dict.fromkeys(self.names)
        values[self.named("row")] = judged.number
        values[self.named("model")] = model
        values[self.named("error")] = judged.problem
        if verdict is not None:
            values[self.named("flagged")] = judged.flagged
            values[self.named("categories")] = [str(category) for category in judged.categories]
            values[self.named("stage")] = verdict.stage
            for category, name in self.scores.items():
                values[name] = round(verdict.scores[category], 6)
        return values
