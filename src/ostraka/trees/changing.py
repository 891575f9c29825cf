"""One act on one tree: looked at first, or done with its line in the audit log."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.storage import audit
from ostraka.trees import acts
from ostraka.trees.advance import Advanced, advance, happen
from ostraka.trees.growing_limit import within_limit
from ostraka.trees.loading import load
from ostraka.trees.log import log_all
from ostraka.trees.saving import save
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeMessageRow
from ostraka.trees.tree import Tree

ActIn = Callable[[Session, Tree], Tree]


@dataclass(frozen=True, slots=True)
class Plan:
    """Something to be done to a tree: an act, an event, or one after the other."""

    name: str
    """What the logs call it."""
    event: Event = Event.CHECK
    act: ActIn | None = None
    subject: str | None = None
    """What the audit log says it is about; the tree if nothing else."""
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)
    audited_as: str | None = None
    also: Callable[[Session], None] | None = None
    """Writes more in the same transaction; a preview leaves it out."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Whoever acts, when, and whether anything is kept."""

    store: TreeStore
    actor: str
    now: datetime
    preview: bool = False
    growing: Counter[str] = field(default_factory=Counter, compare=False)
    """By language how many more trees a preview has let grow: the next ones find less room."""

    def do(self, tree_id: str, plan: Plan) -> tuple[Tree, Advanced]:
        """The tree before and after; with `preview` it stays as it is.

        What changes nothing leaves no trace in the logs.

        Raises:
            NotFoundError: there is no such tree.
            ConflictError: the tree cannot do that.
        """
        if self.preview:
            with self.store.database.reading() as session:
                before = load(session, tree_id)
                after = self._after(session, before, plan)
                session.rollback()
                grew, grows = (each.state is State.GROWING for each in (before, after.tree))
                self.growing[before.language] += grows - grew
                return before, after

        def unit(session: Session) -> tuple[Tree, Advanced]:
            before = load(session, tree_id, lock=True)
            after = self._after(session, before, plan)
            if before != after.tree:
                gone = [each.id for each in before.leases if each.expires_at <= self.now]
                expired = {lease_id: {"state": "expired"} for lease_id in gone}
                configuration = self.store.configuration
                save(session, before, after.tree, configuration, self.now, expired)
                log_all(session, self.actor, plan.name, plan.detail, after, self.now)
                self._audit(session, tree_id, plan)
                if plan.also is not None:
                    plan.also(session)
            return before, after

        return self.store.write(unit)

    def _after(self, session: Session, before: Tree, plan: Plan) -> Advanced:
        tree = acts.expire(before, self.now)
        tree = plan.act(session, tree) if plan.act else tree
        configuration = self.store.configuration
        if plan.event is Event.CHECK:
            after = advance(tree, configuration)
        else:
            after = happen(tree, plan.event, configuration, self.now)
        besides = self.growing[before.language]
        return within_limit(session, before, after, plan.event, configuration, self.now, besides)

    def _audit(self, session: Session, tree_id: str, plan: Plan) -> None:
        act = plan.audited_as or f"tree.{plan.name}"
        detail = {**plan.detail, "tree": tree_id}
        audit.append(session, self.actor, act, plan.subject or tree_id, detail, self.now)


def tree_of(store: TreeStore, message_id: str) -> str:
    """The tree of a message.

    Raises:
        NotFoundError: there is no such message.
    """
    with store.database.reading() as session:
        tree_id = session.scalar(
            select(TreeMessageRow.tree_id).where(TreeMessageRow.id == message_id)
        )
    if tree_id is None:
        raise NotFoundError(f"There is no message '{message_id}'.", code="message_not_found")
    return tree_id
