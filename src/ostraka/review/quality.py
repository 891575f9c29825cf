"""Checks on decisions that reviewers cannot see coming: second reviews and golden cases.

Which cases are looked at again follows from their ids, so that it can be told afterwards why one
was, and nobody can choose. A second reviewer sees a case like any other, without what was decided.
A golden case is about an item whose right decision is known. Neither acts on its item.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.review.acting import tell_of_case
from ostraka.review.cases import (
    LEAD_QUEUE,
    CaseKind,
    CaseState,
    Placement,
    deciders_of,
    open_case,
)
from ostraka.review.tables import CaseRow, DecisionRow, GoldenRow, ItemRow
from ostraka.review.terms import Terms
from ostraka.review.urgency import Pressure, deadline_of, parts_from

BLIND: Final = frozenset({CaseKind.SECOND_REVIEW, CaseKind.GOLDEN})
"""The kinds whose decisions do not act on the item, and that look like any other case."""


def is_sampled(case_id: str, share: float, purpose: str) -> bool:
    """Whether a case belongs to a share of all cases; the same for the same case, always."""
    digest = sha256(f"{purpose}:{case_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def ask_again(session: Session, case: CaseRow, terms: Terms, now: datetime) -> CaseRow | None:
    """Open a second review of a decided case, if it is one of the sample."""
    share = terms.second_review.get(case.queue, 0.0)
    if case.kind != CaseKind.ITEM or not is_sampled(case.id, share, "second review"):
        return None
    return _open_like(session, case, CaseKind.SECOND_REVIEW, case.queue, case.why, now)


def deal_golden(session: Session, case: CaseRow, terms: Terms, now: datetime) -> CaseRow | None:
    """Open a golden case after one that was decided, if that is one of the sample."""
    share = terms.golden.get(case.queue, 0.0)
    if case.kind != CaseKind.ITEM or not is_sampled(case.id, share, "golden"):
        return None
    known = select(GoldenRow).join(ItemRow, ItemRow.id == GoldenRow.item_id)
    known = known.where(GoldenRow.retired_at.is_(None), ItemRow.erased_at.is_(None))
    count = session.scalars(select(func.count()).select_from(known.subquery())).one()
    if not count:
        return None
    chosen = int.from_bytes(sha256(case.id.encode()).digest()[:8], "big") % count
    golden = session.scalars(known.order_by(GoldenRow.id).offset(chosen).limit(1)).one()
    item = session.get_one(ItemRow, golden.item_id)
    return open_case(
        session,
        item_id=item.id,
        verdict_id=item.verdict_id,
        kind=CaseKind.GOLDEN,
        placement=_placement(case, case.queue, case.why),
        now=now,
        barred=deciders_of(session, item.id),
    )


def adjudicate(session: Session, case: CaseRow, why: str, now: datetime) -> CaseRow:
    """Let a lead decide what reviewers of a case disagree about."""
    return _open_like(session, case, CaseKind.ADJUDICATION, LEAD_QUEUE, why, now)


def compare(session: Session, case: CaseRow, decision: DecisionRow) -> bool | None:
    """Whether a blind decision says the same as the one that it checks; None if that is gone."""
    said = (decision.action, decision.violation)
    if case.kind == CaseKind.GOLDEN:
        golden = session.scalars(
            select(GoldenRow).where(GoldenRow.item_id == case.item_id)
        ).one_or_none()
        return None if golden is None else said == (golden.action, golden.violation)
    origin = session.get(CaseRow, case.origin_id) if case.origin_id else None
    if origin is None or origin.decision_id is None or origin.state != CaseState.DECIDED:
        return None
    first = session.get_one(DecisionRow, origin.decision_id)
    return said == (first.action, first.violation)


def _open_like(
    session: Session, case: CaseRow, kind: CaseKind, queue: str, why: str, now: datetime
) -> CaseRow:
    """Open a case about the same item, for none of those who decided on this one or its origin."""
    before = [each for each in (case.id, case.origin_id) if each is not None]
    deciders = select(DecisionRow.reviewer_id).where(DecisionRow.case_id.in_(before)).distinct()
    opened = open_case(
        session,
        item_id=case.item_id,
        verdict_id=case.verdict_id,
        kind=kind,
        placement=_placement(case, queue, why),
        now=now,
        appeal_id=case.appeal_id if kind is CaseKind.ADJUDICATION else None,
        origin_id=case.id,
        barred=session.scalars(deciders).all(),
    )
    if kind is CaseKind.ADJUDICATION:  # of a blind case nobody is told that it is one
        tell_of_case(session, opened, now)
    return opened


def _placement(case: CaseRow, queue: str, why: str) -> Placement:
    deadline: timedelta = deadline_of(parts_from(case.urgency))
    return Placement(queue, deadline, why, Pressure(case.severity))
