"""Decide a case: one act by one reviewer, kept for ever, and what follows from it.

Everything here belongs into one transaction, in which the item is locked first, then its cases,
then the reviewer's work, then the author: decisions on one item come one after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from ostraka.errors import ConflictError, InvalidInputError, KeyReusedError, NotFoundError
from ostraka.review.cases import LEAD_QUEUE, CaseState, authors_of, get_case, move
from ostraka.review.consensus import majority
from ostraka.review.effects import apply
from ostraka.review.quality import BLIND, adjudicate, ask_again, compare, deal_golden
from ostraka.review.tables import CaseRow, DecisionRow, ItemRow
from ostraka.review.terms import Reviewer, Ruling, Terms, check_ruling
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action
from ostraka.work.people import bar, cancel_about, finish, is_barred

DECIDED: Final = "decided"
"""Why somebody who has decided a case does not get it again."""


def decide(
    session: Session,
    case_id: str,
    reviewer: Reviewer,
    ruling: Ruling,
    terms: Terms,
    now: datetime,
    key: str | None = None,
) -> DecisionRow:
    """Decide a case that the reviewer has claimed.

    With a `key`, saying the same again returns the decision that is there.

    Raises:
        NotFoundError: no such case.
        ConflictError: it is closed, or the reviewer does not hold it.
        InvalidInputError: action, violation and reasons do not fit together.
    """
    check_ruling(ruling, terms)
    item, case = lock(session, case_id)
    known = _known(session, case_id, reviewer, ruling, key)
    if known is not None:
        return known
    if case.state != CaseState.OPEN:
        raise ConflictError("This case is closed.", code="case_closed")
    begun = _held(session, case, reviewer)
    decision = DecisionRow(
        id=new_id("decision"),
        created_at=now,
        case_id=case.id,
        item_id=item.id,
        reviewer_id=reviewer.id,
        reviewer_kind=reviewer.kind,
        action=str(ruling.action),
        violation=str(ruling.violation),
        reasons=ruling.reasons,
        policy_digest=terms.policy_digest,
        counts=False,
        effective_at=now + terms.grace,
        seconds=max(0.0, (now - begun).total_seconds()),
        idempotency_key=key,
        before={},
    )
    session.add(decision)
    session.flush()
    if ruling.action is not Action.ESCALATE:  # who escalates and is a lead may still decide it
        bar(session, case.id, [reviewer.id], DECIDED)
    note(session, decision, "decision.made", reviewer, now)
    _settle(session, case, item, decision, terms, now)
    session.flush()
    return decision


def lock(session: Session, case_id: str) -> tuple[ItemRow, CaseRow]:
    """A case and its item, the item locked first, as everywhere.

    Raises:
        NotFoundError: no such case.
    """
    item_id = session.scalar(select(CaseRow.item_id).where(CaseRow.id == case_id))
    if item_id is None:
        raise NotFoundError(f"There is no case '{case_id}'.")
    item = session.get_one(ItemRow, item_id, with_for_update=True)
    return item, get_case(session, case_id, lock=True)


def opinions_on(session: Session, case_id: str) -> Sequence[DecisionRow]:
    """What was said of a case and not taken back, the oldest first."""
    inverse = aliased(DecisionRow)
    wanted = select(DecisionRow).where(
        DecisionRow.case_id == case_id,
        DecisionRow.reverses.is_(None),
        ~exists().where(inverse.reverses == DecisionRow.id),
    )
    return session.scalars(wanted.order_by(DecisionRow.id)).all()


def note(session: Session, decision: DecisionRow, act: str, actor: Reviewer, now: datetime) -> None:
    """Put a decision into the audit log; its reasons may quote the item, so they stay out."""
    detail = {
        "case": decision.case_id,
        "item": decision.item_id,
        "action": decision.action,
        "violation": decision.violation,
        "policy": decision.policy_digest,
        "reviewer_kind": actor.kind,
        "reverses": decision.reverses,
        "bulk": decision.bulk_id,
    }
    audit.append(session, actor.id, act, decision.id, detail, now)


def _known(
    session: Session, case_id: str, reviewer: Reviewer, ruling: Ruling, key: str | None
) -> DecisionRow | None:
    if key is None:
        return None
    known = session.scalars(
        select(DecisionRow).where(
            DecisionRow.reviewer_id == reviewer.id, DecisionRow.idempotency_key == key
        )
    ).one_or_none()
    if known is None:
        return None
    said = (known.case_id, known.action, known.violation, known.reasons)
    if said != (case_id, ruling.action, ruling.violation, ruling.reasons):
        raise KeyReusedError(field="Idempotency-Key")
    return known


def _held(session: Session, case: CaseRow, reviewer: Reviewer) -> datetime:
    """Complete the reviewer's work on a case; since when they have been at it."""
    if reviewer.id in session.scalars(authors_of(case.item_id)).all():
        raise ConflictError("Nobody decides on what they wrote themselves.", code="barred")
    if is_barred(session, case.id, reviewer.id):
        raise ConflictError(
            "You have decided or skipped this case, or must not decide it.", code="barred"
        )
    begun = finish(session, case.id, reviewer.id)
    if begun is None:
        raise ConflictError(
            "You do not hold this case: claim it first. A claim ends by itself when it is not "
            "kept alive, and then somebody else may have taken the case.",
            code="not_claimed",
        )
    return begun


