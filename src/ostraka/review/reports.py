"""Reports by users: each one is a new fact, so the policy looks at the item again.

What people decided stands: reports from before their decision no longer count, and later ones can
only ask people again. Where no decision stands, a graver outcome acts at once; a milder one does
not, as nobody reports an item to have it freed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.policy.evaluation import Outcome, Policy, evaluate
from ostraka.policy.facts import Facts
from ostraka.review.acting import (
    open_item_case,
    outcome_values,
    pressure_of,
    strike_values,
    tell_of_verdict,
)
from ostraka.review.cases import hasten, open_cases_of
from ostraka.review.facts import (
    author_record,
    last_decision,
    report_facts,
    thread_facts,
)
from ostraka.review.items import author_name
from ostraka.review.strikes import revoke, standing_strikes
from ostraka.review.tables import ItemRow, ReportRow, StrikeRow, VerdictRow
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action

_MILDEST_FIRST: Final = (
    Action.APPROVE,
    Action.ESCALATE,
    Action.WARN,
    Action.REMOVE,
    Action.BAN_TEMPORARY,
    Action.BAN_PERMANENT,
)


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, and what came of it."""

    report: ReportRow
    duplicate: bool
    case_id: str | None


def report(
    session: Session,
    item: ItemRow,
    reporter: str,
    violation: str,
    note: str | None,
    actor: str,
    policy: Policy,
    now: datetime,
) -> Reported:
    """Take a report of an item that is locked by the caller.

    Raises:
        ConflictError: the item was erased, or the reporter reported it for something else.
    """
    if item.erased_at is not None:
        raise ConflictError("The item was erased; nobody can look at it.", code="erased")
    known = session.scalars(
        select(ReportRow).where(ReportRow.item_id == item.id, ReportRow.reporter == reporter)
    ).first()
    if known is not None:
        if known.violation != violation:
            raise ConflictError(
                f"'{reporter}' reported this item for '{known.violation}' already.",
                field="violation",
                code="reported_already",
                valid=[known.violation],
            )
        return Reported(known, True, _open_case_id(session, item))
    row = ReportRow(
        id=new_id("report"),
        created_at=now,
        item_id=item.id,
        reporter=reporter,
        violation=violation,
        note=note,
    )
    session.add(row)
    item.reports += 1
    session.flush()
    detail = {"report_id": row.id, "violation": violation, "reports": item.reports}
    audit.append(session, actor, "item.reported", item.id, detail, now)
    return Reported(row, False, look_again(session, item, policy, now))


def look_again(session: Session, item: ItemRow, policy: Policy, now: datetime) -> str | None:
    """Let the policy judge an item by the facts of now; returns the id of the open case about it.

    The scores are those of the verdict that counts; no model is asked.
    """
    before = session.get_one(VerdictRow, item.verdict_id)
    facts = facts_now(session, item, before, now)
    outcome = evaluate(policy, facts)
    open_cases = open_cases_of(session, item.id)
    if open_cases:
        for case in open_cases:
            hasten(session, case, pressure_of(outcome))
    decided = last_decision(session, item.id) is not None
    graver = _rank(outcome.action) > _rank(Action(item.action))
    if not (graver and not decided) and not (outcome.needs_people and not open_cases):
        return open_cases[0].id if open_cases else None
    said = _new_verdict(session, item, before, outcome, policy, now)
    if graver and not decided:
        _act(session, item, said, outcome, policy, now)
    case_id = open_cases[0].id if open_cases else None
    if outcome.needs_people and case_id is None:
        case_id = open_item_case(session, item.id, said["id"], outcome, policy, now).id
    tell_of_verdict(session, vars(item), author_name(session, item), said, case_id, now)
    return case_id


def facts_now(session: Session, item: ItemRow, before: VerdictRow, now: datetime) -> Facts:
    """The facts of a verdict with author, thread and reports as they are now.

    What the item itself did to the record is left out: it is not an earlier violation.
    """
    facts = Facts.from_dict(before.facts)
    record = author_record(session, item.author_id, now)
    if record is not None:
        for strike in standing_strikes(session, item.id):
            _leave_out(record, strike, now)
        facts = replace(facts, author=record.facts(now))
    if item.thread_id is not None:
        facts = replace(facts, thread=thread_facts(session, item.thread_id))
    return replace(facts, reports=report_facts(session, item.id))


def reports_of(session: Session, item_id: str) -> Sequence[ReportRow]:
    """Reports of an item, the oldest first."""
    wanted = select(ReportRow).where(ReportRow.item_id == item_id)
    return session.scalars(wanted.order_by(ReportRow.id)).all()


def _leave_out(record: Any, strike: StrikeRow, now: datetime) -> None:
    record.violations -= 1
    if strike.expires_at is None or strike.expires_at > now:
        record.strikes = max(0.0, record.strikes - strike.weight)
    entry = (strike.action, strike.violation, strike.created_at)
    if entry in record.prior:
        record.prior.remove(entry)


def _new_verdict(
    session: Session,
    item: ItemRow,
    before: VerdictRow,
    outcome: Outcome,
    policy: Policy,
    now: datetime,
) -> dict[str, Any]:
    assessed = ("scores", "stage", "sure", "model", "versions", "reason")
    said = outcome_values(item.id, outcome, policy, now, shadow=False)
    said |= {name: getattr(before, name) for name in assessed}
    session.execute(insert(VerdictRow), [said])
    return said


def _act(
    session: Session,
    item: ItemRow,
    said: dict[str, Any],
    outcome: Outcome,
    policy: Policy,
    now: datetime,
) -> None:
    """Put a graver verdict in the place of the one before."""
    item.action, item.violation, item.verdict_id = said["action"], said["violation"], said["id"]
    revoke(session, [each.id for each in standing_strikes(session, item.id)], now)
    record = author_record(session, item.author_id, now)
    if record is not None:
        strike = strike_values(record, item.id, said["id"], outcome, policy, now)
        if strike is not None:
            session.execute(insert(StrikeRow), [strike])


def _open_case_id(session: Session, item: ItemRow) -> str | None:
    cases = open_cases_of(session, item.id)
    return cases[0].id if cases else None


def _rank(action: Action) -> int:
    return _MILDEST_FIRST.index(action)
