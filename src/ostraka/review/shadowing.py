"""Let drafts and a candidate model see what acts, later and without acting.

In the transaction that takes items in, only a note is left of which verdicts are to be looked at: a
piece of work. A worker does the rest, so that no request waits for a shadow and none can fail by
one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from ostraka.review.quality import is_sampled
from ostraka.settings import Settings
from ostraka.work.queue import enqueue

QUEUE: Final = "shadow"
LOOK: Final = "shadow"
TOGETHER: Final = 200
"""Verdicts in one piece of work."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is tried, on a share of all items."""

    model: str
    share: float

    @classmethod
    def of(cls, settings: Settings) -> "Candidate | None":
        """The candidate of the settings, if there is one."""
        if not settings.shadow_model or not settings.shadow_share:
            return None
        return cls(settings.shadow_model, settings.shadow_share)


@dataclass(frozen=True, slots=True)
class Shadows:
    """What sees live traffic without acting."""

    policies: tuple[str, ...] = ()
    candidate: Candidate | None = None

    def follow(self, session: Session, verdict_ids: Sequence[str]) -> None:
        """Leave a note of new verdicts, for a worker to look at."""
        if not self.policies and self.candidate is None:
            return
        for start in range(0, len(verdict_ids), TOGETHER):
            chunk = verdict_ids[start : start + TOGETHER]
            sampled = [each for each in chunk if self._is_sampled(each)]
            if not self.policies and not sampled:
                continue
            payload = {
                "verdicts": list(chunk if self.policies else sampled),
                "policies": list(self.policies),
                "model": self.candidate.model if self.candidate else None,
                "sampled": sampled,
            }
            enqueue(session, queue=QUEUE, kind=LOOK, payload=payload)

    def _is_sampled(self, verdict_id: str) -> bool:
        candidate = self.candidate
        return candidate is not None and is_sampled(verdict_id, candidate.share, "candidate")
