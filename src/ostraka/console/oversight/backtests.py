"""A backtest as its page shows it: the report, with the texts of its examples looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.estimates.shares import Share
from ostraka.review.comparison import AgainstPeople, BacktestReport, Compared, Example
from ostraka.review.tables import BacktestRow, ItemRow
from ostraka.taxonomy import Action

WINDOWS: Final[Mapping[str, tuple[int | None, str]]] = {
    "20000": (20_000, "The newest 20,000 items"),
    "1000": (1_000, "The newest 1,000 items"),
    "all": (None, "All items"),
}
"""Which items to replay, by the form's value: how many, and in words."""
ORDER: Final = tuple(str(action) for action in Action)


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of both versions."""

    name: str
    meaning: str
    before: Share
    after: Share


@dataclass(frozen=True, slots=True)
class ShownExample:
    """An example with its text; None where that was erased."""

    example: Example
    text: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions over the same items, ready to be shown."""

    compared: Compared
    actions: Sequence[str]
    """Those that occur, in their usual order."""
    cells: Mapping[tuple[str, str], int]
    measures: Sequence[Measured]
    caught: Sequence[ShownExample]
    freed: Sequence[ShownExample]
    changed: Sequence[ShownExample]
    against_people: Sequence[ShownExample]

    @property
    def texts(self) -> list[str | None]:
        """Everything that may have words to soften."""
        groups = (self.caught, self.freed, self.changed, self.against_people)
        return [each.text for group in groups for each in group]


@dataclass(frozen=True, slots=True)
class BacktestView:
    """A kept report."""

    row: BacktestRow
    report: BacktestReport
    comparison: Comparison

    @property
    def texts(self) -> list[str | None]:
        """Everything that may have words to soften."""
        return self.comparison.texts


def backtest_view(session: Session, row: BacktestRow | None) -> BacktestView | None:
    """A report that was kept; None if there is none."""
    if row is None:
        return None
    report = BacktestReport.from_dict(row.report)
    return BacktestView(row, report, comparison_view(session, report.compared))


def comparison_view(session: Session, compared: Compared) -> Comparison:
    """Two versions side by side, with the texts of the examples."""
    groups = (compared.caught, compared.freed, compared.changed, compared.against_people)
    ids = {each.item_id for group in groups for each in group}
    rows = session.execute(select(ItemRow.id, ItemRow.text).where(ItemRow.id.in_(ids)))
    texts: dict[str, str | None] = {item_id: text for item_id, text in rows}
    occur = {each.before for each in compared.matrix} | {each.after for each in compared.matrix}
    shown = [[ShownExample(each, texts.get(each.item_id)) for each in group] for group in groups]
    return Comparison(
        compared=compared,
        actions=[action for action in ORDER if action in occur],
        cells={(each.before, each.after): each.items for each in compared.matrix},
        measures=_measures(compared.people_before, compared.people_after),
        caught=shown[0],
        freed=shown[1],
        changed=shown[2],
        against_people=shown[3],
    )


def _measures(before: AgainstPeople, after: AgainstPeople) -> Sequence[Measured]:
    return (
        Measured(
            "Precision",
            "of the items it acts on by itself, people found so many to be violations",
            before.precision,
            after.precision,
        ),
        Measured(
            "Recall",
            "of the violations that people found, it acts on so many by itself",
            before.recall,
            after.recall,
        ),
        Measured(
            "Found",
            "of the violations that people found, it acts on or shows to people so many",
            before.found,
            after.found,
        ),
        Measured(
            "Same action",
            "of the items that people decided, it says the same of so many",
            before.same_action,
            after.same_action,
        ),
    )
