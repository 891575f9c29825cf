"""What moderators do to a tree from its page, by the acts that the command line has too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.trees.changing import Hand
from ostraka.trees.editing import edit_message
from ostraka.trees.flags import forgive_message
from ostraka.trees.single_acts import decide_message, delete_message, move_tree, undelete_message
from ostraka.trees.states import Event

Act = Callable[[Hand, str, Mapping[str, str]], object]
"""For whoever acts, a message, and the form."""


@dataclass(frozen=True, slots=True)
class MessageAct:
    """Something that can be done to a message, and what is said after."""

    done: str
    act: Act


MESSAGE_ACTS: Final[Mapping[str, MessageAct]] = MappingProxyType(
    {
        "delete": MessageAct(
            "Deleted, with everything below it.",
            lambda hand, message, form: delete_message(hand, message),
        ),
        "restore": MessageAct(
            "Restored. Messages below it are restored one by one.",
            lambda hand, message, form: undelete_message(hand, message),
        ),
        "edit": MessageAct(
            "Edited. It is reviewed and ranked anew.",
            lambda hand, message, form: edit_message(hand, message, form.get("text", "")),
        ),
        "accept": MessageAct(
            "Accepted.",
            lambda hand, message, form: decide_message(hand, message, accepted=True),
        ),
        "reject": MessageAct(
            "Rejected. It does not count any more.",
            lambda hand, message, form: decide_message(hand, message, accepted=False),
        ),
        "forgive": MessageAct(
            "The marks that are there now count no longer.",
            lambda hand, message, form: forgive_message(hand, message),
        ),
    }
)


def act_on_message(hand: Hand, message_id: str, act: MessageAct, form: Mapping[str, str]) -> None:
    """Do it, and let everything follow from it.

    Raises:
        NotFoundError: there is no such message.
        ConflictError: it cannot be done to this message.
        InvalidInputError: the text is empty.
    """
    act.act(hand, message_id, form)


def act_on_tree(hand: Hand, tree_id: str, event: Event) -> None:
    """Let an event happen to a tree.

    Raises:
        NotFoundError: there is no such tree.
        ConflictError: the tree cannot do that; the message says why.
    """
    move_tree(hand, tree_id, event)
