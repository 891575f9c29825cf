"""A case as its reviewer sees it: the item in its thread, its author's record, why it is urgent.

What would make a blind case known as one stays out: what was decided on the item before, what that
put on its author's record, and what kind of case it is. Leads see all of it, and everybody does
once the case is closed, but for golden cases, which may be dealt again.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.review.cases import CaseKind, CaseState
from ostraka.review.quality import BLIND
from ostraka.review.shapes import moment, show_appeal, show_decision, show_item, show_verdict
from ostraka.review.strikes import weight_of
from ostraka.review.tables import (
    AppealRow,
    AuthorRow,
    CaseRow,
    DecisionRow,
    ItemRow,
    ReportRow,
    StrikeRow,
    VerdictRow,
)
from ostraka.review.terms import Reviewer
from ostraka.review.urgency import parts_from, urgency_sentence

THREAD_ITEMS: Final = 5
PRIOR_ACTIONS: Final = 20
MOST_REPORTS: Final = 20


def show_case_line(case: CaseRow, viewer: Reviewer, now: datetime) -> dict[str, Any]:
    """A case as a list shows it."""
    parts = parts_from(case.urgency)
    until = min(now, case.decided_at or now)
    return {
        "id": case.id,
        "created_at": moment(case.created_at),
        "kind": _kind(case, viewer),
        "state": case.state,
        "queue": case.queue,
        "item_id": case.item_id,
        "why": case.why,
        "severity": case.severity,
        "due_at": moment(case.due_at),
        "urgency": {
            "sentence": urgency_sentence(parts, case.created_at, until),
            "parts": [part.as_dict() for part in parts],
        },
        "reviewers": case.reviewers,
        "decided_at": moment(case.decided_at),
        "decision_id": case.decision_id if _is_open_book(case, viewer) else None,
    }


def show_whole_case(
    session: Session, case: CaseRow, viewer: Reviewer, now: datetime
) -> dict[str, Any]:
    """A case with everything that a reviewer needs to decide it."""
    item = session.get_one(ItemRow, case.item_id)
    verdict = session.get_one(VerdictRow, case.verdict_id)
    author = session.get(AuthorRow, item.author_id) if item.author_id else None
    seen = _is_open_book(case, viewer) or case.kind not in BLIND
    shown = show_item(item, author.external_id if author else None)
    if not seen:
        shown |= {"action": verdict.action, "violation": verdict.violation}
    return show_case_line(case, viewer, now) | {
        "item": shown,
        "verdict": show_verdict(vars(verdict)) | {"path": verdict.path},
        "thread": _thread(session, item),
        "author": _record(session, author, None if seen else item.id, now),
        "reports": _reports(session, item),
        "appeal": _appeal(session, case),
        "decisions": _decisions(session, case) if _is_open_book(case, viewer) else [],
    }


def _is_open_book(case: CaseRow, viewer: Reviewer) -> bool:
    """Whether the viewer may know what was said of the case and what kind it is."""
    if viewer.lead:
        return True
    return case.state != CaseState.OPEN and case.kind != CaseKind.GOLDEN


def _kind(case: CaseRow, viewer: Reviewer) -> str:
    blind = case.kind in BLIND and not _is_open_book(case, viewer)
    return str(CaseKind.ITEM) if blind else case.kind


def _thread(session: Session, item: ItemRow) -> list[dict[str, Any]]:
    """What was said before in the item's thread, and what it answers; the oldest first."""
    if item.thread_id is None:
        return []
    before = (
        select(ItemRow, AuthorRow.external_id)
        .outerjoin(AuthorRow, AuthorRow.id == ItemRow.author_id)
        .where(ItemRow.thread_id == item.thread_id, ItemRow.id < item.id)
        .order_by(ItemRow.id.desc())
        .limit(THREAD_ITEMS)
    )
    return [
        {
            "id": row.id,
            "created_at": moment(row.created_at),
            "author": author,
            "text": row.text,
            "action": row.action,
            "is_parent": item.parent_id is not None and row.external_id == item.parent_id,
        }
        for row, author in reversed(session.execute(before).all())
    ]


def _record(
    session: Session, author: AuthorRow | None, without: str | None, now: datetime
) -> dict[str, Any] | None:
    """The author's record; `without` one item, where its decision must not be known."""
    if author is None:
        return None
    strikes = session.scalars(
        select(StrikeRow)
        .where(
            StrikeRow.author_id == author.id,
            StrikeRow.revoked_at.is_(None),
            StrikeRow.item_id != without if without else StrikeRow.item_id.is_not(None),
        )
        .order_by(StrikeRow.id.desc())
        .limit(PRIOR_ACTIONS)
    ).all()
    record: dict[str, Any] = {"external_id": author.external_id}
    if without is None:
        record["strikes"] = weight_of(session, author.id, now)
        record["banned_until"] = moment(author.banned_until)
        record["banned_permanently"] = author.banned_permanently
    record["prior_actions"] = [
        {
            "item_id": strike.item_id,
            "action": strike.action,
            "violation": strike.violation,
            "created_at": moment(strike.created_at),
            "weight": strike.weight,
            "expires_at": moment(strike.expires_at),
        }
        for strike in strikes
    ]
    return record


def _reports(session: Session, item: ItemRow) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(ReportRow)
        .where(ReportRow.item_id == item.id)
        .order_by(ReportRow.id.desc())
        .limit(MOST_REPORTS)
    )
    return [{"violation": row.violation, "note": row.note} for row in rows]


def _appeal(session: Session, case: CaseRow) -> dict[str, Any] | None:
    """What the author wrote, and the reasons that were given for what they appeal against."""
    appeal = session.get(AppealRow, case.appeal_id) if case.appeal_id else None
    if appeal is None:
        return None
    first = session.get(DecisionRow, appeal.decision_id) if appeal.decision_id else None
    return show_appeal(appeal) | {
        "reason": appeal.reason,
        "appealed_reasons": first.reasons if first else None,
    }


def _decisions(session: Session, case: CaseRow) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(DecisionRow).where(DecisionRow.case_id == case.id).order_by(DecisionRow.id)
    )
    return [show_decision(row) for row in rows]
