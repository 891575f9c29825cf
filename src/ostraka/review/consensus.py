"""What several reviewers of one case say together. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol


class Opinion(Protocol):
    """What one reviewer says."""

    @property
    def action(self) -> str:
        """What shall be done."""

    @property
    def violation(self) -> str:
        """For what."""


def majority(opinions: Sequence[Opinion]) -> int | None:
    """The place of the last opinion that more than half share, action and violation alike.

    None if they disagree: then somebody else must decide.
    """
    votes = Counter((each.action, each.violation) for each in opinions)
    most, count = max(votes.items(), key=lambda vote: vote[1], default=(("", ""), 0))
    if count * 2 <= len(opinions):
        return None
    return max(
        place for place, each in enumerate(opinions) if (each.action, each.violation) == most
    )
