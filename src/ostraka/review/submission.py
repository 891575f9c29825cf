"""Take items in: facts, policy, effects and everything about them in one transaction.

The calls of a moment share a transaction. Each of them is taken whole or refused whole; what is
refused leaves nothing behind and holds up nobody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from ostraka.errors import CallerError, ConflictError
from ostraka.moderator import Verdict
from ostraka.policy.evaluation import Policy, evaluate
from ostraka.policy.facts import AuthorFacts, Facts, ItemFacts, ThreadFacts
from ostraka.review.acting import (
    open_item_case,
    strike_values,
    tell_of_verdict,
    verdict_values,
)
from ostraka.review.facts import ACTING, Record, keep_authors, load_authors, thread_facts
from ostraka.review.idempotency import recall, remember
from ostraka.review.intake_statements import ADD_ITEMS, ADD_STRIKES, ADD_VERDICTS, TAKEN
from ostraka.review.new_items import NewItem, fingerprint_of, other_content, refuse_other
from ostraka.review.shadowing import Shadows
from ostraka.review.shapes import show_submitted
from ostraka.review.tables import AuthorRow, CaseRow, ItemRow, VerdictRow
from ostraka.storage.ids import new_id


@dataclass(frozen=True, slots=True)
class Submission:
    """One call: its items, what the assessors say of each, and who sends it."""

    items: Sequence[NewItem]
    verdicts: Sequence[Verdict]
    actor: str
    single: bool
    """Whether the call held one item and no list."""
    key: str | None = None
    """Its `Idempotency-Key`."""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call is answered, as plain values."""

    answer: Any
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    item: ItemRow
    author: str | None
    verdict: VerdictRow
    case_id: str | None


@dataclass(slots=True)
class _Rows:
    """What the transaction will have written at its end."""

    items: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    strikes: list[dict[str, Any]] = field(default_factory=list)


