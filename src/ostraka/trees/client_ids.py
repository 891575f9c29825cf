"""What clients call tasks and messages: one name, one thing, per client."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, NotFoundError
from ostraka.trees.tables import ContributorRow, TreeClientIdRow, TreeTaskRow

TASK, MESSAGE = "task", "message"


def named(session: Session, client: str, kind: str, theirs: str) -> str | None:
    """What a client means by a name, None where it never gave it to anything."""
    row = session.get(TreeClientIdRow, (client, kind, theirs))
    return row.ours if row else None


def name_of(session: Session, client: str, ours: str) -> str | None:
    """What a client calls a task or message, None where it has no name for it."""
    return names_of(session, client, [ours]).get(ours)


def names_of(session: Session, client: str, ours: Iterable[str]) -> dict[str, str]:
    """What a client calls tasks or messages, as far as it has names for them."""
    found = session.execute(
        select(TreeClientIdRow.ours, TreeClientIdRow.theirs).where(
            TreeClientIdRow.client == client, TreeClientIdRow.ours.in_(list(ours))
        )
    )
    return {row.ours: row.theirs for row in found}


def name_task(session: Session, client: str, theirs: str, task: TreeTaskRow) -> None:
    """Let a client call a task by a name; the same again changes nothing.

    Raises:
        ConflictError: the task has another name, or another open task has this one.
    """
    present = name_of(session, client, task.id)
    if present == theirs:
        return
    if present is not None:
        raise ConflictError("The task was acknowledged under another id.", code="task_acknowledged")
    row = session.get(TreeClientIdRow, (client, TASK, theirs))
    if row is None:
        session.add(TreeClientIdRow(client=client, kind=TASK, theirs=theirs, ours=task.id))
        return
    other = session.get(TreeTaskRow, row.ours)
    if other is not None and other.state == "open":
        raise _taken()
    row.ours = task.id


def refuse_taken(session: Session, client: str, theirs: str, message_id: str | None) -> None:
    """Let a name pass that a client has given to no other message.

    Raises:
        ConflictError: it has.
    """
    known = named(session, client, MESSAGE, theirs)
    if known not in (None, message_id):
        raise _taken()


def name_message(session: Session, client: str, theirs: str, message_id: str) -> None:
    """Let a client call a message by a name; the same again changes nothing.

    Raises:
        ConflictError: another message has it.
    """
    refuse_taken(session, client, theirs, message_id)
    if named(session, client, MESSAGE, theirs) is None:
        session.add(TreeClientIdRow(client=client, kind=MESSAGE, theirs=theirs, ours=message_id))


def task_of_client(session: Session, client: str, task_id: str) -> TreeTaskRow:
    """A task that one of a client's contributors has or had.

    Raises:
        NotFoundError: none of them has such a task.
    """
    task = session.scalar(
        select(TreeTaskRow)
        .join(ContributorRow, ContributorRow.id == TreeTaskRow.contributor)
        .where(TreeTaskRow.id == task_id, ContributorRow.client == client)
    )
    if task is None:
        raise NotFoundError("There is no such task.", code="task_not_found")
    return task


def _taken() -> ConflictError:
    return ConflictError(
        "You call something else by this id; take another one.", code="client_id_taken"
    )
