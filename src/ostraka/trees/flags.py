"""Messages that were reported: which wait for a moderator, and that somebody has looked."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.storage import audit
from ostraka.trees import moderating
from ostraka.trees.changing import Hand, Plan, tree_of
from ostraka.trees.consequences import TreeChange
from ostraka.trees.keyset import KeysetPage, Stretch, keyset_page
from ostraka.trees.states import Event
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeFlagRow, TreeLabelRow, TreeMessageRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, SKIP_REPLY


@dataclass(frozen=True, slots=True)
class Flag:
    """A reported message."""

    message_id: str
    tree_id: str
    text: str
    reported_at: datetime
    processed_at: datetime | None
    reports: int
    """How often it was reported."""


def page_of_flags(
    session: Session, stretch: Stretch, *, processed: bool | None = None
) -> KeysetPage[Flag]:
    """Reported messages by the moment of the last report; `processed` picks one half."""
    wanted = select(TreeFlagRow)
    if processed is not None:
        seen = TreeFlagRow.processed_at
        wanted = wanted.where(seen.is_not(None) if processed else seen.is_(None))
    columns = (TreeFlagRow.reported_at, TreeFlagRow.message_id)
    found = keyset_page(session, wanted, columns, stretch)
    messages, counts = _about(session, [row.message_id for row in found.entries])
    flags = [
        Flag(
            message_id=row.message_id,
            tree_id=messages[row.message_id].tree_id,
            text=messages[row.message_id].text,
            reported_at=row.reported_at,
            processed_at=row.processed_at,
            reports=counts.get(row.message_id, 0),
        )
        for row in found.entries
    ]
    return KeysetPage(flags, found.has_previous, found.has_next)


def process(store: TreeStore, message_id: str, actor: str, now: datetime) -> Flag:
    """Note that somebody has looked at a reported message and let it stay.

    Its present red flags do not count any more; a new report opens it again.

    Raises:
        NotFoundError: nobody has reported it.
    """
    with store.database.reading() as session:
        if session.get(TreeFlagRow, message_id) is None:
            raise NotFoundError("Nobody has reported this message.", code="message_not_found")
        tree_id = session.get_one(TreeMessageRow, message_id).tree_id

    def also(session: Session) -> None:
        flag = session.get_one(TreeFlagRow, message_id)
        if flag.processed_at is None:
            flag.processed_at, flag.processed_by = now, actor
            detail = {"tree": tree_id}
            audit.append(session, actor, "message.flag_processed", message_id, detail, now)

    store.let_happen(
        tree_id,
        Event.CHECK,
        actor,
        now,
        act=lambda tree: moderating.forgive(tree, message_id, RED_FLAG),
        name="flag_processed",
        detail={"message": message_id},
        also=also,
    )
    with store.database.reading() as session:
        row = session.get_one(TreeFlagRow, message_id)
        messages, counts = _about(session, [message_id])
        return Flag(
            message_id=message_id,
            tree_id=tree_id,
            text=messages[message_id].text,
            reported_at=row.reported_at,
            processed_at=row.processed_at,
            reports=counts.get(message_id, 0),
        )


def forgive_message(hand: Hand, message_id: str) -> TreeChange:
    """Let the marks that are on a message pass; if it was reported, somebody has looked by that.

    Raises:
        NotFoundError: there is no such message.
    """
    tree_id = tree_of(hand.store, message_id)
    if not hand.preview:
        with suppress(NotFoundError):
            process(hand.store, message_id, hand.actor, hand.now)

    def forgiven(session: Session, tree: Tree) -> Tree:
        for code in (RED_FLAG, SKIP_REPLY):
            tree = moderating.forgive(tree, message_id, code)
        return tree

    detail = {"message": message_id}
    plan = Plan("forgiven", act=forgiven, subject=message_id, detail=detail)
    before, after = hand.do(tree_id, plan)
    return TreeChange.between(before, after.tree)


def _about(
    session: Session, message_ids: list[str]
) -> tuple[dict[str, TreeMessageRow], dict[str, int]]:
    messages = select(TreeMessageRow).where(TreeMessageRow.id.in_(message_ids))
    reports = (
        select(TreeLabelRow.message_id, func.count())
        .where(TreeLabelRow.message_id.in_(message_ids), TreeLabelRow.is_report)
        .group_by(TreeLabelRow.message_id)
    )
    counts = {name: count for name, count in session.execute(reports) if name is not None}
    return {row.id: row for row in session.scalars(messages)}, counts
