"""What goes wrong with a task, in words that say what was not lost and what to do next."""

from collections.abc import Mapping
from typing import Final

from ostraka.console.access import StaleFormError
from ostraka.console.review.telling import Told
from ostraka.errors import CallerError, InvalidInputError, OstrakaError
from ostraka.trees.selection import NoTaskError

_KEPT: Final = "Nothing was sent, and what you wrote is still here."

_BY_CODE: Final[Mapping[str, tuple[str, str]]] = {
    "task_expired": (
        "Your time for this task ran out, and others have its place now.",
        f"{_KEPT} Copy it if you want to keep it, and take another task.",
    ),
    "task_done": ("This task is done already.", "It was kept the first time. Take another one."),
    "task_skipped": ("You skipped this task.", f"{_KEPT} Take another one."),
    "tree_closed": (
        "This conversation was stopped or changed meanwhile.",
        f"A moderator or several contributors did that. {_KEPT} Take another task.",
    ),
    "message_deleted": (
        "What this was about was deleted meanwhile.",
        f"{_KEPT} Take another task.",
    ),
    "text_repeated": (
        "You sent exactly this text a short while ago.",
        "It was kept then. Write something else, or skip this task.",
    ),
    "task_held": ("You hold this task already.", "It stands under “Yours to finish”."),
}


def tell(error: OstrakaError) -> Told:
    """An error in words for the one who contributes."""
    if isinstance(error, StaleFormError):
        text = f"You signed in or out in another window. {_KEPT} Load the page, then send it again."
        return Told("This page is out of date.", text, error.status)
    if isinstance(error, NoTaskError):
        return Told("There is no task for you now.", error.message, 200)
    if not isinstance(error, CallerError):
        return Told("The server is busy.", f"{error.message} {_KEPT} Try again in a moment.", 503)
    found = _BY_CODE.get(error.code or "")
    if found is not None:
        return Told(*found, error.status)
    if isinstance(error, InvalidInputError):
        return Told(error.message, "Nothing was sent. What you wrote is still here.", error.status)
    return Told(error.message, "Nothing was changed.", error.status)
