"""Tasks as rows: who holds one, how it ended, and what was handed in before."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, NotFoundError
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.limits import is_repeated
from ostraka.trees.loading import load
from ostraka.trees.permissions import Refusal
from ostraka.trees.tables import TreeMessageRow, TreeTaskRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import TreeLease

_TASKS: Final[Any] = TreeTaskRow.__table__
_MESSAGES: Final[Any] = TreeMessageRow.__table__
_OUTLINE: Final[Any] = select(
    _TASKS.c.id,
    _TASKS.c.tree_id,
    _TASKS.c.message_id,
    _TASKS.c.activity,
    _TASKS.c.state,
    _TASKS.c.expires_at,
    _TASKS.c.result,
    _TASKS.c.made_id,
).where(_TASKS.c.id == bindparam("id"), _TASKS.c.contributor == bindparam("contributor"))
"""What handing in needs: columns alone, as objects cost several times as much."""
_SENT: Final = select(_MESSAGES.c.text, _MESSAGES.c.created_at).where(
    _MESSAGES.c.author == bindparam("author"), _MESSAGES.c.created_at > bindparam("since")
)
_THEIRS: Final = select(TreeTaskRow).where(
    TreeTaskRow.id == bindparam("id"), TreeTaskRow.contributor == bindparam("contributor")
)
_LOCKED: Final = _THEIRS.with_for_update()


def task_of(session: Session, task_id: str, contributor: str, *, lock: bool = False) -> TreeTaskRow:
    """A task of somebody; one of somebody else is as unknown as one that is none.

    Raises:
        NotFoundError: they have no such task.
    """
    task = session.scalar(_LOCKED if lock else _THEIRS, {"id": task_id, "contributor": contributor})
    if task is None:
        raise NotFoundError("You have no such task.", code="task_not_found")
    return task


def locked_task(session: Session, task_id: str, contributor: str) -> tuple[TreeTaskRow, Tree]:
    """A task on a tree, as it is once nobody else works on the tree, and the tree.

    Raises:
        NotFoundError: they have no such task.
        ConflictError: it asks for a prompt, so it has no tree yet.
    """
    task = task_of(session, task_id, contributor)
    if task.tree_id is None:
        raise ConflictError("The task asks for a prompt.", code="task_type")
    tree = load(session, task.tree_id, lock=True)
    session.refresh(task)
    return task, tree


def outline_in(session: Session, task_id: str, contributor: str) -> Row[Any]:
    """Of a task of somebody what says whether it is open, and what was handed in.

    Raises:
        NotFoundError: they have no such task.
    """
    wanted = {"id": task_id, "contributor": contributor}
    found: Row[Any] | None = session.connection().execute(_OUTLINE, wanted).first()
    if found is None:
        raise NotFoundError("You have no such task.", code="task_not_found")
    return found


def held_task(
    session: Session, outline: Row[Any], contributor: str
) -> tuple[Row[Any], Tree, TreeLease | None]:
    """A task on a tree as `locked_task` gives it, and the lease, None where it has ended.

    An open lease says all that could have changed while one waited for the tree.

    Raises:
        ConflictError: it asks for a prompt, so it has no tree yet.
    """
    if outline.tree_id is None:
        raise ConflictError("The task asks for a prompt.", code="task_type")
    tree = load(session, outline.tree_id, lock=True)
    lease = next((each for each in tree.leases if each.id == outline.id), None)
    if lease is None or lease.expires_at != outline.expires_at:
        outline = outline_in(session, outline.id, contributor)
    return outline, tree, lease


def refuse_ended(task: TreeTaskRow | Row[Any], now: datetime) -> None:
    """Let only an open task pass.

    Raises:
        ConflictError: it ended, or has run out; says which.
    """
    if task.state == "closed":
        raise ConflictError(
            "The conversation was stopped or changed meanwhile.", code=Refusal.TREE_CLOSED
        )
    if task.state != "open":
        raise ConflictError(f"The task is {task.state} already.", code=f"task_{task.state}")
    if task.expires_at <= now:
        raise ConflictError("The task has expired.", code="task_expired")


def refuse_repeated(
    session: Session,
    contributor: str,
    text: str,
    now: datetime,
    configuration: TreeConfiguration,
) -> None:
    """Let only a text pass that this contributor did not send a short while ago.

    Raises:
        ConflictError: they did; it was kept then.
    """
    since = now - timedelta(minutes=configuration.duplicate_message_window_minutes)
    sent = session.connection().execute(_SENT, {"author": contributor, "since": since})
    if is_repeated(text, ((each.text, each.created_at) for each in sent), now, configuration):
        raise ConflictError(
            "You sent exactly this text a short while ago; it was kept.",
            field="text",
            code="text_repeated",
        )


def due_prompt_tasks(session: Session, now: datetime) -> bool:
    """Whether any task to write a prompt has run out."""
    found = session.scalar(select(TreeTaskRow.id).where(*_due_prompts(now)).limit(1))
    return found is not None


def expire_prompt_tasks(session: Session, now: datetime) -> None:
    """End the tasks to write a prompt that have run out."""
    ended = update(TreeTaskRow).where(*_due_prompts(now))
    session.execute(ended.values(state="expired", ended_at=now))


def digest_of(said: Any) -> str:
    """What tells one thing that is handed in from another."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _due_prompts(now: datetime) -> tuple[Any, ...]:
    return (
        TreeTaskRow.state == "open",
        TreeTaskRow.activity == "prompt",
        TreeTaskRow.expires_at <= now,
    )
