"""The log of a tree: what was done, by whom, and what followed; never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ostraka.storage.ids import new_id
from ostraka.trees.advance import Advanced
from ostraka.trees.tables import TreeEventRow

_EVENTS: Final[Any] = TreeEventRow.__table__
_NEW_EVENT: Final = insert(_EVENTS)
"""Built once, as every act writes one."""


def log(
    session: Session,
    tree_id: str,
    actor: str,
    act: str,
    detail: Mapping[str, object],
    now: datetime,
) -> None:
    """Write down one act, in the caller's transaction."""
    session.flush()
    session.connection().execute(_NEW_EVENT, _values(tree_id, actor, act, detail, now))


def log_all(
    session: Session,
    actor: str,
    act: str,
    detail: Mapping[str, object],
    after: Advanced,
    now: datetime,
) -> None:
    """The act, and each transition that it led to."""
    tree_id = after.tree.id
    events = [_values(tree_id, actor, act, detail, now)]
    for step in after.steps:
        moved = {"from": step.source, "to": step.target, "why": str(step.guard)}
        events.append(_values(tree_id, actor, "moved", moved, now))
    session.flush()
    session.connection().execute(_NEW_EVENT, events)


def _values(
    tree_id: str, actor: str, act: str, detail: Mapping[str, object], now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id("event"),
        "created_at": now,
        "tree_id": tree_id,
        "actor": actor,
        "act": act,
        "detail": dict(detail),
    }
