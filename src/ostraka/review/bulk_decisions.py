"""Decide on many items at once: look first, act on what was looked at, undo all of it.

A preview names every item that would change and every one that would not, and gives a token, a
digest of exactly that. Acting needs the token: where an item has changed meanwhile, the token no
longer fits, nothing is done, and the caller has to look again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError, MissingScopeError, NotFoundError
from ostraka.review.bulk_token import token_of
from ostraka.review.cases import CaseKind, authors_of, open_cases_of, withdraw
from ostraka.review.decisions import note
from ostraka.review.effects import apply
from ostraka.review.tables import AppealRow, AuthorRow, DecisionRow, ItemRow
from ostraka.review.terms import Reviewer, Ruling, Terms, check_ruling
from ostraka.review.undoing import undo
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action

MOST_ITEMS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items: by their ids, or all that fit every filter that is given."""

    item_ids: tuple[str, ...] = ()
    author: str | None = None
    """The caller's id of the author."""
    thread_id: str | None = None
    action: str | None = None
    violation: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it would select everything."""
        return not self.item_ids and all(
            each is None for each in (self.author, self.thread_id, self.action, self.violation)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One item that a bulk decision would change."""

    item_id: str
    action: str
    violation: str
    """What counts for it now."""
    cases: tuple[str, ...]
    """Open cases that would be closed."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a bulk decision would do."""

    token: str
    changes: tuple[Change, ...]
    left_out: dict[str, str] = field(hash=False)
    """Items that would stay as they are, each with the reason."""


@dataclass(frozen=True, slots=True)
class BulkUndone:
    """What the undo of a bulk decision came to."""

    undone: tuple[str, ...]
    kept: dict[str, str] = field(hash=False)
    """Decisions that stand, each with the reason."""


def preview(
    session: Session, selection: Selection, ruling: Ruling, by: Reviewer, terms: Terms
) -> Preview:
    """What a bulk decision would do; changes nothing.

    Raises:
        MissingScopeError: the caller is no lead.
        InvalidInputError: an action that is not for bulk, or more items than may be.
    """
    return _plan(session, _items(session, selection, ruling, by, terms), ruling, by)


def decide_in_bulk(
    session: Session,
    selection: Selection,
    ruling: Ruling,
    token: str,
    by: Reviewer,
    terms: Terms,
    now: datetime,
) -> tuple[str, Preview]:
    """Do what a preview showed; returns the id of the whole, and what was done.

    Raises:
        ConflictError: it is not what the preview showed any more.
    """
    items = _items(session, selection, ruling, by, terms, lock=True)
    plan = _plan(session, items, ruling, by)
    if plan.token != token:
        raise ConflictError(
            "This is no longer what the preview showed: look at a new one.", code="preview_outdated"
        )
    bulk_id = new_id("bulk")
    by_id = {item.id: item for item in items}
    _lock_authors(session, items)
    for change in plan.changes:
        _decide_one(session, by_id[change.item_id], ruling, bulk_id, by, terms, now)
    detail = {"action": ruling.action, "violation": ruling.violation, "items": len(plan.changes)}
    audit.append(session, by.id, "bulk.decided", bulk_id, detail, now)
    return bulk_id, plan


def undo_bulk(
    session: Session, bulk_id: str, by: Reviewer, now: datetime, *, seconds: float
) -> BulkUndone:
    """Take back every decision of a bulk on which nothing rests meanwhile.

    Raises:
        NotFoundError: no such bulk decision.
        MissingScopeError: the caller is no lead.
    """
    _check_lead(by)
    wanted = select(DecisionRow).where(
        DecisionRow.bulk_id == bulk_id, DecisionRow.reverses.is_(None)
    )
    decisions = session.scalars(wanted.order_by(DecisionRow.item_id)).all()
    if not decisions:
        raise NotFoundError(f"There is no bulk decision '{bulk_id}'.")
    ids = [decision.item_id for decision in decisions]
    items = session.scalars(
        select(ItemRow).where(ItemRow.id.in_(ids)).order_by(ItemRow.id).with_for_update()
    ).all()
    _lock_authors(session, items)
    undone: list[str] = []
    kept: dict[str, str] = {}
    for decision in decisions:
        try:
            undo(session, decision.id, by, now, seconds=seconds)
        except ConflictError as error:  # raised before anything is changed
            kept[decision.id] = error.message
        else:
            undone.append(decision.id)
    detail = {"undone": len(undone), "kept": len(kept)}
    audit.append(session, by.id, "bulk.undone", bulk_id, detail, now)
    return BulkUndone(tuple(undone), kept)


