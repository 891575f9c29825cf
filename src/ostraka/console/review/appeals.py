"""What the page of appeals shows: what was done, by which rule, and who may look again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.standing import Standing, standing_of
from ostraka.review.cases import CaseKind
from ostraka.review.tables import (
    AppealRow,
    AuthorRow,
    CaseRow,
    DecisionRow,
    ItemRow,
    VerdictRow,
)

A_PAGE = 20


@dataclass(frozen=True, slots=True)
class AppealLine:
    """One appeal in the list."""

    appeal: AppealRow
    item: ItemRow
    author: str | None
    rule: str
    first: DecisionRow | None
    """The decision that is appealed; None where the policy acted by itself."""
    outcome: DecisionRow | None
    case: CaseRow | None
    standing: Standing | None
    """Where it stands for the reader, while it is open."""


def appeal_lines(
    room: Room,
    session: Session,
    viewer: Viewer,
    state: str,
    after: str | None,
    now: datetime,
    limit: int = A_PAGE,
) -> Sequence[AppealLine]:
    """Appeals in a state: open ones oldest first, the others newest first."""
    oldest_first = state == "open"
    query = (
        select(AppealRow, ItemRow, AuthorRow.external_id, VerdictRow.rule)
        .join(ItemRow, ItemRow.id == AppealRow.item_id)
        .join(VerdictRow, VerdictRow.id == ItemRow.verdict_id)
        .outerjoin(AuthorRow, AuthorRow.id == AppealRow.author_id)
        .where(AppealRow.state == state)
        .order_by(AppealRow.id if oldest_first else AppealRow.id.desc())
        .limit(limit)
    )
    if after:
        query = query.where(AppealRow.id > after if oldest_first else AppealRow.id < after)
    found = []
    for appeal, item, author, rule in session.execute(query):
        case = _case(session, appeal)
        standing = None
        if case is not None and state == "open":
            standing = standing_of(session, case, viewer.reviewer, room.queue.seconds, now)
        first, outcome = (
            _decision(session, each) for each in (appeal.decision_id, appeal.outcome_id)
        )
        found.append(AppealLine(appeal, item, author, rule, first, outcome, case, standing))
    return found


def _case(session: Session, appeal: AppealRow) -> CaseRow | None:
    """The newest case about an appeal: the one that is open, if any is."""
    wanted = select(CaseRow).where(
        CaseRow.item_id == appeal.item_id,
        CaseRow.appeal_id == appeal.id,
        CaseRow.kind.in_((CaseKind.APPEAL, CaseKind.ADJUDICATION)),
    )
    return session.scalars(wanted.order_by(CaseRow.id.desc()).limit(1)).first()


def _decision(session: Session, decision_id: str | None) -> DecisionRow | None:
    return None if decision_id is None else session.get(DecisionRow, decision_id)
