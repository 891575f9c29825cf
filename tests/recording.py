"""Rows for the tests of statements, reports and exports: small histories with exact moments."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ostraka.policy.presets import default_policy
from ostraka.review.measures import Period
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

START = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER = Period(START, datetime(2026, 11, 1, tzinfo=UTC))
POLICY = default_policy().digest
MODEL = "ostraka-lexical@sha256:0"


class History:
    """Writes what happened, an hour after what it wrote before."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers = itertools.count(1)
        self.now = START
        self.author = self._add(
            AuthorRow, "author", external_id="ann", banned_permanently=False, since=START
        )

    def _add(self, table: Any, prefix: str, **values: Any) -> Any:
        self.now += timedelta(hours=1)
        row = table(id=f"{prefix}_{next(self._numbers):04}", created_at=self.now, **values)
        self._session.add(row)
        self._session.flush()
        return row

    def item(
        self, action: str, violation: str = "none", rule: str = "clear", **values: Any
    ) -> ItemRow:
        """An item and the first verdict on it."""
        item = self._add(
            ItemRow,
            "item",
            **{
                "external_id": None,
                "fingerprint": "0" * 64,
                "text": "Your garden gnome looks silly.",
                "author_id": self.author.id,
                "language": "en",
                "reach": 10,
                "details": {"board": "gardens"},
                "action": action,
                "violation": violation,
                "verdict_id": "",
                "reports": 0,
            }
            | values,
        )
        item.verdict_id = self.verdict(item, action, violation, rule).id
        return item

    def verdict(
        self,
        item: ItemRow,
        action: str,
        violation: str = "none",
        rule: str = "clear",
        **values: Any,
    ) -> VerdictRow:
        return self._add(
            VerdictRow,
            "verdict",
            **{
                "item_id": item.id,
                "policy_digest": POLICY,
                "action": action,
                "violation": violation,
                "severity": "medium",
                "rule": rule,
                "why": "A score is above its threshold.",
                "path": [],
                "facts": {},
                "scores": {"harassment": 0.9},
                "stage": "lexical",
                "sure": True,
                "model": MODEL,
                "versions": {},
                "reason": "",
                "shadow": False,
            }
            | values,
        )

    def case(self, item: ItemRow, kind: str = "item", **values: Any) -> CaseRow:
        return self._add(
            CaseRow,
            "case",
            **{
                "kind": kind,
                "state": "open",
                "queue": "general",
                "item_id": item.id,
                "verdict_id": item.verdict_id,
                "why": "In doubt.",
                "severity": "medium",
                "urgency": [],
                "due_at": self.now + timedelta(hours=3),
                "reviewers": 1,
            }
            | values,
        )

    def decision(
        self,
        item: ItemRow,
        action: str,
        violation: str = "none",
        *,
        by: str = "person_1",
        case: CaseRow | None = None,
        counts: bool = True,
        **values: Any,
    ) -> DecisionRow:
        """What somebody decided; a decision that counts changes the item and closes its case."""
        row = self._add(
            DecisionRow,
            "decision",
            **{
                "case_id": case.id if case else None,
                "item_id": item.id,
                "reviewer_id": by,
                "reviewer_kind": "agent" if by.startswith("key_") else "person",
                "action": action,
                "violation": violation,
                "reasons": "It insults the owner.",
                "policy_digest": POLICY,
                "counts": counts,
                "effective_at": self.now + timedelta(minutes=5),
                "seconds": 40.0,
                "before": {"action": item.action, "violation": item.violation},
            }
            | values,
        )
        if counts:
            item.action, item.violation = action, violation
            if case is not None:
                case.state, case.decided_at, case.decision_id = "decided", row.created_at, row.id
        return row

    def undo(self, item: ItemRow, decision: DecisionRow) -> DecisionRow:
        before = decision.before
        return self.decision(
            item, before["action"], before["violation"], by="person_lead", reverses=decision.id
        )

    def strike(self, item: ItemRow, until: datetime | None = None, **values: Any) -> StrikeRow:
        return self._add(
            StrikeRow,
            "strike",
            author_id=self.author.id,
            item_id=item.id,
            action=item.action,
            violation=item.violation,
            weight=1.0,
            banned_until=until,
            **values,
        )

    def report(self, item: ItemRow, reporter: str) -> ReportRow:
        item.reports += 1
        return self._add(
            ReportRow, "report", item_id=item.id, reporter=reporter, violation="harassment"
        )

    def appeal(self, item: ItemRow, state: str, decision: DecisionRow | None = None) -> AppealRow:
        decided = None if state == "open" else self.now + timedelta(hours=10)
        return self._add(
            AppealRow,
            "appeal",
            item_id=item.id,
            author_id=item.author_id,
            reason="It was a quotation.",
            state=state,
            appealed_action=item.action,
            decision_id=decision.id if decision else None,
            decided_at=decided,
        )
