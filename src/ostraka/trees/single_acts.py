"""What moderators do to one tree or message: halt, resume, reopen, delete, undelete, decide."""

from ostraka.trees import moderating
from ostraka.trees.changing import Hand, Plan, tree_of
from ostraka.trees.consequences import TreeChange
from ostraka.trees.states import Event, State
from ostraka.trees.tree import Tree


def move_tree(hand: Hand, tree_id: str, event: Event) -> TreeChange:
    """Let an event happen to a tree.

    Raises:
        NotFoundError: there is no such tree.
        ConflictError: a tree in this state cannot do that.
    """
    before, after = hand.do(tree_id, Plan(str(event), event))
    return TreeChange.between(before, after.tree)


def resume_tree(hand: Hand, tree_id: str) -> TreeChange:
    """Let a stopped tree go on where it was: a halted one is resumed, one given up is reopened.

    Raises:
        NotFoundError: there is no such tree.
        ConflictError: its prompt is deleted.
    """
    given_up = hand.store.read(tree_id).state is State.ABORTED_LOW_GRADE
    return move_tree(hand, tree_id, Event.REOPEN if given_up else Event.RESUME)


def delete_message(hand: Hand, message_id: str) -> TreeChange:
    """Delete a message with all that is below it; nothing is erased.

    A finished tree grows on, or is ranked anew, where it has lost what it needs.

    Raises:
        NotFoundError: there is no such message.
    """
    detail: dict[str, object] = {"message": message_id}

    def gone(tree: Tree) -> Tree:
        stood = [each for each in tree.below(message_id) if not tree.messages[each].deleted]
        detail["deleted"] = stood
        return moderating.delete(tree, message_id)

    plan = Plan(
        "deleted",
        Event.RECONSIDER,
        act=lambda _, tree: gone(tree),
        subject=message_id,
        detail=detail,
    )
    before, after = hand.do(tree_of(hand.store, message_id), plan)
    return TreeChange.between(before, after.tree)


def undelete_message(hand: Hand, message_id: str) -> TreeChange:
    """Bring a message back with all that is above it; what is below stays away.

    Raises:
        NotFoundError: there is no such message.
        ConflictError: it was erased for good.
    """
    tree_id = tree_of(hand.store, message_id)
    tree = hand.store.read(tree_id)
    halted_by_it = tree.state is State.HALTED_BY_MODERATOR and tree.root.deleted
    plan = Plan(
        "undeleted",
        Event.RESUME if halted_by_it else Event.RECONSIDER,
        act=lambda _, tree: moderating.restore(tree, message_id),
        subject=message_id,
        detail={"message": message_id},
    )
    before, after = hand.do(tree_id, plan)
    return TreeChange.between(before, after.tree)


def decide_message(hand: Hand, message_id: str, *, accepted: bool) -> TreeChange:
    """Accept or reject a message, whatever its reviewers say.

    Raises:
        NotFoundError: there is no such message.
    """
    plan = Plan(
        "decided",
        Event.RECONSIDER,
        act=lambda _, tree: moderating.decide(tree, message_id, accepted=accepted),
        subject=message_id,
        detail={"message": message_id, "accepted": accepted},
    )
    before, after = hand.do(tree_of(hand.store, message_id), plan)
    return TreeChange.between(before, after.tree)
