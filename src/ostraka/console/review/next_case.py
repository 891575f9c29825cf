"""From one case to the next: what somebody holds already, else the most urgent one."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from ostraka.access.ring import now
from ostraka.console.review.case_view import CaseView, case_view
from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.standing import held_by
from ostraka.review.cases import LEAD_QUEUE


def next_case(room: Room, viewer: Viewer, queues: Sequence[str] | None) -> str | None:
    """The case that somebody goes on with; None if there is none for them.

    What they hold comes first, so that nobody gathers cases by going back and forth.
    """
    with room.database.reading() as session:
        held = held_by(session, viewer.id, now())
    if held:
        return held[0]
    claimed = room.queue.claim(viewer.reviewer, queues)
    return None if claimed is None else claimed.case_id


def next_within(
    room: Room, session: Session, viewer: Viewer, queues: Sequence[str] | None
) -> str | None:
    """`next_case` in the transaction that ends the last one, so that both commit at once.

    Who asks for a queue that is not theirs gets none: the decision must not fail for it.
    """
    held = held_by(session, viewer.id, now())
    if held:
        return held[0]
    if queues is not None and LEAD_QUEUE in queues and not viewer.reviewer.lead:
        return None
    return room.queue.claim_within(session, viewer.reviewer, queues)


def view_of(room: Room, viewer: Viewer, case_id: str) -> CaseView:
    """The page of one case.

    Raises:
        NotFoundError: there is none.
    """
    with room.database.reading() as session:
        return case_view(room, session, viewer, case_id, now())
