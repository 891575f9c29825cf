"""Items and decisions as flat rows, for files: one at a time, whatever their number."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.review.measures import Period
from ostraka.review.tables import AuthorRow, DecisionRow, ItemRow, VerdictRow

ITEM_COLUMNS: Final = (
    "id",
    "external_id",
    "created_at",
    "author",
    "thread_id",
    "parent_id",
    "language",
    "source",
    "reach",
    "text",
    "metadata",
    "action",
    "violation",
    "reports",
    "erased_at",
    "verdict_id",
    "verdict_action",
    "verdict_violation",
    "severity",
    "rule",
    "policy",
    "model",
    "stage",
    "sure",
    "scores",
)
DECISION_COLUMNS: Final = (
    "id",
    "created_at",
    "item_id",
    "external_id",
    "case_id",
    "reviewer_id",
    "reviewer_kind",
    "action",
    "violation",
    "reasons",
    "policy",
    "counts",
    "effective_at",
    "seconds",
    "reverses",
    "bulk_id",
)
KINDS: Final[Mapping[str, type]] = {
    "reach": int,
    "reports": int,
    "sure": bool,
    "counts": bool,
    "seconds": float,
}
"""Columns that hold something else than text; lists and objects are text, as JSON, in Parquet."""

_AT_A_TIME: Final = 500


def item_rows(session: Session, period: Period, *, texts: bool) -> Iterator[dict[str, Any]]:
    """Items of a period with the verdict that counts; without `texts`, what they say is left out.

    The text of an erased item is null.
    """
    wanted = (
        select(ItemRow, VerdictRow, AuthorRow.external_id)
        .join(VerdictRow, VerdictRow.id == ItemRow.verdict_id)
        .outerjoin(AuthorRow, AuthorRow.id == ItemRow.author_id)
        .where(ItemRow.created_at >= period.since, ItemRow.created_at < period.until)
        .order_by(ItemRow.created_at, ItemRow.id)
    )
    for item, verdict, author in session.execute(
        wanted, execution_options={"yield_per": _AT_A_TIME}
    ):
        row = _item(item, verdict, author)
        if not texts:
            row |= {"text": None, "metadata": {}}
        session.expunge(item)
        session.expunge(verdict)
        yield row


def decision_rows(session: Session, period: Period) -> Iterator[dict[str, Any]]:
    """Every decision of a period: opinions, undos and golden cases too."""
    wanted = (
        select(DecisionRow, ItemRow.external_id)
        .join(ItemRow, ItemRow.id == DecisionRow.item_id)
        .where(DecisionRow.created_at >= period.since, DecisionRow.created_at < period.until)
        .order_by(DecisionRow.created_at, DecisionRow.id)
    )
    same = [name for name in DECISION_COLUMNS if name not in ("policy", "external_id", *_MOMENTS)]
    for decision, external_id in session.execute(
        wanted, execution_options={"yield_per": _AT_A_TIME}
    ):
        row = {name: getattr(decision, name) for name in same}
        row |= {name: getattr(decision, name).isoformat() for name in _MOMENTS}
        row |= {"policy": decision.policy_digest, "external_id": external_id}
        session.expunge(decision)
        yield {name: row[name] for name in DECISION_COLUMNS}


_MOMENTS: Final = ("created_at", "effective_at")


def _item(item: ItemRow, verdict: VerdictRow, author: str | None) -> dict[str, Any]:
    row = {
        "created_at": item.created_at.isoformat(),
        "author": author,
        "metadata": item.details,
        "erased_at": item.erased_at.isoformat() if item.erased_at else None,
        "verdict_action": verdict.action,
        "verdict_violation": verdict.violation,
        "severity": verdict.severity,
        "rule": verdict.rule,
        "policy": verdict.policy_digest,
        "model": verdict.model,
        "stage": verdict.stage,
        "sure": verdict.sure,
        "scores": verdict.scores,
    }
    return {name: row[name] if name in row else getattr(item, name) for name in ITEM_COLUMNS}
