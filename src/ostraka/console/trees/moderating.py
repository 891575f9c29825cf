"""What moderators do to a tree from its page, by the acts that the command line has too."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.trees import flags, moderating, remarks
from ostraka.trees.changing import Hand, Plan
from ostraka.trees.single_acts import decide_message, delete_message, move_tree, undelete_message
from ostraka.trees.states import Event
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, SKIP_REPLY

Act = Callable[[Hand, str, str, Mapping[str, str]], object]
"""For whoever acts, a tree, a message of it, and the form."""


@dataclass(frozen=True, slots=True)
class MessageAct:
    """Something that can be done to a message, and what is said after."""

    done: str
    act: Act


def _edit(hand: Hand, tree_id: str, message_id: str, form: Mapping[str, str]) -> None:
    text = form.get("text", "")
    remarks.edit(hand.store, hand.actor, (tree_id, message_id), text, hand.now)


def _forgive(hand: Hand, tree_id: str, message_id: str, form: Mapping[str, str]) -> None:
    """Let the marks pass that are there; a report of the message is looked at by that."""
    with suppress(NotFoundError):
        flags.process(hand.store, message_id, hand.actor, hand.now)

    def forgiven(session: Session, tree: Tree) -> Tree:
        for code in (RED_FLAG, SKIP_REPLY):
            tree = moderating.forgive(tree, message_id, code)
        return tree

    detail = {"message": message_id}
    hand.do(tree_id, Plan("forgiven", act=forgiven, subject=message_id, detail=detail))


MESSAGE_ACTS: Final[Mapping[str, MessageAct]] = MappingProxyType(
    {
        "delete": MessageAct(
            "Deleted, with everything below it.",
            lambda hand, tree, message, form: delete_message(hand, message),
        ),
        "restore": MessageAct(
            "Restored. Messages below it are restored one by one.",
            lambda hand, tree, message, form: undelete_message(hand, message),
        ),
        "edit": MessageAct("Edited. It is reviewed and ranked anew.", _edit),
        "accept": MessageAct(
            "Accepted.",
            lambda hand, tree, message, form: decide_message(hand, message, accepted=True),
        ),
        "reject": MessageAct(
            "Rejected. It does not count any more.",
            lambda hand, tree, message, form: decide_message(hand, message, accepted=False),
        ),
        "forgive": MessageAct("The marks that are there now count no longer.", _forgive),
    }
)


def act_on_message(
    hand: Hand, tree_id: str, message_id: str, act: MessageAct, form: Mapping[str, str]
) -> None:
    """Do it, and let everything follow from it.

    Raises:
        NotFoundError: there is no such tree or message.
        ConflictError: it cannot be done to this message.
        InvalidInputError: the text is empty.
    """
    act.act(hand, tree_id, message_id, form)


def act_on_tree(hand: Hand, tree_id: str, event: Event) -> None:
    """Let an event happen to a tree.

    Raises:
        NotFoundError: there is no such tree.
        ConflictError: the tree cannot do that; the message says why.
    """
    move_tree(hand, tree_id, event)
