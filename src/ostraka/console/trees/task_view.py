"""A task as its page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase
from typing import Literal

from ostraka.console.trees.answers import BY_NAME
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.labels import Label
from ostraka.trees.offers import Offer, ShownMessage
from ostraka.trees.selection import TaskType

Shown = Literal["write", "review", "rank"]


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with what its form needs."""

    offer: Offer
    limit: int
    """Characters that a message may have."""

    @property
    def id(self) -> str:
        """Of the task."""
        return self.offer.id

    @property
    def kind(self) -> TaskType:
        """What is asked."""
        return self.offer.kind

    @property
    def activity(self) -> Shown:
        """Which form it has."""
        if self.kind.startswith("label_"):
            return "review"
        return "rank" if self.kind.startswith("rank_") else "write"

    @property
    def language(self) -> str:
        """Of the conversation."""
        return self.offer.language

    @property
    def expires_at(self) -> datetime:
        """Until when it is theirs."""
        return self.offer.expires_at

    @property
    def mode(self) -> str:
        """`simple` where few labels are asked for."""
        return self.offer.mode

    @property
    def conversation(self) -> Sequence[ShownMessage]:
        """From the prompt to what is answered, reviewed or ranked."""
        return self.offer.conversation

    @property
    def labels(self) -> Sequence[Label]:
        """What reviewers are asked, in order."""
        return [BY_NAME[name] for name in self.offer.labels]

    @property
    def mandatory(self) -> Sequence[str]:
        """Labels that must be given."""
        return self.offer.mandatory_labels

    @property
    def replies(self) -> Sequence[tuple[str, ShownMessage]]:
        """The replies to rank, each with a letter."""
        return list(zip(ascii_uppercase, self.offer.replies, strict=False))

    @property
    def texts(self) -> list[str | None]:
        """Every text of others."""
        return [each.text for each in (*self.offer.conversation, *self.offer.replies)]


def view_of(offer: Offer, configuration: TreeConfiguration) -> TaskView:
    """The view of a task."""
    return TaskView(offer, configuration.message_size_limit)