class Intake:
    """Takes the calls of one transaction. Used once."""

    def __init__(self, session: Session, policy: Policy, shadows: Shadows, now: datetime) -> None:
        self._session = session
        self._policy = policy
        self._shadows = shadows
        self._now = now
        self._known: dict[str, _Known] = {}
        self._new: dict[str, tuple[NewItem, dict[str, Any]]] = {}
        """Items of this transaction by the caller's ids, with their answers."""
        self._authors: dict[str, Record] = {}
        self._threads: dict[str, ThreadFacts] = {}
        self._rows = _Rows()
        self._verdict_ids: list[str] = []

    def take(self, submissions: Sequence[Submission]) -> list[Taken | CallerError]:
        """What each call is answered, or why it is refused."""
        self._look_up(item for each in submissions for item in each.items)
        answers = [self._take(each) for each in submissions]
        self._shadows.follow(self._session, self._verdict_ids)
        return answers

    def _take(self, submission: Submission) -> Taken | CallerError:
        try:
            self._refuse_others(submission)
            if submission.key is not None:
                known = recall(
                    self._session,
                    submission.actor,
                    submission.key,
                    submission.fingerprint,
                    self._now,
                )
                if known is not None:
                    return Taken(known, replayed=True)
        except ConflictError as error:
            return error
        shown = [
            self._take_item(item, verdict)
            for item, verdict in zip(submission.items, submission.verdicts, strict=True)
        ]
        self._write()
        answer: Any = shown[0] if submission.single else {"data": shown}
        if submission.key is not None:
            remember(self._session, submission.actor, submission.key, answer)
        return Taken(answer)

    def _look_up(self, items: Iterable[NewItem]) -> None:
        """Read what is known already, and the records of all authors."""
        items = list(items)
        names = {item.external_id for item in items if item.external_id is not None}
        connection = self._session.connection()
        taken = _taken(connection, names) if names else []
        for row in self._session.execute(_KNOWN, {"names": taken}) if taken else ():
            known = _Known(*row)
            self._known[str(known.item.external_id)] = known
        authors = {
            item.author: item.author_since
            for item in items
            if item.author is not None and item.external_id not in self._known
        }
        self._authors = load_authors(self._session, authors, self._now)

    def _refuse_others(self, submission: Submission) -> None:
        """Refuse a call in which an id comes with other content than before, even within it."""
        here: dict[str, NewItem] = {}
        for index, item in enumerate(submission.items):
            if item.external_id is None:
                continue
            place = "" if submission.single else f"[{index}]."
            known = self._known.get(item.external_id)
            if known is not None:
                refuse_other(item, known.item, known.author, place)
                continue
            new = self._new.get(item.external_id)
            before = new[0] if new else here.setdefault(item.external_id, item)
            if fingerprint_of(before) != fingerprint_of(item):
                raise other_content(item, f"{place}{_difference(before, item)}")

    def _take_item(self, item: NewItem, verdict: Verdict) -> dict[str, Any]:
        if item.external_id is not None:
            known = self._known.get(item.external_id)
            if known is not None:
                return show_submitted(
                    vars(known.item), vars(known.verdict), known.case_id, duplicate=True
                )
            new = self._new.get(item.external_id)
            if new is not None:
                return new[1] | {"duplicate": True}
        shown = self._keep(item, verdict)
        if item.external_id is not None:
            self._new[item.external_id] = item, shown
        return shown

    def _keep(self, item: NewItem, verdict: Verdict) -> dict[str, Any]:
        record = self._authors.get(item.author) if item.author is not None else None
        facts = self._facts(item, verdict, record)
        outcome = evaluate(self._policy, facts)
        item_id = new_id("item")
        said = verdict_values(item_id, outcome, verdict, self._policy, self._now, shadow=False)
        kept = _item_values(item, item_id, record, said, self._now)
        self._rows.items.append(kept)
        self._rows.verdicts.append(said)
        self._verdict_ids.append(said["id"])
        if record is not None:
            strike = strike_values(record, item_id, said["id"], outcome, self._policy, self._now)
            if strike is not None:
                self._rows.strikes.append(strike)
        self._count_in_thread(item, said["action"])
        case_id = None
        if outcome.needs_people:
            self._write()
            case_id = open_item_case(
                self._session, item_id, said["id"], outcome, self._policy, self._now
            ).id
        tell_of_verdict(self._session, kept, item.author, said, case_id, self._now)
        return show_submitted(kept, said, case_id, duplicate=False)

    def _facts(self, item: NewItem, verdict: Verdict, record: Record | None) -> Facts:
        return Facts(
            scores={str(name): score for name, score in verdict.scores.items()},
            text_length=len(item.text),
            sure=verdict.sure,
            stage=verdict.stage,
            author=record.facts(self._now) if record else AuthorFacts(),
            item=ItemFacts(
                language=item.language or "",
                source=item.source or "",
                reach=item.reach,
                has_parent=item.parent_id is not None,
                metadata=item.metadata,
            ),
            thread=self._thread(item.thread_id),
        )

    def _thread(self, thread_id: str | None) -> ThreadFacts:
        if thread_id is None:
            return ThreadFacts()
        if thread_id not in self._threads:
            self._write()
            self._threads[thread_id] = thread_facts(self._session, thread_id)
        return self._threads[thread_id]

    def _count_in_thread(self, item: NewItem, action: str) -> None:
        if item.thread_id is not None:
            before = self._threads[item.thread_id]
            self._threads[item.thread_id] = ThreadFacts(
                before.items + 1, before.violations + (action in ACTING)
            )

    def _write(self) -> None:
        """Insert what was gathered so far."""
        rows, self._rows = self._rows, _Rows()
        self._session.flush()
        keep_authors(self._session, self._authors.values())
        connection = self._session.connection()
        for statement, values in (
            (ADD_ITEMS, rows.items),
            (ADD_VERDICTS, rows.verdicts),
            (ADD_STRIKES, rows.strikes),
        ):
            statement.run(connection, values)


def _taken(connection: Connection, names: Iterable[str]) -> list[str]:
    found = TAKEN[connection.dialect.name].rows(connection, {"names": list(names)})
    return [name for (name,) in found]


def _known() -> Any:
    """Items by the caller's ids, with author, verdict and the open case about each."""
    open_case = (
        select(CaseRow.id)
        .where(CaseRow.item_id == ItemRow.id, CaseRow.state == "open")
        .order_by(CaseRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(ItemRow, AuthorRow.external_id, VerdictRow, open_case)
        .join(VerdictRow, VerdictRow.id == ItemRow.verdict_id)
        .outerjoin(AuthorRow, AuthorRow.id == ItemRow.author_id)
        .where(ItemRow.external_id.in_(bindparam("names", expanding=True)))
    )


_KNOWN: Final = _known()


def _item_values(
    item: NewItem,
    item_id: str,
    record: Record | None,
    said: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    return {
        "id": item_id,
        "created_at": now,
        "external_id": item.external_id,
        "fingerprint": fingerprint_of(item),
        "text": item.text,
        "author_id": record.row.id if record else None,
        "thread_id": item.thread_id,
        "parent_id": item.parent_id,
        "language": item.language,
        "source": item.source,
        "reach": item.reach,
        "details": item.metadata,
        "action": said["action"],
        "violation": said["violation"],
        "verdict_id": said["id"],
        "reports": 0,
    }


def _difference(before: NewItem, now: NewItem) -> str:
    names = (each for each in before.__struct_fields__ if each != "author_since")
    return next(each for each in names if getattr(before, each) != getattr(now, each))
