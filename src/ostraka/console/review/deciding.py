"""From a decision to the next case: one transaction, and then the page of that case is read."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from ostraka.access.ring import now
from ostraka.console.review.case_view import CaseView
from ostraka.console.review.exposure import note_case
from ostraka.console.review.handling import DONE_NAMES
from ostraka.console.review.next_case import next_case, next_within, view_of
from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.rulings import ruling_of
from ostraka.review.decisions import decide
from ostraka.review.tables import CaseRow, DecisionRow
from ostraka.review.terms import Terms

Done = TypeVar("Done")


def and_next(
    act: Callable[[Room, Session, Viewer, datetime], Done], form: dict[str, str]
) -> Callable[[Room, Viewer], tuple[Done, CaseView | None]]:
    """Do something to a case and claim the next one in one transaction; then read that one."""
    queues = [form["queue"]] if form.get("queue") else None

    def work(room: Room, viewer: Viewer) -> tuple[Done, CaseView | None]:
        room.queue.sweep()
        with room.database.writing() as session:
            done = act(room, session, viewer, now())
            case_id = next_within(room, session, viewer, queues)
        if case_id is None:  # there may be some that others only looked at meanwhile
            case_id = next_case(room, viewer, queues)
        return done, None if case_id is None else view_of(room, viewer, case_id)

    return work


def decide_by_form(
    room: Room,
    session: Session,
    viewer: Viewer,
    case: CaseRow,
    form: dict[str, str],
    moment: datetime,
) -> DecisionRow:
    """Decide a case as the form of its page says, and count what its reviewer saw."""
    document = room.policies.active(session).document
    key = form.get("key", "")[:200] or None
    decision = decide(
        session, case.id, viewer.reviewer, ruling_of(form), Terms.of(document), moment, key
    )
    if decision.created_at == moment:  # sent twice, it is seen once
        note_case(session, viewer.id, case, document, moment, room.local_exposures)
    return decision


def said(decision: DecisionRow, case: CaseRow) -> str:
    """What a decision did; where several reviewers decide, that it is one opinion of theirs."""
    done = DONE_NAMES[decision.action]
    if case.reviewers > 1:
        return f"Your opinion is kept: {done.lower()}. {case.reviewers} reviewers decide this case."
    return f"{done}."
