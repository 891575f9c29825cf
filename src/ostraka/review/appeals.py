"""Appeals: an author asks to look again at what was done to an item.

Each becomes a case of its own, for somebody who has not decided on the item before. One appeal is
open at a time; the database guards it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs
from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.policy.evaluation import Policy, evaluate
from ostraka.policy.facts import AppealFacts
from ostraka.policy.words import NAMES_OF_ACTIONS
from ostraka.review.acting import placement_of, tell_of_case
from ostraka.review.cases import CaseKind, open_case, open_cases_of, withdraw
from ostraka.review.facts import ACTING, last_decision
from ostraka.review.items import author_name
from ostraka.review.reports import facts_now
from ostraka.review.tables import AppealRow, CaseRow, ItemRow, VerdictRow
from ostraka.storage import audit
from ostraka.storage.ids import new_id

STATES = ("open", "granted", "denied", "withdrawn")


def appeal(
    session: Session,
    item: ItemRow,
    author: str | None,
    reason: str,
    actor: str,
    policy: Policy,
    now: datetime,
    plausible: bool | None = None,
) -> tuple[AppealRow, CaseRow]:
    """Open an appeal against what was done to an item that is locked by the caller.

    Raises:
        InvalidInputError: somebody else wrote the item.
        ConflictError: there is nothing to appeal, it is too late, or an appeal is open already.
    """
    _refuse_unfit(session, item, author, policy, now)
    decision = last_decision(session, item.id)
    row = AppealRow(
        id=new_id("appeal"),
        created_at=now,
        item_id=item.id,
        author_id=item.author_id,
        reason=reason,
        state="open",
        appealed_action=item.action,
        decision_id=decision.id if decision else None,
    )
    session.add(row)
    session.flush()
    case = _open_case(session, item, row, policy, now, plausible)
    detail = {"appeal_id": row.id, "case_id": case.id, "action": item.action}
    audit.append(session, actor, "appeal.opened", item.id, detail, now)
    return row, case


def get_appeal(session: Session, appeal_id: str, *, lock: bool = False) -> AppealRow:
    """An appeal by its id.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(AppealRow, appeal_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"There is no appeal '{appeal_id}'.")
    return row


def withdraw_appeal(session: Session, appeal_id: str, actor: str, now: datetime) -> AppealRow:
    """Take an open appeal back, and its case out of the queue.

    Raises:
        NotFoundError: there is none.
        ConflictError: it was decided.
    """
    row = get_appeal(session, appeal_id, lock=True)
    if row.state == "withdrawn":
        return row
    if row.state != "open":
        raise ConflictError(f"The appeal was {row.state} already.", code="decided")
    row.state, row.decided_at = "withdrawn", now
    for case in open_cases_of(session, row.item_id, CaseKind.APPEAL):
        withdraw(session, case, now)
    audit.append(session, actor, "appeal.withdrawn", row.item_id, {"appeal_id": row.id}, now)
    return row


def _refuse_unfit(
    session: Session, item: ItemRow, author: str | None, policy: Policy, now: datetime
) -> None:
    if item.erased_at is not None:
        raise ConflictError("The item was erased; nobody can look at it again.", code="erased")
    wrote = author_name(session, item)
    if author is not None and author != wrote:
        raise InvalidInputError("The item's author is somebody else.", field="author")
    if item.action not in ACTING:
        raise ConflictError(
            f"Nothing was done to this item: its action is '{item.action}'.",
            code="nothing_to_appeal",
        )
    terms = policy.document.appeals
    if not terms.allowed:
        raise ConflictError("The policy takes no appeals.", code="no_appeals")
    acted = _acted_at(session, item)
    if acted + timedelta(days=terms.within_days) < now:
        raise ConflictError(
            f"An appeal has to come within {terms.within_days:g} days.", code="too_late"
        )
    open_now = select(AppealRow.id).where(AppealRow.item_id == item.id, AppealRow.state == "open")
    known = session.scalar(open_now)
    if known is not None:
        raise ConflictError(f"The appeal {known} is open already.", code="appealed_already")


def _acted_at(session: Session, item: ItemRow) -> datetime:
    decision = last_decision(session, item.id)
    if decision is not None:
        return decision.created_at
    return session.get_one(VerdictRow, item.verdict_id).created_at


def _open_case(
    session: Session,
    item: ItemRow,
    row: AppealRow,
    policy: Policy,
    now: datetime,
    plausible: bool | None,
) -> CaseRow:
    """The policy chooses the queue, by the facts of now and what the author says."""
    before = session.get_one(VerdictRow, item.verdict_id)
    facts = facts_now(session, item, before, now)
    outcome = evaluate(policy, structs.replace(facts, appeal=AppealFacts(row.reason, plausible)))
    terms = policy.document.appeals
    placement = placement_of(
        outcome, policy, f"The author appeals what was done: {NAMES_OF_ACTIONS[item.action]}."
    )
    placement = replace(
        placement,
        deadline=timedelta(hours=terms.deadline_hours),
        reviewers=max(terms.reviewers, placement.reviewers),
    )
    case = open_case(
        session,
        item_id=item.id,
        verdict_id=item.verdict_id,
        kind=CaseKind.APPEAL,
        placement=placement,
        appeal_id=row.id,
        now=now,
    )
    tell_of_case(session, case, now)
    return case
