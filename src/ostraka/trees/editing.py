"""Another text for a message, by a moderator, and the texts that it had."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.storage.ids import new_id
from ostraka.trees import acts, moderating
from ostraka.trees.changing import Hand, Plan, tree_of
from ostraka.trees.consequences import TreeChange
from ostraka.trees.states import Event
from ostraka.trees.tables import TreeRevisionRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message


def edit_message(
    hand: Hand, message_id: str, text: str, also: Callable[[Session], None] | None = None
) -> TreeChange:
    """Put another text in a message; what it was before is kept, and it is reviewed anew.

    `also` writes more in the same transaction.

    Raises:
        InvalidInputError: the text is empty or too long.
        NotFoundError: there is no such message.
    """
    checked = acts.checked_text(text, hand.store.configuration)
    before: list[Message] = []

    def edited(session: Session, tree: Tree) -> Tree:
        before[:] = [acts.message_of(tree, message_id)]
        return moderating.edit(tree, message_id, checked)

    def keep_old(session: Session) -> None:
        if also is not None:
            also(session)
        [old] = before
        if not revisions(session, message_id):
            _revise(session, old, old.created_at, old.author)
        _revise(session, replace(old, text=checked), hand.now, hand.actor)

    plan = Plan(
        "edited",
        Event.RECONSIDER,
        act=edited,
        subject=message_id,
        detail={"message": message_id},
        also=keep_old,
    )
    old, after = hand.do(tree_of(hand.store, message_id), plan)
    return TreeChange.between(old, after.tree)


def revisions(session: Session, message_id: str) -> list[TreeRevisionRow]:
    """The texts that a message had, the original first; none where it was never edited."""
    found = session.scalars(
        select(TreeRevisionRow)
        .where(TreeRevisionRow.message_id == message_id)
        .order_by(TreeRevisionRow.id)
    )
    return list(found)


def _revise(session: Session, message: Message, now: datetime, editor: str | None) -> None:
    session.add(
        TreeRevisionRow(
            id=new_id("revision"),
            created_at=now,
            message_id=message.id,
            text=message.text,
            editor=editor,
        )
    )
