"""What somebody wrote, where each message stands, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.console.trees.standing import standing_of
from ostraka.console.trees.words import Words
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.drawing import growing_by_author, waiting_in
from ostraka.trees.loading import load
from ostraka.trees.lottery import place_in_line
from ostraka.trees.states import State
from ostraka.trees.tables import TreeMessageRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message

A_PAGE: Final = 20
KINDS: Final = ("prompts", "replies")


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """One message of mine in its conversation."""

    message: Message
    standing: Words
    above: Sequence[Message]
    """What it answers, from the prompt on; deleted messages are left out."""
    replies: Sequence[Message]
    """Accepted replies to it."""

    @property
    def texts(self) -> list[str | None]:
        """Texts of others that stand beside it."""
        return [each.text for each in (*self.above, *self.replies)]


def own_messages(
    session: Session,
    contributor: str,
    configuration: TreeConfiguration,
    kind: str | None,
    limit: int,
    after: str | None = None,
) -> list[OwnMessage]:
    """Messages of one contributor, the newest first, older ones than `after`."""
    query = (
        select(TreeMessageRow.id, TreeMessageRow.tree_id)
        .where(TreeMessageRow.author == contributor)
        .order_by(TreeMessageRow.id.desc())
        .limit(limit)
    )
    if kind == "prompts":
        query = query.where(TreeMessageRow.parent_id.is_(None))
    elif kind == "replies":
        query = query.where(TreeMessageRow.parent_id.is_not(None))
    if after:
        query = query.where(TreeMessageRow.id < after)
    tree_of = cache(lambda tree_id: load(session, tree_id))
    lines = _Lines(session)
    found = []
    for message_id, tree_id in session.execute(query):
        tree = tree_of(tree_id)
        message = tree.messages[message_id]
        standing = standing_of(tree, message, configuration, lines.place(tree))
        above = [each for each in tree.path(message_id)[:-1] if not each.deleted]
        found.append(OwnMessage(message, standing, above, tree.candidates(message_id)))
    return found


class _Lines:
    """The lines of prompts that wait; each language is read once."""

    def __init__(self, session: Session) -> None:
        self._of = cache(
            lambda language: (
                waiting_in(session, language),
                growing_by_author(session, language),
            )
        )

    def place(self, tree: Tree) -> int | None:
        """Where a prompt stands in its line, None if it does not wait."""
        if tree.state is not State.PROMPT_LOTTERY_WAITING:
            return None
        waiting, growing = self._of(tree.language)
        return place_in_line(tree.id, waiting, growing)
