"""The items that were sent, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ostraka.errors import CallerError, NotFoundError, StorageError
from ostraka.policy.evaluation import Policy
from ostraka.review import webhooks
from ostraka.review.cases import withdraw_cases_of
from ostraka.review.facts import Record, fill
from ostraka.review.intake_statements import BEGINNING
from ostraka.review.policies import PolicyStore, shadows
from ostraka.review.shadowing import Candidate, Shadows
from ostraka.review.submission import Intake, Submission, Taken
from ostraka.review.tables import (
    AppealRow,
    AuthorRow,
    CaseRow,
    DecisionRow,
    GoldenRow,
    ItemRow,
    PolicyRow,
    ReportRow,
    VerdictRow,
)
from ostraka.storage import audit
from ostraka.storage.database import Database

_TRIES: Final = 5
"""How often a transaction is done again that met another one's item or author."""
METADATA: Final = "item.metadata"


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """Everything that is kept about one item."""

    item: ItemRow
    author: Record | None
    verdicts: Sequence[VerdictRow]
    reports: Sequence[ReportRow]
    cases: Sequence[CaseRow]
    decisions: Sequence[DecisionRow]
    appeals: Sequence[AppealRow]


@dataclass(frozen=True, slots=True)
class _Acting:
    activations: tuple[str | None, int]
    """The newest one, of whatever kind, and how many there are."""
    policy: Policy
    shadows: Shadows


class ItemStore:
    """Takes items in. Threads may share it."""

    def __init__(
        self, database: Database, policies: PolicyStore, candidate: Candidate | None = None
    ) -> None:
        self._database = database
        self._policies = policies
        self._candidate = candidate
        self._acting: _Acting | None = None

    def submit(self, submissions: Sequence[Submission], now: datetime) -> list[Taken | CallerError]:
        """Take calls in, in one transaction; what each is answered, or why it is refused.

        Raises:
            StorageError: nothing was kept; try again.
        """
        for _ in range(_TRIES):
            try:
                with self._database.writing() as session:
                    acting = self._acting_now(session, now)
                    taken = Intake(session, acting.policy, acting.shadows, now).take(submissions)
                self._acting = acting  # what a transaction has read may only be kept behind it
                return taken
            except IntegrityError:  # another server took an item or made an author just now
                continue
        raise StorageError("Too many servers wrote the same items at once.")

    def _acting_now(self, session: Session, now: datetime) -> _Acting:
        """What acts and what is in shadow; read again when an activation came since."""
        rows = BEGINNING.rows(session.connection())
        webhooks.know(session, [(name, events) for name, steps, events in rows if steps < 0])
        newest, count = next((name, steps) for name, steps, _ in rows if steps >= 0)
        if self._acting is not None and self._acting.activations == (newest, count):
            return self._acting
        policy = self._policies.active(session)
        if session.get(PolicyRow, policy.digest) is None:  # a verdict must stay explainable
            self._policies.keep_default(session, now)
        seen_by = Shadows(tuple(shadows(session)), self._candidate)
        return _Acting((newest, count), policy, seen_by)


def get_item(session: Session, item_id: str, *, lock: bool = False) -> ItemRow:
    """An item by its id; with `lock`, nobody else changes it until the transaction ends.

    Raises:
        NotFoundError: there is none.
    """
    item = session.get(ItemRow, item_id, with_for_update=lock or None, populate_existing=lock)
    if item is None:
        raise NotFoundError(f"There is no item '{item_id}'.")
    return item


def find_item(
    session: Session, item_id: str | None, external_id: str | None, *, lock: bool = False
) -> ItemRow:
    """An item by its id, or by the caller's.

    Raises:
        NotFoundError: there is none.
    """
    if item_id is None and external_id is not None:
        item_id = session.scalar(select(ItemRow.id).where(ItemRow.external_id == external_id))
        if item_id is None:
            raise NotFoundError(f"There is no item '{external_id}'.", field="external_id")
    return get_item(session, item_id or "", lock=lock)


def history_of(session: Session, item: ItemRow, now: datetime) -> ItemHistory:
    """Everything about an item, the oldest first."""
    record = None
    if item.author_id is not None:
        record = Record(session.get_one(AuthorRow, item.author_id))
        fill(session, {item.author_id: record}, now)

    def about(table: Any) -> Sequence[Any]:
        return session.scalars(
            select(table).where(table.item_id == item.id).order_by(table.id)
        ).all()

    return ItemHistory(
        item=item,
        author=record,
        verdicts=about(VerdictRow),
        reports=about(ReportRow),
        cases=about(CaseRow),
        decisions=about(DecisionRow),
        appeals=about(AppealRow),
    )


def author_name(session: Session, item: ItemRow) -> str | None:
    """The caller's id of an item's author."""
    if item.author_id is None:
        return None
    return session.get_one(AuthorRow, item.author_id).external_id


def erase(session: Session, item_id: str, actor: str, now: datetime) -> ItemRow:
    """Take what an item says out of everything that is kept; its history stays.

    Gone are the text, the metadata, the notes of reports, what its author wrote in appeals, an LLM
    judge's words and why it was a golden case, and with them the open cases about it. Doing it
    again changes nothing.

    Raises:
        NotFoundError: there is no such item.
    """
    item = get_item(session, item_id, lock=True)
    if item.erased_at is not None:
        return item
    item.text, item.details, item.fingerprint, item.erased_at = None, {}, "", now
    session.flush()
    verdicts = session.scalars(select(VerdictRow).where(VerdictRow.item_id == item.id)).all()
    for verdict in verdicts:
        verdict.reason = ""
        verdict.facts = _without_words(verdict.facts)
        verdict.path = [_step_without_words(step) for step in verdict.path]
    session.execute(update(ReportRow).where(ReportRow.item_id == item.id).values(note=None))
    appeals = update(AppealRow).where(AppealRow.item_id == item.id)
    session.execute(appeals.values(reason=""))
    session.execute(
        appeals.where(AppealRow.state == "open").values(state="withdrawn", decided_at=now)
    )
    golden = update(GoldenRow).where(GoldenRow.item_id == item.id)
    session.execute(golden.values(explanation="", retired_at=now))
    withdrawn = withdraw_cases_of(session, item.id, now)
    audit.append(session, actor, "item.erased", item.id, {"withdrawn_cases": withdrawn}, now)
    return item


def _without_words(facts: dict[str, Any]) -> dict[str, Any]:
    facts = facts | {"item": facts.get("item", {}) | {"metadata": {}}}
    if facts.get("appeal"):
        facts["appeal"] = facts["appeal"] | {"reason": ""}
    return facts


def _step_without_words(step: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in step.get("facts", {}).items()
        if not name.startswith((METADATA, "appeal.reason"))
    }
    return step | ({"facts": kept} if "facts" in step else {})
