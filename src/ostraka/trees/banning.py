"""Send a contributor away: what they hold goes back to others in the same moment.

Without that a place that a banned person holds would stay empty until their lease runs out, up to
two days, and its tree would wait for somebody who may not hand anything in.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ostraka.storage import audit
from ostraka.storage.types import UtcDateTime
from ostraka.trees.advance import advance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import Contributor, ban_in, erase_in, one_left, unban_in
from ostraka.trees.holding import hold_contributor
from ostraka.trees.loading import load
from ostraka.trees.log import log_all
from ostraka.trees.saving import save
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeTaskRow

RELEASED: Final = "released"
"""The act of taking back what somebody holds, in a tree's log."""

_TASKS: Final[Any] = TreeTaskRow.__table__
_THEIRS: Final = (_TASKS.c.contributor == bindparam("who"), _TASKS.c.state == "open")
_HELD: Final = (
    select(_TASKS.c.tree_id)
    .where(*_THEIRS, _TASKS.c.tree_id.is_not(None))
    .distinct()
    .order_by(_TASKS.c.tree_id)
)
_END_PROMPTS: Final = (
    update(_TASKS)
    .where(*_THEIRS, _TASKS.c.activity == "prompt")
    .values(state="expired", ended_at=bindparam("now", type_=UtcDateTime()))
)


def ban(
    store: TreeStore, contributor: str, actor: str, now: datetime, notes: str | None = None
) -> Contributor:
    """Let them contribute no more, and give what they hold to others; all of it or nothing.

    Nothing that their client sends lifts the ban. Where they were merged with another, that one is
    banned.

    Raises:
        NotFoundError: there is none of this id.
        ConflictError: others were in the way each time; nothing was done.
    """

    def unit(session: Session) -> Contributor:
        who = one_left(session, contributor)
        release(session, who, actor, store.configuration, now)
        found = ban_in(session, who, now, notes)
        audit.append(session, actor, "contributor.banned", who, {}, now)
        return found

    return store.write(unit)


def unban(store: TreeStore, contributor: str, actor: str, now: datetime) -> Contributor:
    """Let them, or the one that they were merged into, contribute again.

    Raises:
        NotFoundError: there is none of this id.
        ConflictError: they were erased for good.
    """

    def unit(session: Session) -> Contributor:
        who = one_left(session, contributor)
        found = unban_in(session, who)
        audit.append(session, actor, "contributor.unbanned", who, {}, now)
        return found

    return store.write(unit)


def erase(store: TreeStore, contributor: str, actor: str, now: datetime) -> Contributor:
    """Forget who they are, and give what they hold to others; their messages stay, under no name.

    Whoever comes back under the old name is somebody new, unless they were banned.

    Raises:
        NotFoundError: there is none of this id.
        ConflictError: others were in the way each time; nothing was done.
    """

    def unit(session: Session) -> Contributor:
        release(session, contributor, actor, store.configuration, now)
        return erase_in(session, contributor, now)

    return store.write(unit)


def release(
    session: Session,
    contributor: str,
    actor: str,
    configuration: TreeConfiguration,
    now: datetime,
) -> None:
    """Take back all tasks that somebody holds, in the caller's transaction, which ends soon.

    They get no new one before it ends: whoever takes a task holds its contributor too.
    """
    hold_contributor(session, contributor)
    # In the order of ids, as everybody does who locks more trees than one.
    for tree_id in session.scalars(_HELD, {"who": contributor}).all():
        before = load(session, tree_id, lock=True)
        gone = [each.id for each in before.leases if each.contributor == contributor]
        if not gone:  # it was handed in while we waited for the tree
            continue
        kept = tuple(each for each in before.leases if each.contributor != contributor)
        after = advance(replace(before, leases=kept), configuration)
        ended = {lease_id: {"state": "expired"} for lease_id in gone}
        save(session, before, after.tree, configuration, now, ended)
        log_all(session, actor, RELEASED, {"tasks": gone}, after, now)
    session.execute(_END_PROMPTS, {"who": contributor, "now": now})
