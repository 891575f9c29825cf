"""What looking at all this does to people: what they saw today, and when to nudge them."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from ostraka.access.exposures import exposures_on, note_exposure
from ostraka.access.person import LOCAL
from ostraka.policy.document import PolicyDocument
from ostraka.policy.severity import Severity
from ostraka.review.tables import CaseRow, VerdictRow

HEAVY: Final = (Severity.HIGH, Severity.CRITICAL)
NUDGE_EVERY: Final = 25
"""Heavy items of one category in a day, after which somebody is asked to pause or change."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What somebody saw today."""

    seen: Sequence[tuple[str, int]]
    nudge: str
    """A sentence; empty while there is no reason for one."""


class LocalExposures:
    """What was seen at a console that is open to its machine, where nobody is known by name.

    Counted per day in this process, and forgotten with it. Threads may share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._day = date.min
        self._seen: Counter[str] = Counter()

    def note(self, categories: Iterable[str], day: date) -> None:
        """Count one item with these categories."""
        with self._lock:
            if day != self._day:
                self._day, self._seen = day, Counter()
            self._seen.update(set(categories))

    def on(self, day: date) -> Mapping[str, int]:
        """The items that were seen on a day, by category, most first."""
        with self._lock:
            return dict(self._seen.most_common()) if day == self._day else {}


def note_case(
    session: Session,
    reviewer_id: str,
    case: CaseRow,
    document: PolicyDocument,
    now: datetime,
    local: LocalExposures,
) -> None:
    """Count a case that somebody is done with."""
    verdict = session.get_one(VerdictRow, case.verdict_id)
    categories = shown_categories(verdict.scores, document)
    if reviewer_id == LOCAL.id:
        local.note(categories, now.date())
    else:
        note_exposure(session, reviewer_id, categories, now.date())


def exposure_of(
    session: Session,
    reviewer_id: str,
    document: PolicyDocument,
    now: datetime,
    local: LocalExposures,
) -> Exposure:
    """What somebody saw today, and whether that is a reason to pause."""
    today = now.date()
    is_local = reviewer_id == LOCAL.id
    seen = local.on(today) if is_local else exposures_on(session, reviewer_id, today)
    return Exposure(list(seen.items()), nudge_of(seen, heavy_categories(document)))


def shown_categories(scores: Mapping[str, float], document: PolicyDocument) -> list[str]:
    """The categories of an item that reach at least the policy's mark of doubt."""
    known = document.categories
    return [
        name
        for name, score in scores.items()
        if name in known and score >= known[name].mark("doubtful")
    ]


def heavy_categories(document: PolicyDocument) -> list[str]:
    """The categories that weigh on those who look at them."""
    return [name for name, each in document.categories.items() if each.severity in HEAVY]


def nudge_of(seen: Mapping[str, int], heavy: Iterable[str]) -> str:
    """What to say to somebody who saw so much of these categories; pure."""
    worst = max(((seen.get(name, 0), name) for name in heavy), default=(0, ""))
    count, name = worst
    if count < NUDGE_EVERY:
        return ""
    return (
        f"You have seen {count} items of the category {name} today. "
        "Pause for a while, or go on with another queue: nobody counts your pauses."
    )
