"""What is kept, as the API shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ostraka.review.tables import (
    ActivationRow,
    AppealRow,
    CaseRow,
    DecisionRow,
    ItemRow,
    PolicyRow,
    ReportRow,
    VerdictRow,
)

Values = Mapping[str, Any]

_SAID: Final = ("action", "violation", "severity", "rule", "why")
_ASSESSED: Final = ("scores", "stage", "sure", "model", "versions", "reason")


def moment(value: datetime | None) -> str | None:
    """A moment as the API writes it."""
    return value.isoformat() if value is not None else None


def show_submitted(
    item: Values, verdict: Values, case_id: str | None, *, duplicate: bool
) -> dict[str, Any]:
    """The answer for an item that was sent: without its text, which the caller has."""
    return {
        "id": item["id"],
        "external_id": item["external_id"],
        "created_at": moment(item["created_at"]),
        "duplicate": duplicate,
        "action": item["action"],
        "violation": item["violation"],
        "case_id": case_id,
        "verdict": show_verdict(verdict),
    }


def show_verdict(verdict: Values) -> dict[str, Any]:
    """What the policy said, without the way to it."""
    return {
        "id": verdict["id"],
        "created_at": moment(verdict["created_at"]),
        **{name: verdict[name] for name in _SAID},
        "policy": verdict["policy_digest"],
        **{name: verdict[name] for name in _ASSESSED},
    }


def show_whole_verdict(row: VerdictRow) -> dict[str, Any]:
    """What the policy said, with the facts that it had and every rule that was looked at."""
    return show_verdict(vars(row)) | {"facts": row.facts, "path": row.path, "shadow": row.shadow}


def show_item(row: ItemRow, author: str | None) -> dict[str, Any]:
    """An item as a list shows it."""
    return {
        "id": row.id,
        "external_id": row.external_id,
        "created_at": moment(row.created_at),
        "text": row.text,
        "author": author,
        "thread_id": row.thread_id,
        "parent_id": row.parent_id,
        "language": row.language,
        "source": row.source,
        "reach": row.reach,
        "metadata": row.details,
        "action": row.action,
        "violation": row.violation,
        "verdict_id": row.verdict_id,
        "reports": row.reports,
        "erased_at": moment(row.erased_at),
    }


def show_report(row: ReportRow) -> dict[str, Any]:
    """A report, without its note: only who looks at the item reads that."""
    return {
        "id": row.id,
        "created_at": moment(row.created_at),
        "item_id": row.item_id,
        "reporter": row.reporter,
        "violation": row.violation,
    }


def show_case(row: CaseRow) -> dict[str, Any]:
    """A case, as an item shows it."""
    return {
        "id": row.id,
        "created_at": moment(row.created_at),
        "kind": row.kind,
        "state": row.state,
        "queue": row.queue,
        "why": row.why,
        "due_at": moment(row.due_at),
        "decided_at": moment(row.decided_at),
    }


def show_decision(row: DecisionRow) -> dict[str, Any]:
    """A decision, as an item shows it."""
    return {
        "id": row.id,
        "created_at": moment(row.created_at),
        "case_id": row.case_id,
        "reviewer": row.reviewer_id,
        "reviewer_kind": row.reviewer_kind,
        "action": row.action,
        "violation": row.violation,
        "reasons": row.reasons,
        "counts": row.counts,
        "reverses": row.reverses,
    }


def show_appeal(row: AppealRow) -> dict[str, Any]:
    """An appeal, without what its author wrote."""
    return {
        "id": row.id,
        "created_at": moment(row.created_at),
        "item_id": row.item_id,
        "state": row.state,
        "appealed_action": row.appealed_action,
        "decision_id": row.decision_id,
        "outcome_id": row.outcome_id,
        "decided_at": moment(row.decided_at),
    }


def show_policy(row: PolicyRow) -> dict[str, Any]:
    """A policy, without its document."""
    return {
        "digest": row.digest,
        "created_at": moment(row.created_at),
        "name": row.name,
        "author": row.author,
        "note": row.note,
    }


def show_activation(row: ActivationRow) -> dict[str, Any]:
    """When a policy began to act, or to be tried."""
    return {
        "id": row.id,
        "created_at": moment(row.created_at),
        "kind": row.kind,
        "policy": row.policy_digest,
        "actor": row.actor,
        "note": row.note,
    }
