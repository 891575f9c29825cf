"""Hand in what a form holds; a task that ran out meanwhile is taken again, if it is still free."""

from collections.abc import Mapping
from datetime import datetime

from ostraka.console.trees.answers import labels_of, tiers_of
from ostraka.console.trees.room import TreePages
from ostraka.console.trees.task_view import TaskView, view_of
from ostraka.errors import ConflictError
from ostraka.trees.selection import NoTaskError
from ostraka.trees.values import Activity

_ACTIVITIES = {"write": Activity.REPLY, "review": Activity.REVIEW, "rank": Activity.RANK}


def hand_in(
    room: TreePages, view: TaskView, form: Mapping[str, str], contributor: str, now: datetime
) -> None:
    """Hand in a text, a review or a ranking.

    Raises:
        InvalidInputError: something is missing, or too long.
        ConflictError: the task ended, and others have its place now.
    """
    try:
        _send(room, view, form, contributor, now)
    except ConflictError as error:
        again = None
        if error.code == "task_expired":
            again = _taken_again(room, view, contributor, now)
        if again is None:
            raise
        _send(room, again, form, contributor, now)


def _taken_again(
    room: TreePages, view: TaskView, contributor: str, now: datetime
) -> TaskView | None:
    """A new task for the same, None where there is no place for it any more."""
    offer = view.offer
    try:
        if offer.tree_id is None or offer.message_id is None:
            made = room.assignment.request(contributor, view.kind, offer.language, now, room.random)
            return view_of(made, room.configuration)
        activity = _ACTIVITIES[view.activity]
        lease = room.store.take(offer.tree_id, activity, offer.message_id, contributor, now)
    except (ConflictError, NoTaskError):
        return None
    return view_of(room.assignment.get(lease.id, contributor), room.configuration)


def _send(
    room: TreePages, view: TaskView, form: Mapping[str, str], contributor: str, now: datetime
) -> None:
    offer, assignment = view.offer, room.assignment
    match view.activity:
        case "write":
            text = form.get("text", "")
            assignment.hand_in_text(offer.id, text, contributor, now, room.random)
        case "review":
            labels = labels_of(form, offer.labels, offer.mandatory_labels)
            assignment.hand_in_labels(offer.id, labels, contributor, now)
        case "rank":
            shown = [reply.id for reply in offer.replies]
            none_good = form.get("not_rankable") == "yes"
            tiers = tuple((name,) for name in shown) if none_good else tiers_of(form, shown)
            assignment.hand_in_ranking(offer.id, tiers, contributor, now, not_rankable=none_good)
