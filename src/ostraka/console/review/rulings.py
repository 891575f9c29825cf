"""What a form says of a case or of many items."""

from collections.abc import Mapping

from ostraka.errors import InvalidInputError
from ostraka.review.terms import Ruling
from ostraka.taxonomy import Action, ViolationType


def ruling_of(form: Mapping[str, str]) -> Ruling:
    """What a form says.

    Raises:
        InvalidInputError: an action or a violation that is none.
    """
    action, violation = form.get("action", ""), form.get("violation", "")
    if action not in set(Action):
        raise InvalidInputError("Choose an action.", field="action", valid=list(Action))
    if violation not in set(ViolationType):
        raise InvalidInputError(
            "Choose what it violates.", field="violation", valid=list(ViolationType)
        )
    said = Action(action)
    approved = said is Action.APPROVE
    return Ruling(
        said,
        ViolationType.NONE if approved else ViolationType(violation),
        form.get("reasons", "").strip(),
    )