def _items(
    session: Session,
    selection: Selection,
    ruling: Ruling,
    by: Reviewer,
    terms: Terms,
    *,
    lock: bool = False,
) -> Sequence[ItemRow]:
    _check_lead(by)
    check_ruling(ruling, terms)
    if ruling.action is Action.ESCALATE:
        raise InvalidInputError(
            "Cases are escalated one by one.",
            field="action",
            valid=[str(each) for each in Action if each is not Action.ESCALATE],
        )
    if selection.is_empty:
        raise InvalidInputError("Say which items.", field="item_ids", valid="ids, or a filter")
    wanted = _selecting(selection).order_by(ItemRow.id).limit(MOST_ITEMS + 1)
    items = session.scalars(wanted.with_for_update() if lock else wanted).all()
    if len(items) > MOST_ITEMS or len(selection.item_ids) > MOST_ITEMS:
        raise InvalidInputError(
            f"A bulk decision changes {MOST_ITEMS:,} items at most: select fewer.", field="item_ids"
        )
    missing = set(selection.item_ids).difference(item.id for item in items)
    if missing:
        raise NotFoundError(f"There is no item '{min(missing)}' here.")
    return items


def _selecting(selection: Selection) -> Select[ItemRow]:
    wanted = select(ItemRow)
    if selection.item_ids:
        wanted = wanted.where(ItemRow.id.in_(selection.item_ids))
    if selection.author is not None:
        named = select(AuthorRow.id).where(AuthorRow.external_id == selection.author)
        wanted = wanted.where(ItemRow.author_id == named.scalar_subquery())
    for column, value in (
        (ItemRow.thread_id, selection.thread_id),
        (ItemRow.action, selection.action),
        (ItemRow.violation, selection.violation),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    return wanted


def _plan(session: Session, items: Sequence[ItemRow], ruling: Ruling, by: Reviewer) -> Preview:
    changes: list[Change] = []
    left_out: dict[str, str] = {}
    for item in items:
        why = _why_not(session, item, ruling, by)
        if why:
            left_out[item.id] = why
            continue
        open_cases = [each.id for each in open_cases_of(session, item.id) if _closes(each.kind)]
        changes.append(Change(item.id, item.action, item.violation, tuple(open_cases)))
    return Preview(_token(changes, ruling, by), tuple(changes), left_out)


def _why_not(session: Session, item: ItemRow, ruling: Ruling, by: Reviewer) -> str:
    """Why a bulk decision leaves an item alone; empty if it does not."""
    if item.erased_at is not None:
        return "It was erased."
    if (item.action, item.violation) == (ruling.action, ruling.violation):
        return "It is so already."
    if by.id in session.scalars(authors_of(item.id)).all():
        return "You wrote it."
    appeal = select(AppealRow.id).where(AppealRow.item_id == item.id, AppealRow.state == "open")
    if session.scalar(appeal) is not None:
        return "Its author has appealed, which somebody decides with care."
    return ""


def _decide_one(
    session: Session,
    item: ItemRow,
    ruling: Ruling,
    bulk_id: str,
    by: Reviewer,
    terms: Terms,
    now: datetime,
) -> None:
    cases = [each for each in open_cases_of(session, item.id) if _closes(each.kind)]
    decision = DecisionRow(
        id=new_id("decision"),
        created_at=now,
        case_id=cases[0].id if cases else None,
        item_id=item.id,
        reviewer_id=by.id,
        reviewer_kind=by.kind,
        action=str(ruling.action),
        violation=str(ruling.violation),
        reasons=ruling.reasons,
        policy_digest=terms.policy_digest,
        counts=True,
        effective_at=now + terms.grace,
        bulk_id=bulk_id,
        before={},
    )
    session.add(decision)
    session.flush()
    for case in cases:
        withdraw(session, case, now)
        case.decision_id = decision.id
    apply(session, decision, item, terms, now)
    note(session, decision, "decision.made", by, now)


def _closes(kind: str) -> bool:
    """Whether a decision in bulk spares people a case of this kind; checks of quality go on."""
    return kind in (CaseKind.ITEM, CaseKind.ADJUDICATION)


def _lock_authors(session: Session, items: Sequence[ItemRow]) -> None:
    """In one order, so that two bulk decisions cannot wait for each other."""
    ids = {item.author_id for item in items if item.author_id is not None}
    wanted = select(AuthorRow.id).where(AuthorRow.id.in_(ids)).order_by(AuthorRow.id)
    session.execute(wanted.with_for_update())


def _check_lead(by: Reviewer) -> None:
    if not by.lead:
        raise MissingScopeError("Only a lead may decide in bulk.")


def _token(changes: Sequence[Change], ruling: Ruling, by: Reviewer) -> str:
    shown = [[each.item_id, each.action, each.violation, list(each.cases)] for each in changes]
    act = (str(ruling.action), str(ruling.violation), ruling.reasons)
    return token_of(act, by.id, shown)
