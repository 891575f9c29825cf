"""Items whose right decision is known: dealt among other cases, they say how often reviewers are
right. Whoever names one is taken to know; nothing of it acts on the item.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.review.items import get_item
from ostraka.review.tables import GoldenRow, ItemRow
from ostraka.review.terms import Ruling, Terms, check_ruling
from ostraka.storage import audit
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action


def add_golden(
    session: Session, item_id: str, right: Ruling, actor: str, now: datetime
) -> GoldenRow:
    """Name an item's right decision, with the reasons why; named again, it replaces the first.

    Raises:
        NotFoundError: there is no such item.
        ConflictError: its text was erased.
        InvalidInputError: action and violation do not fit together, or to escalate were right.
    """
    item = get_item(session, item_id, lock=True)
    if item.erased_at is not None:
        raise ConflictError(f"The text of '{item.id}' was erased.", code="erased")
    if right.action is Action.ESCALATE:
        others = [str(each) for each in Action if each is not Action.ESCALATE]
        raise InvalidInputError(
            "To escalate leaves open what is right.", field="action", valid=others
        )
    check_ruling(right, Terms(policy_digest=""))
    row = session.scalar(select(GoldenRow).where(GoldenRow.item_id == item.id))
    if row is None:
        row = GoldenRow(id=new_id("golden"), created_at=now, item_id=item.id)
        session.add(row)
    row.action, row.violation = str(right.action), str(right.violation)
    row.explanation, row.retired_at = right.reasons, None
    session.flush()
    detail = {"action": row.action, "violation": row.violation}
    audit.append(session, actor, "golden.added", item.id, detail, now)
    return row


def retire_golden(session: Session, item_id: str, actor: str, now: datetime) -> None:
    """Deal an item as a golden case no more; what was said of it still counts.

    Raises:
        NotFoundError: it is none.
    """
    wanted = update(GoldenRow).where(GoldenRow.item_id == item_id, GoldenRow.retired_at.is_(None))
    found = session.scalar(wanted.values(retired_at=now).returning(GoldenRow.id))
    if found is None:
        raise NotFoundError(f"The item '{item_id}' is no golden case.", field="item_id")
    audit.append(session, actor, "golden.retired", item_id, {}, now)


def every_golden(session: Session) -> Sequence[tuple[GoldenRow, ItemRow]]:
    """Those that are dealt, the newest first, with their items."""
    wanted = select(GoldenRow, ItemRow).join(ItemRow, ItemRow.id == GoldenRow.item_id)
    wanted = wanted.where(GoldenRow.retired_at.is_(None)).order_by(GoldenRow.id.desc())
    return [(golden, item) for golden, item in session.execute(wanted)]
