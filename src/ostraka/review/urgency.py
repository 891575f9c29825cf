"""How soon a case is due, and why: the queue's deadline less what its facts take off.

A case is due at a moment that is fixed when it opens. So the order of a queue needs no recount as
cases grow older, and none waits for ever: whatever opens after a case was due comes behind it. The
moment only moves forward, when more reports or a larger reach come in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

SEVERITY_SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {"low": 0.0, "medium": 0.15, "high": 0.4, "critical": 0.7}
)
"""What a violation's severity takes off, as a share of the deadline."""

REACH_SHARE: Final = 0.12
REACH_OF_ALL: Final = 1_000_000
"""So many readers take off the whole share; each tenth of them a sixth less."""

REPORTS_SHARE: Final = 0.1
REPORTS_OF_ALL: Final = 31
"""So many reports take off the whole share; each halving a fifth less."""

DOUBT_SHARE: Final = 0.05
"""All shares together stay below 1: nothing is due before it opened."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What makes a case urgent."""

    severity: str
    """Of the violation that it may be: low, medium, high or critical."""
    reach: int = 0
    """How many people have seen the item or will."""
    reports: int = 0
    doubt: float = 0.0
    """How unsure the assessors are, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the time there is: the deadline first, then what is taken off it."""

    reason: str
    seconds: int
    """Whole minutes; negative where it is taken off."""

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the case's row."""
        return {"reason": self.reason, "seconds": self.seconds}


def parts_of(deadline: timedelta, pressure: Pressure) -> tuple[Part, ...]:
    """What adds up to the time there is for a case; what takes nothing off is left out.

    Raises:
        ValueError: a severity that is none.
    """
    if pressure.severity not in SEVERITY_SHARES:
        raise ValueError(f"'{pressure.severity}' is none of {', '.join(SEVERITY_SHARES)}")
    whole = int(deadline.total_seconds())
    reach = REACH_SHARE * _share(pressure.reach, REACH_OF_ALL)
    reports = REPORTS_SHARE * _share(pressure.reports, REPORTS_OF_ALL)
    doubt = DOUBT_SHARE * min(1.0, max(0.0, pressure.doubt))
    taken = (
        (f"{pressure.severity} severity", SEVERITY_SHARES[pressure.severity]),
        (f"a reach of {pressure.reach:,}", reach),
        (f"{pressure.reports:,} report{'s' if pressure.reports != 1 else ''}", reports),
        ("doubt of the assessors", doubt),
    )
    minutes = [(reason, int(whole * share / 60)) for reason, share in taken]
    less = [Part(reason, -count * 60) for reason, count in minutes if count]
    return (Part("deadline of the queue", whole - whole % 60), *less)


def parts_from(stored: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Parts as they stand in a case's row."""
    return tuple(Part(each["reason"], each["seconds"]) for each in stored)


def deadline_of(parts: Sequence[Part]) -> timedelta:
    """The queue's deadline that the parts were taken off."""
    return timedelta(seconds=parts[0].seconds)


def due_at(opened_at: datetime, parts: Sequence[Part]) -> datetime:
    """When a case that opened at a moment must be decided."""
    return opened_at + timedelta(seconds=sum(part.seconds for part in parts))


def urgency_sentence(parts: Sequence[Part], opened_at: datetime, now: datetime) -> str:
    """Why a case is due when it is, in a sentence whose times add up."""
    waited = max(0, int((now - opened_at).total_seconds() // 60))
    left = sum(part.seconds for part in parts) // 60 - waited
    words = [f"{_duration(parts[0].seconds // 60)} to decide"]
    words += [f"less {_duration(-part.seconds // 60)} for {part.reason}" for part in parts[1:]]
    words += [f"less {_duration(waited)} waited"] if waited else []
    end = f"{_duration(left)} left" if left >= 0 else f"overdue by {_duration(-left)}"
    return f"{', '.join(words)}: {end}."


def _share(count: int, whole: int) -> float:
    return min(1.0, math.log1p(max(0, count)) / math.log1p(whole))


def _duration(minutes: int) -> str:
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    found = [
        f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count
    ]
    return " ".join(found) or "0 min"
