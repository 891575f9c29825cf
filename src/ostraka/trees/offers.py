"""What a contributor is shown of a task: blind, without authors, marks or who else did what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from ostraka.trees.acceptance import label_kind
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.loading import load
from ostraka.trees.selection import Task, TaskType
from ostraka.trees.tables import TreeTaskRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, Message, Role


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as contributors see it."""

    id: str
    role: Role
    text: str
    language: str
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A task, held by a contributor until `expires_at` or as `state` says."""

    id: str
    kind: TaskType
    language: str
    created_at: datetime
    expires_at: datetime
    state: str = "open"
    """`open`, `done`, `skipped`, `expired` or `closed`."""
    tree_id: str | None = None
    message_id: str | None = None
    """What is answered or reviewed; of a ranking, the message whose replies are ranked."""
    conversation: tuple[ShownMessage, ...] = ()
    """From the prompt to that message; empty where a prompt is asked for."""
    replies: tuple[ShownMessage, ...] = ()
    """Those to rank, in the order in which they are shown; a ranking answers this order."""
    shown: tuple[str, ...] = ()
    """Their ids."""
    labels: tuple[str, ...] = ()
    mandatory_labels: tuple[str, ...] = ()
    mode: Literal["full", "simple"] = "full"
    disposition: Literal["quality", "spam"] = "quality"
    made_id: str | None = None
    """The message that was written, once it is done."""


def asked_values(task: Task) -> dict[str, Any] | None:
    """What is kept of a review task's labels."""
    if not task.labels:
        return None
    return {
        "labels": list(task.labels),
        "mandatory_labels": list(task.mandatory_labels),
        "mode": task.mode,
        "disposition": task.disposition,
    }


def offer_of(session: Session, row: TreeTaskRow, configuration: TreeConfiguration) -> Offer:
    """A task out of its row."""
    if row.tree_id is None or row.activity == "prompt":
        return outline_of(row)
    return offer_in(load(session, row.tree_id), row, configuration)


def offer_in(tree: Tree, row: TreeTaskRow, configuration: TreeConfiguration) -> Offer:
    """A task on a tree that is at hand."""
    message = tree.messages[row.message_id or tree.id]
    offer = replace(
        outline_of(row),
        conversation=tuple(_shown(each) for each in tree.path(message.id)),
        replies=tuple(_shown(tree.messages[each]) for each in row.shown),
    )
    if row.activity != Activity.REVIEW:
        return offer
    kind = label_kind(message)
    asked: Mapping[str, Any] = row.asked or {}
    return replace(
        offer,
        labels=tuple(asked.get("labels", configuration.labels_for(kind))),
        mandatory_labels=tuple(
            asked.get("mandatory_labels", configuration.mandatory_labels_for(kind))
        ),
        mode=asked.get("mode", "full"),
        disposition=asked.get("disposition", "quality"),
    )


def outline_of(row: TreeTaskRow) -> Offer:
    """A task without texts and labels."""
    return Offer(
        id=row.id,
        kind=TaskType(row.kind),
        language=row.language,
        created_at=row.created_at,
        expires_at=row.expires_at,
        state=row.state,
        tree_id=row.tree_id,
        message_id=row.message_id,
        shown=tuple(row.shown),
        made_id=row.made_id,
    )


def _shown(message: Message) -> ShownMessage:
    return ShownMessage(message.id, message.role, message.text, message.language, message.parent_id)