def _settle(
    session: Session,
    case: CaseRow,
    item: ItemRow,
    decision: DecisionRow,
    terms: Terms,
    now: datetime,
) -> None:
    """What follows for the case: it goes to the lead, waits for others, or is closed."""
    if case.kind in BLIND:
        _check(session, case, decision, now)
        return
    if decision.action == Action.ESCALATE:
        _escalate(session, case, decision, now)
        return
    opinions = [each for each in opinions_on(session, case.id) if each.action != Action.ESCALATE]
    if len(opinions) < case.reviewers:
        return
    opinions = opinions[-case.reviewers :]  # what came before it moved to the lead is advice
    place = majority(opinions)
    _close(session, case, now)
    if place is None:
        decision.before = {"adjudication": _disagree(session, case, now)}
        return
    winner = opinions[place]
    apply(session, winner, item, terms, now, case.appeal_id)
    case.decision_id = winner.id
    _settle_origin(session, case, winner)
    deal_golden(session, case, terms, now)
    again = ask_again(session, case, terms, now)
    if again is not None:
        winner.before = {**winner.before, "second_review": again.id}


def _escalate(session: Session, case: CaseRow, decision: DecisionRow, now: datetime) -> None:
    if case.queue == LEAD_QUEUE:
        raise InvalidInputError(
            "This case is in the lead's queue already: decide it, or skip it for another lead.",
            field="action",
            valid=[str(each) for each in Action if each is not Action.ESCALATE],
        )
    decision.before = {"queue": case.queue, "why": case.why, "reviewers": case.reviewers}
    move(session, case, LEAD_QUEUE, f"Escalated by a reviewer. {case.why}", now)


def _check(session: Session, case: CaseRow, decision: DecisionRow, now: datetime) -> None:
    """Close a blind case; where it says something else than the first decision, a lead decides."""
    _close(session, case, now)
    case.decision_id = decision.id
    same = compare(session, case, decision)
    decision.before = {"agrees": same}
    if same is False and case.origin_id is not None:
        decision.before = {"agrees": False, "adjudication": _disagree(session, case, now)}


def _disagree(session: Session, case: CaseRow, now: datetime) -> str:
    why = "Reviewers disagree about this item; a lead decides."
    opened = adjudicate(session, case, why, now)
    audit.append(session, "system", "case.disagreed", case.id, {"adjudication": opened.id}, now)
    return opened.id


def _settle_origin(session: Session, case: CaseRow, winner: DecisionRow) -> None:
    """An adjudication also decides the case whose reviewers disagreed."""
    if case.origin_id is None:
        return
    origin = get_case(session, case.origin_id, lock=True)
    if origin.decision_id is None:
        origin.decision_id = winner.id


def _close(session: Session, case: CaseRow, now: datetime) -> None:
    case.state, case.decided_at = str(CaseState.DECIDED), now
    cancel_about(session, case.id, now)


def get_decision(session: Session, decision_id: str) -> DecisionRow:
    """A decision by its id.

    Raises:
        NotFoundError: there is none.
    """
    decision = session.get(DecisionRow, decision_id)
    if decision is None:
        raise NotFoundError(f"There is no decision '{decision_id}'.")
    return decision
