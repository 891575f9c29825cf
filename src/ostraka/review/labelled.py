"""What people decided, as rows that teach a classifier, and where each row comes from.

An item's label is the violation of the newest decision that counts and stands; so what an appeal
overturned is corrected, and what was undone is left out. The shares of its `soft_labels` are those
of everybody who gave an opinion that stands, blind second reviews too; what was said before a
decision that was overturned stands no longer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, groupby
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from ostraka.errors import InvalidInputError
from ostraka.review.measures import Period
from ostraka.review.tables import DecisionRow, ItemRow
from ostraka.taxonomy import Action, ViolationType
from ostraka.train.examples import parse_example

TARGET: Final = "moderation"
_AT_A_TIME: Final = 1000


@dataclass(frozen=True, slots=True)
class Opinion:
    """One decision on an item, as far as it matters here."""

    id: str
    reviewer: str
    action: str
    violation: str
    policy: str
    made_at: datetime
    counts: bool
    undone: bool

    @property
    def label(self) -> str:
        """Its violation; what is approved has none."""
        return str(ViolationType.NONE) if self.action == Action.APPROVE else self.violation


@dataclass(frozen=True, slots=True)
class Labelled:
    """A row to learn from, and its provenance."""

    row: dict[str, Any]
    provenance: dict[str, Any]
    label: str
    corrected: bool
    """Whether an earlier decision had said otherwise, and counted."""
    pairs: int
    agreeing: int
    """Of the pairs of reviewers, those who said the same."""


@dataclass(slots=True)
class Tally:
    """What became of the items that were decided."""

    rows: int = 0
    corrected: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    reviewers: set[str] = field(default_factory=set)
    pairs: int = 0
    agreeing: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def note(self, made: Labelled, opinions: Sequence[Opinion]) -> None:
        """Count a row."""
        self.rows += 1
        self.corrected += made.corrected
        self.labels[made.label] += 1
        self.policies[made.provenance["policy"]] += 1
        self.reviewers |= {each.reviewer for each in opinions}
        self.pairs += made.pairs
        self.agreeing += made.agreeing
        moments = [each.made_at for each in opinions]
        self.first = min(moments) if self.first is None else min(self.first, *moments)
        self.last = max(moments) if self.last is None else max(self.last, *moments)

    def as_dict(self) -> dict[str, Any]:
        """The summary of the data set."""
        return {
            "rows": self.rows,
            "labels": dict(sorted(self.labels.items())),
            "corrected": self.corrected,
            "left_out": {why: count for why, count in sorted(self.left_out.items()) if count},
            "policies": dict(self.policies.most_common()),
            "reviewers": len(self.reviewers),
            "agreement": {
                "pairs": self.pairs,
                "share": self.agreeing / self.pairs if self.pairs else None,
            },
            "decided_from": self.first.isoformat() if self.first else None,
            "decided_to": self.last.isoformat() if self.last else None,
        }


def labelled_rows(
    session: Session,
    period: Period,
    tally: Tally,
    *,
    target: str = TARGET,
    reviewers: int = 1,
    agents: bool = False,
) -> Iterator[Labelled]:
    """Rows of the items decided in a period, counted in `tally` as they come.

    Args:
        session: only reads.
        period: when the decision that counts was made.
        tally: what to count in.
        target: the name of the target that the labels are of.
        reviewers: how many people must have said something.
        agents: whether opinions of agents are taken too.
    """
    for (item_id, text, erased), opinions in _by_item(_opinions(session, agents=agents)):
        standing = [each for each in opinions if not each.undone]
        counting = [each for each in standing if each.counts]
        if not counting:
            tally.left_out["undone"] += any(each.counts for each in opinions)
            continue
        decision = counting[-1]
        if not period.since <= decision.made_at < period.until:
            continue
        if erased or text is None:
            tally.left_out["erased"] += 1
            continue
        if len({each.reviewer for each in standing}) < reviewers:
            tally.left_out["too few reviewers"] += 1
            continue
        made = _labelled(item_id, text, standing, target)
        if made is None:
            tally.left_out["unusable text"] += 1
            continue
        tally.note(made, standing)
        yield made


def _labelled(item_id: str, text: str, standing: Sequence[Opinion], target: str) -> Labelled | None:
    decision = next(each for each in reversed(standing) if each.counts)
    label = decision.label
    overturned = [
        place for place, each in enumerate(standing) if each.counts and each.label != label
    ]
    # What came before a decision that was overturned was overturned with it.
    opinions = standing[overturned[-1] + 1 :] if overturned else standing
    newest = {each.reviewer: each for each in opinions}
    said = Counter(each.label for each in newest.values())
    people = said.total()
    pairs = list(combinations(said.elements(), 2))
    agreeing = sum(one == other for one, other in pairs)
    row: dict[str, Any] = {"text": text, "labels": {target: _names([label])}}
    shares = {name: said[name] / people for name in _names(sorted(said))}
    if people > 1 and shares:
        row["soft_labels"] = {target: shares}
    try:
        parse_example(row)
    except InvalidInputError:
        return None
    provenance = {
        "item_id": item_id,
        "decision_id": decision.id,
        "decision_ids": [each.id for each in opinions],
        "policy": decision.policy,
        "reviewers": people,
        "agreement": agreeing / len(pairs) if pairs else None,
        "decided_at": decision.made_at.isoformat(),
    }
    return Labelled(row, provenance, label, bool(overturned), len(pairs), agreeing)


def _names(labels: Iterable[str]) -> list[str]:
    return [label for label in labels if label != ViolationType.NONE]


def _opinions(session: Session, *, agents: bool) -> Iterator[tuple[Any, Opinion]]:
    """Every opinion with its item, item by item, the oldest first."""
    inverse = aliased(DecisionRow)
    wanted: Any = (
        select(
            ItemRow.id.label("item_id"),
            ItemRow.text,
            ItemRow.erased_at.is_not(None).label("erased"),
            DecisionRow.id,
            DecisionRow.reviewer_id,
            DecisionRow.action,
            DecisionRow.violation,
            DecisionRow.policy_digest,
            DecisionRow.created_at,
            DecisionRow.counts,
            exists().where(inverse.reverses == DecisionRow.id).label("undone"),
        )
        .join(ItemRow, ItemRow.id == DecisionRow.item_id)
        .where(DecisionRow.reverses.is_(None), DecisionRow.action != Action.ESCALATE)
        .order_by(DecisionRow.item_id, DecisionRow.id)
    )
    if not agents:
        wanted = wanted.where(DecisionRow.reviewer_kind == "person")
    for row in session.execute(wanted, execution_options={"yield_per": _AT_A_TIME}):
        yield (row.item_id, row.text, row.erased), Opinion(*row[3:])


def _by_item(
    opinions: Iterable[tuple[Any, Opinion]],
) -> Iterator[tuple[Any, list[Opinion]]]:
    for item, group in groupby(opinions, key=lambda each: each[0]):
        yield item, [opinion for _, opinion in group]
