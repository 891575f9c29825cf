"""The shapes of the insights: what happened per day and queue, and what moves."""

from dataclasses import dataclass
from typing import Any

import msgspec

from ostraka.estimates.agreement import Estimate


@dataclass(frozen=True, slots=True)
class DayVolume:
    """One day: what came in and what was done."""

    day: str
    """As `2026-11-21`, in UTC."""
    items: int
    reports: int
    appeals: int
    decisions: int
    """By people and agents, that acted; without what was undone."""


@dataclass(frozen=True, slots=True)
class DayAction:
    """One day: how many items the policy, or people, gave an action."""

    day: str
    by: str
    """`policy`, `person` or `agent`."""
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class QueueDay:
    """One queue on one day."""

    day: str
    queue: str
    opened: int
    closed: int
    """Decided or withdrawn."""
    late: int
    """Closed after they were due."""
    backlog: int
    """Open at the end of the day, or now."""
    overdue: int
    """Open and past their deadline at the end of the day, or now."""
    median_seconds: float | None
    """From claim to decision; None where nothing was decided."""
    slow_seconds: float | None
    """Nine in ten decisions were faster."""


@dataclass(frozen=True, slots=True)
class Handling:
    """How long decisions took in one queue, over the whole period."""

    queue: str
    decisions: int
    quarter_seconds: float | None
    median_seconds: float | None
    three_quarters_seconds: float | None
    slow_seconds: float | None
    """Nine in ten decisions were faster."""
    kept_deadline: float | None
    """The share of cases that were closed before they were due."""


@dataclass(frozen=True, slots=True)
class AgreementOverTime:
    """Agreement of reviewers in one week."""

    week: str
    """Its Monday."""
    alpha: Estimate


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the scores of one category have moved between two windows."""

    model: str
    category: str
    items_before: int
    items_after: int
    mean_before: float | None
    mean_after: float | None
    index: float | None
    """The population stability index."""
    movement: str
    """`stable` below 0.1, `moved` below 0.25, `shifted` above, `unknown` with too few scores."""


@dataclass(frozen=True, slots=True)
class Insights:
    """What the insights page shows."""

    since: str
    until: str
    volume: tuple[DayVolume, ...]
    actions: tuple[DayAction, ...]
    queues: tuple[QueueDay, ...]
    handling: tuple[Handling, ...]
    agreement: tuple[AgreementOverTime, ...]
    drift: tuple[Drift, ...]
    drift_before: tuple[str, str]
    """The window that the scores of the period are compared with."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return written
