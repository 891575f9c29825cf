"""What a policy does by itself: strikes and bans on an author's record, cases for people, events.

Everything belongs into the transaction that keeps the verdict.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ostraka.moderator import Verdict
from ostraka.policy.evaluation import Outcome, Policy
from ostraka.review import webhooks
from ostraka.review.cases import CaseKind, Placement, open_case
from ostraka.review.facts import ACTING, Record
from ostraka.review.policies import SYSTEM
from ostraka.review.tables import CaseRow
from ostraka.review.urgency import Pressure
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action


def verdict_values(
    item_id: str, outcome: Outcome, verdict: Verdict, policy: Policy, now: datetime, *, shadow: bool
) -> dict[str, Any]:
    """The row of what a policy said of an item."""
    return outcome_values(item_id, outcome, policy, now, shadow=shadow) | {
        "scores": {str(name): score for name, score in verdict.scores.items()},
        "stage": verdict.stage,
        "sure": verdict.sure,
        "model": verdict.model,
        "versions": dict(verdict.versions),
        "reason": verdict.reason,
    }


def outcome_values(
    item_id: str, outcome: Outcome, policy: Policy, now: datetime, *, shadow: bool
) -> dict[str, Any]:
    """The part of a verdict's row that the policy says."""
    return {
        "id": new_id("verdict"),
        "created_at": now,
        "item_id": item_id,
        "policy_digest": policy.digest,
        "action": str(outcome.action),
        "violation": str(outcome.violation),
        "severity": str(outcome.severity),
        "rule": outcome.rule,
        "why": outcome.why,
        "path": [step.as_dict() for step in outcome.path],
        "facts": outcome.facts.as_dict(),
        "shadow": shadow,
    }


def strike_values(
    record: Record,
    item_id: str,
    verdict_id: str,
    outcome: Outcome,
    policy: Policy,
    now: datetime,
) -> dict[str, Any] | None:
    """Note on an author's record what a policy does; the row of the strike, if it is one."""
    if outcome.action not in ACTING:
        return None
    lasts, until = policy.document.strikes.lasts_days, None
    if outcome.action is Action.BAN_PERMANENT:
        record.row.banned_permanently = True
    elif outcome.action is Action.BAN_TEMPORARY:
        until = now + timedelta(days=outcome.ban_days or policy.document.ban_days)
        record.row.banned_until = max(record.row.banned_until or until, until)
    record.strikes += outcome.strike_weight
    record.violations += 1
    record.prior.insert(0, (str(outcome.action), str(outcome.violation), now))
    return {
        "id": new_id("strike"),
        "created_at": now,
        "author_id": record.row.id,
        "item_id": item_id,
        "verdict_id": verdict_id,
        "action": str(outcome.action),
        "violation": str(outcome.violation),
        "weight": outcome.strike_weight,
        "banned_until": until,
        "expires_at": now + timedelta(days=lasts) if lasts else None,
    }


def placement_of(outcome: Outcome, policy: Policy, why: str | None = None) -> Placement:
    """Where a case goes that an outcome calls for."""
    document = policy.document
    queue = document.queue(outcome.queue)
    hours = queue.deadline_hours if queue else document.appeals.deadline_hours
    reviewers = max(document.reviewers, queue.reviewers if queue else 1)
    return Placement(
        queue=outcome.queue,
        deadline=timedelta(hours=hours),
        why=why or outcome.why,
        pressure=pressure_of(outcome),
        reviewers=reviewers,
    )


def pressure_of(outcome: Outcome) -> Pressure:
    """What makes a case about an outcome urgent."""
    urgency = outcome.urgency
    return Pressure(str(urgency.severity), urgency.reach, urgency.reports, urgency.doubt)


def open_item_case(
    session: Session,
    item_id: str,
    verdict_id: str,
    outcome: Outcome,
    policy: Policy,
    now: datetime,
) -> CaseRow:
    """Ask people about an item, and tell those who want to hear of it."""
    case = open_case(
        session,
        item_id=item_id,
        verdict_id=verdict_id,
        kind=CaseKind.ITEM,
        placement=placement_of(outcome, policy),
        now=now,
    )
    tell_of_case(session, case, now)
    return case


def tell_of_case(session: Session, case: CaseRow, now: datetime) -> None:
    """The event and the audit entry of a case that opened."""
    told = {
        "case_id": case.id,
        "item_id": case.item_id,
        "kind": case.kind,
        "queue": case.queue,
        "severity": case.severity,
        "due_at": case.due_at.isoformat(),
        "why": case.why,
    }
    webhooks.emit(session, "case.opened", told, now, now)
    detail = {"item_id": case.item_id, "kind": case.kind, "queue": case.queue}
    audit.append(session, SYSTEM, "case.opened", case.id, detail, now)


def tell_of_verdict(
    session: Session,
    item: dict[str, Any],
    author: str | None,
    verdict: dict[str, Any],
    case_id: str | None,
    now: datetime,
) -> None:
    """The event of a verdict, and the audit entry of one that does something."""
    told = {
        "item_id": item["id"],
        "external_id": item["external_id"],
        "author": author,
        "verdict_id": verdict["id"],
        "action": verdict["action"],
        "violation": verdict["violation"],
        "severity": verdict["severity"],
        "rule": verdict["rule"],
        "policy": verdict["policy_digest"],
        "case_id": case_id,
    }
    webhooks.emit(session, "item.verdict", told, now, now)
    if verdict["action"] != Action.APPROVE:
        names: Sequence[str] = ("action", "violation", "rule")
        detail = {name: verdict[name] for name in names} | {
            "verdict_id": verdict["id"],
            "policy": verdict["policy_digest"],
            "model": verdict["model"],
        }
        audit.append(session, SYSTEM, "item.verdict", item["id"], detail, now)
