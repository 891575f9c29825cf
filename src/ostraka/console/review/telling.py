"""What goes wrong with a case, in words that say what was not lost and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ostraka.console.access import StaleFormError
from ostraka.errors import CallerError, InvalidInputError, MissingScopeError, OstrakaError


@dataclass(frozen=True, slots=True)
class Told:
    """A title, what to do, and the status of the answer."""

    title: str
    text: str
    status: int


_KEPT: Final = "Nothing was decided, and what you wrote is still here."

_BY_CODE: Final[Mapping[str, tuple[str, str]]] = {
    "not_claimed": (
        "You no longer hold this case.",
        f"Your claim ran out, and somebody else may be at it now. {_KEPT} "
        "Go on with the next case from the queue.",
    ),
    "case_closed": (
        "This case was closed meanwhile.",
        f"Somebody decided or withdrew it. {_KEPT} Go on with the next case from the queue.",
    ),
    "barred": ("This case is not for you to decide.", "{message} Nothing was changed."),
    "not_free": (
        "Somebody else has this case now.",
        "Nothing was changed. Go on with the next case from the queue.",
    ),
    "already_undone": (
        "This decision was undone already.",
        "Nothing was changed. Load the case again to see where it stands.",
    ),
    "superseded": ("A later decision rests on this one.", "{message} Nothing was changed."),
    "appealed": ("Its author has appealed meanwhile.", "{message} Nothing was changed."),
    "idempotency_key_reused": (
        "This form was sent before, with another decision.",
        "The first one counts. Undo it, if it is not what you meant.",
    ),
    "preview_outdated": (
        "Something changed since this preview was made.",
        "Nothing was decided. Look at a new preview, then decide.",
    ),
}


def tell(error: OstrakaError) -> Told:
    """An error in words for the one who works."""
    if isinstance(error, StaleFormError):
        text = f"You signed in or out in another window. {_KEPT} Load the page, then decide again."
        return Told("This page is out of date.", text, error.status)
    if not isinstance(error, CallerError):
        return Told("The server is busy.", f"{error.message} {_KEPT} Try again in a moment.", 503)
    found = _BY_CODE.get(error.code or "")
    if found is not None:
        title, text = found
        return Told(title, text.format(message=error.message), error.status)
    if isinstance(error, InvalidInputError | MissingScopeError):
        return Told(
            error.message, "Nothing was changed. What you wrote is still here.", error.status
        )
    return Told(error.message, "Nothing was changed.", error.status)
