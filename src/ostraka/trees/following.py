"""What follows from an act on a tree: work for the background, counts, streaks.

All of it is written in the act's own transaction. Work is queued, never done here, so nobody waits
for a classifier and no work runs for something that was rolled back.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, or_, update
from sqlalchemy.orm import Session

from ostraka.storage.types import UtcDateTime
from ostraka.trees.contributions import difference
from ostraka.trees.states import ENDED, WORKING, State
from ostraka.trees.statistics import STREAK_ENDS_AFTER
from ostraka.trees.tables import ContributorRow
from ostraka.trees.tallying import record
from ostraka.trees.tree import Tree
from ostraka.work.queue import enqueue

QUEUE: Final = "trees"
MODERATE: Final = "tree_messages"
"""Messages that are new or have another text."""
MOVED: Final = "tree_moved"
"""A tree came into the lottery, or left its place among those at work."""
_IMPORTS_LAST: Final = -10

_CONTRIBUTORS: Final[Any] = ContributorRow.__table__
_BROKEN: Final = or_(
    _CONTRIBUTORS.c.streak_began.is_(None),
    _CONTRIBUTORS.c.last_active_at.is_(None),
    _CONTRIBUTORS.c.streak_began > bindparam("now"),
    _CONTRIBUTORS.c.last_active_at < bindparam("lately"),
)
_NOW: Final = bindparam("now", type_=UtcDateTime())
_ACTIVE_NOW: Final = (
    update(_CONTRIBUTORS)
    .where(_CONTRIBUTORS.c.id.in_(bindparam("contributors", expanding=True)))
    .values(
        last_active_at=_NOW,
        streak_began=case((_BROKEN, _NOW), else_=_CONTRIBUTORS.c.streak_began),
    )
)
"""Built once, as every act makes somebody active."""


def follow(session: Session, before: Tree | None, after: Tree, now: datetime) -> None:
    """Queue and count what follows from what was just saved."""
    record(session, difference(before, after, now))
    written = _written(before, after)
    if written:
        imported = before is None and after.root.imported is not None
        enqueue(
            session,
            queue=QUEUE,
            kind=MODERATE,
            payload={"tree_id": after.id, "message_ids": written},
            priority=_IMPORTS_LAST if imported else 0,
        )
    if before is not None and before.state is not after.state:
        _queue_move(session, before.state, after)
    active = _active(before, after) if before is not None or after.root.imported is None else set()
    if active:
        _note_activity(session, active, now)


def _written(before: Tree | None, after: Tree) -> list[str]:
    """Messages whose text nobody has seen before.

    Deleted ones that were edited are among them: who brings them back relies on their verdict.
    """
    known = {each.id: each.text for each in before.messages.values()} if before else {}
    return [
        each.id
        for each in after.messages.values()
        if each.text and known.get(each.id) != each.text and (each.id in known or not each.deleted)
    ]


def _queue_move(session: Session, came_from: State, after: Tree) -> None:
    ended = after.state in ENDED and came_from in WORKING
    if ended or came_from is State.GROWING or after.state is State.PROMPT_LOTTERY_WAITING:
        payload = {"language": after.language, "ended": ended}
        enqueue(session, queue=QUEUE, kind=MOVED, payload=payload)


def _active(before: Tree | None, after: Tree) -> set[str]:
    """Who handed something in."""
    found: set[str] = set()
    known = before.messages if before else {}
    for message in after.messages.values():
        old = known.get(message.id)
        if old is None and message.author is not None:
            found.add(message.author)
        found.update(each.contributor for each in message.reviews if each.given_at is None)
    found.update(each.contributor for each in after.votes if each.given_at is None)
    return found


def _note_activity(session: Session, contributors: set[str], now: datetime) -> None:
    """A streak goes on, or begins anew after a long pause."""
    moments = {"contributors": sorted(contributors), "now": now, "lately": now - STREAK_ENDS_AFTER}
    session.flush()
    session.connection().execute(_ACTIVE_NOW, moments)
