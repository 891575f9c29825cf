"""The shapes of the quality report: how far reviewers, policies and models agree and are right."""

from dataclasses import dataclass
from typing import Any

import msgspec

from ostraka.estimates.agreement import Estimate
from ostraka.estimates.shares import Share


@dataclass(frozen=True, slots=True)
class AgreementFigure:
    """Agreement of one policy version, reviewer or model, on actions and on violations.

    `kappa` is Cohen's. For a policy it compares first with second opinions, for a reviewer theirs
    with everybody else's on the same cases, for a model what it made of an item with what people
    decided. `alpha` is Krippendorff's over all opinions on the same cases, so it has no place
    where a model is compared.
    """

    subject: str
    """A policy's digest, a reviewer's id, a model's pinned id; `all` for everything together."""
    label: str
    """`action` or `violation`."""
    cases: int
    """Cases with two opinions or more."""
    same: Share
    """Pairs of opinions that say the same."""
    kappa: Estimate
    alpha: Estimate | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a reviewer was right where the right decision is known."""

    reviewer_id: str
    reviewer_kind: str
    golden: Share
    """Golden cases: action and violation both right."""
    golden_action: Share
    """Golden cases: the action right."""
    upheld: Share
    """Disagreements that a lead decided as the reviewer had."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One case of a confusion pair."""

    item_id: str
    case_id: str
    first_reviewer: str
    second_reviewer: str
    decided_at: str
    adjudication: str | None
    """What a lead made of it, as `action/violation`; None where nobody has decided it."""


@dataclass(frozen=True, slots=True)
class ConfusionPair:
    """Two decisions that reviewers make of the same items: where guidance may be unclear."""

    first: str
    """`action/violation`; of the two the one that sorts first."""
    second: str
    times: int
    open: int
    """How many of them no lead has decided."""
    settled: tuple[tuple[str, int], ...]
    """What leads made of the others, the most frequent first."""
    newest: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """A golden decision, and what reviewers made of it instead."""

    golden: str
    """`action/violation`."""
    decided: str
    times: int


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Quality of decisions in a period."""

    since: str
    until: str
    decisions: int
    """Opinions looked at."""
    second_reviews: int
    golden_cases: int
    adjudications: int
    overall: tuple[AgreementFigure, ...]
    policies: tuple[AgreementFigure, ...]
    reviewers: tuple[AgreementFigure, ...]
    models: tuple[AgreementFigure, ...]
    accuracy: tuple[Accuracy, ...]
    confusion: tuple[ConfusionPair, ...]
    missed: tuple[Missed, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return written
