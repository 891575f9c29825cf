"""What people say of messages without a task: labels, reports, reactions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from ostraka.errors import InvalidInputError
from ostraka.storage.ids import new_id
from ostraka.trees import acts
from ostraka.trees.labels import NAMES
from ostraka.trees.states import Event
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeFlagRow, TreeLabelRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, Mark, Message

Operation = Literal["toggle", "add", "remove"]
Also = Callable[[Session], None]


def nothing_else(session: Session) -> None:
    """Write nothing more."""


def label(
    store: TreeStore,
    contributor: str,
    labels: Mapping[str, float],
    text: str,
    now: datetime,
    message_id: str | None = None,
    also: Also = nothing_else,
) -> None:
    """Keep what somebody says of a message or text; it decides nothing.

    `also`, here and below, writes more in the same transaction.

    Raises:
        InvalidInputError: a label is unknown or no share.
    """
    _check(labels)

    def unit(session: Session) -> None:
        _keep(session, contributor, labels, text, now, message_id, report=False)
        also(session)

    store.write(unit)


def report(
    store: TreeStore,
    contributor: str,
    labels: Mapping[str, float],
    reason: str,
    now: datetime,
    message: tuple[str, str],
    also: Also = nothing_else,
) -> None:
    """Report a message, given as its tree's id and its own: a red flag, and work for a moderator.

    Raises:
        InvalidInputError: a label is unknown or no share.
        NotFoundError: there is no such message.
    """
    tree_id, message_id = message
    _check(labels)

    def bring_up(session: Session) -> None:
        also(session)
        _keep(session, contributor, labels, reason, now, message_id, report=True)
        flag = session.get(TreeFlagRow, message_id)
        if flag is None:
            session.add(
                TreeFlagRow(
                    message_id=message_id, reported_at=now, processed_at=None, processed_by=None
                )
            )
        else:
            flag.reported_at, flag.processed_at, flag.processed_by = now, None, None

    store.let_happen(
        tree_id,
        Event.CHECK,
        contributor,
        now,
        act=lambda tree: acts.put_mark(tree, message_id, Mark(contributor, RED_FLAG)),
        name="reported",
        also=bring_up,
    )


def react(
    store: TreeStore,
    contributor: str,
    message: tuple[str, str],
    code: str,
    operation: Operation,
    now: datetime,
    also: Also = nothing_else,
) -> Message:
    """Put a reaction on a message, or take it away; the same again changes nothing.

    Raises:
        InvalidInputError: there is no such reaction.
        NotFoundError: there is no such message.
    """
    tree_id, message_id = message
    mark = Mark(contributor, code)

    def act(tree: Tree) -> Tree:
        there = mark in acts.message_of(tree, message_id).marks
        if operation == "remove" or (operation == "toggle" and there):
            return acts.take_mark(tree, message_id, mark)
        return acts.put_mark(tree, message_id, mark)

    after = store.let_happen(
        tree_id, Event.CHECK, contributor, now, act=act, name="reacted", also=also
    )
    return after.tree.messages[message_id]


def _keep(
    session: Session,
    contributor: str,
    labels: Mapping[str, float],
    text: str,
    now: datetime,
    message_id: str | None,
    *,
    report: bool,
) -> None:
    session.add(
        TreeLabelRow(
            id=new_id("label"),
            created_at=now,
            contributor=contributor,
            message_id=message_id,
            text=text,
            labels=dict(labels),
            is_report=report,
        )
    )


def _check(labels: Mapping[str, float]) -> None:
    for name, value in labels.items():
        if name not in NAMES:
            raise InvalidInputError(
                f"'{name}' is no label.", field=f"labels.{name}", code="label_unknown", valid=NAMES
            )
        if not 0 <= value <= 1:
            raise InvalidInputError(
                f"'{name}' is {value}.", field=f"labels.{name}", valid="a number from 0 to 1"
            )
