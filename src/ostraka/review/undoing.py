"""Take a decision back: by another one that says the reverse, since none is ever changed.

Within the grace period nobody outside has heard of the decision, and nobody will; after it they
hear that it was undone. The case opens again, and who undoes their own decision holds it at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from ostraka.errors import ConflictError, InvalidInputError, MissingScopeError
from ostraka.review import webhooks
from ostraka.review.cases import (
    CaseKind,
    CaseState,
    add_work,
    get_case,
    reopen,
    withdraw,
)
from ostraka.review.decisions import DECIDED, get_decision, note, opinions_on
from ostraka.review.effects import event_of, revert
from ostraka.review.tables import AppealRow, CaseRow, DecisionRow, ItemRow
from ostraka.review.terms import Reviewer
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action
from ostraka.work.leases import Lease
from ostraka.work.people import cancel_about, take, unbar


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo came to."""

    inverse: DecisionRow
    told: bool
    """Whether webhooks may have left, so that they hear of the undo too."""
    lease: Lease | None
    """The undoer's, where it was their own decision on a case that is open again."""


def undo(
    session: Session,
    decision_id: str,
    by: Reviewer,
    now: datetime,
    *,
    seconds: float,
    reasons: str = "",
) -> Undone:
    """Take a decision back. Who decided may do so, and a lead; no later decision may rest on it.

    Raises:
        NotFoundError: no such decision.
        MissingScopeError: somebody else's, and the undoer is no lead.
        InvalidInputError: it is an undo itself.
        ConflictError: it was undone, or something rests on it.
    """
    decision = get_decision(session, decision_id)
    item = session.get_one(ItemRow, decision.item_id, with_for_update=True)
    session.refresh(decision)
    case = get_case(session, decision.case_id, lock=True) if decision.case_id else None
    _check(session, decision, case, by)
    inverse = _inverse(decision, item, by, now, reasons)
    session.add(inverse)
    session.flush()
    told = revert(session, decision, item, now) if decision.counts else False
    inverse.action, inverse.violation = item.action, item.violation
    note(session, inverse, "decision.undone", by, now)
    if told:
        payload = event_of(session, inverse, item)
        webhooks.emit(session, "decision.undone", payload, now, now)
    lease = None
    for other in _withdrawn_by(session, decision) if item.erased_at is None else ():
        reopen(session, other, len(opinions_on(session, other.id)))
    if case is not None and item.erased_at is None and decision.bulk_id is None:
        _open_again(session, case, decision, now)
        if by.id == decision.reviewer_id:
            lease = take(session, case.id, by.id, seconds)
    session.flush()
    return Undone(inverse, told, lease)


def _check(session: Session, decision: DecisionRow, case: CaseRow | None, by: Reviewer) -> None:
    if decision.reviewer_id != by.id and not by.lead:
        raise MissingScopeError("Only a lead may undo what somebody else decided.")
    if decision.reverses is not None:
        raise InvalidInputError("An undo cannot be undone; decide the case again.")
    if session.scalar(select(exists().where(DecisionRow.reverses == decision.id))):
        raise ConflictError("This decision was undone already.", code="already_undone")
    later = _later(session, decision)
    if later is None and case is not None and case.decision_id not in (None, decision.id):
        later = case.decision_id
    if later is not None:
        raise ConflictError(
            f"Decision '{later}' rests on this one: undo that first.", code="superseded"
        )
    appealed = exists().where(AppealRow.decision_id == decision.id, AppealRow.state == "open")
    if session.scalar(select(appealed)):
        raise ConflictError(
            "The author has appealed against this decision: decide the appeal.", code="appealed"
        )


def _later(session: Session, decision: DecisionRow) -> str | None:
    """A decision on the same item that counts, stands, and came after one that counts."""
    inverse = aliased(DecisionRow)
    wanted = select(DecisionRow.id).where(
        DecisionRow.item_id == decision.item_id,
        DecisionRow.id > decision.id,
        DecisionRow.counts,
        DecisionRow.reverses.is_(None),
        ~exists().where(inverse.reverses == DecisionRow.id),
    )
    return session.scalar(wanted.limit(1)) if decision.counts else None


def _inverse(
    decision: DecisionRow, item: ItemRow, by: Reviewer, now: datetime, reasons: str
) -> DecisionRow:
    return DecisionRow(
        id=new_id("decision"),
        created_at=now,
        case_id=decision.case_id,
        item_id=item.id,
        reviewer_id=by.id,
        reviewer_kind=by.kind,
        action=item.action,
        violation=item.violation,
        reasons=reasons,
        policy_digest=decision.policy_digest,
        counts=decision.counts,
        effective_at=now,
        reverses=decision.id,
        bulk_id=decision.bulk_id,
        before={"action": item.action, "violation": item.violation},
    )


def _open_again(session: Session, case: CaseRow, decision: DecisionRow, now: datetime) -> None:
    unbar(session, case.id, decision.reviewer_id, DECIDED)
    for follow_up in _rest_on(session, case):
        withdraw(session, follow_up, now)
    if case.kind == CaseKind.ADJUDICATION and case.origin_id is not None:
        origin = get_case(session, case.origin_id, lock=True)
        if origin.decision_id == decision.id:
            origin.decision_id = None
    opinions = [each for each in opinions_on(session, case.id) if each.action != Action.ESCALATE]
    if decision.action == Action.ESCALATE and "queue" in decision.before:
        cancel_about(session, case.id, now)
        case.queue, case.why = decision.before["queue"], decision.before["why"]
        case.reviewers = decision.before["reviewers"]
        reopen(session, case, len(opinions))
    elif case.state == CaseState.OPEN:
        add_work(session, case, 1)
    else:
        reopen(session, case, len(opinions))


def _withdrawn_by(session: Session, decision: DecisionRow) -> Sequence[CaseRow]:
    """The cases that a decision in bulk closed."""
    wanted = select(CaseRow).where(
        CaseRow.item_id == decision.item_id,
        CaseRow.decision_id == decision.id,
        CaseRow.state == CaseState.WITHDRAWN,
    )
    return session.scalars(wanted.with_for_update()).all()


def _rest_on(session: Session, case: CaseRow) -> Sequence[CaseRow]:
    """Cases that look again at this one and are open."""
    wanted = select(CaseRow).where(
        CaseRow.item_id == case.item_id,
        CaseRow.origin_id == case.id,
        CaseRow.state == CaseState.OPEN,
    )
    return session.scalars(wanted.with_for_update()).all()
