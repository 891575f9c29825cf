"""Trees in a database: every act is one transaction that holds the tree's row.

Whoever acts on a tree locks it, so it has one writer. The act, what follows from it and its lines
in the log are committed together or not at all; nothing in here commits half of it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.trees import acts
from ostraka.trees.advance import Advanced, advance, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import refuse_banned
from ostraka.trees.growing_limit import within_limit
from ostraka.trees.holding import hold_contributor
from ostraka.trees.known import KnownTrees, use
from ostraka.trees.loading import due_trees, load, outdated_trees, refuse_known
from ostraka.trees.log import log, log_all
from ostraka.trees.retrying import retried_unit
from ostraka.trees.saving import note_configuration, save
from ostraka.trees.states import Event
from ostraka.trees.tasks import (
    digest_of,
    due_prompt_tasks,
    expire_prompt_tasks,
    held_task,
    locked_task,
    outline_in,
    refuse_ended,
    refuse_repeated,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, Message, RankingVote, Role, TreeLease

Act = Callable[[Tree], Tree]
T = TypeVar("T")


class TreeStore:
    """The trees of one database, under one configuration. Threads may share it."""

    def __init__(self, database: Database, configuration: TreeConfiguration) -> None:
        self.database = database
        self.configuration = configuration
        self._known = KnownTrees()

    def write(self, unit: Callable[[Session], T]) -> T:
        """Do a unit of work in one transaction; again where others were in its way.

        Raises:
            ConflictError: they were each time; nothing was done.
        """

        def knowing(session: Session) -> T:
            use(session, self._known)
            return unit(session)

        return retried_unit(self.database, knowing)

    def read(self, tree_id: str) -> Tree:
        """The tree as it stands.

        Raises:
            NotFoundError: there is no such tree.
        """
        with self.database.reading() as session:
            return load(session, tree_id)

    def plant(
        self, text: str, contributor: str, language: str, now: datetime, random: Random
    ) -> Tree:
        """A new tree from a prompt.

        Raises:
            InvalidInputError: the text is empty or too long.
        """
        prompt = Message(
            new_id("message"), contributor, Role.PROMPTER, text, now, language=language
        )
        tree = acts.plant(prompt, self.configuration, random)
        self.write(lambda session: self.plant_in(session, tree, contributor, now))
        return tree

    def plant_in(self, session: Session, tree: Tree, contributor: str, now: datetime) -> None:
        """Keep a planted tree, in the caller's transaction."""
        save(session, None, tree, self.configuration, now)
        log(session, tree.id, contributor, "planted", {}, now)

    def keep(self, tree: Tree, actor: str, now: datetime) -> Advanced:
        """Put in a tree that was made elsewhere, such as an imported one, moved as far as it goes.

        Raises:
            ConflictError: there is a tree or message of one of its ids already.
        """
        return self.write(lambda session: self.keep_in(session, tree, actor, now))

    def keep_in(self, session: Session, tree: Tree, actor: str, now: datetime) -> Advanced:
        """Do as `keep` in the caller's transaction; nothing is written where it refuses."""
        refuse_known(session, tree)
        after = advance(tree, self.configuration)
        save(session, None, after.tree, self.configuration, now)
        log_all(session, actor, "imported", {"origin": tree.origin}, after, now)
        return after

    def take(
        self, tree_id: str, activity: Activity, message_id: str, contributor: str, now: datetime
    ) -> TreeLease:
        """A lease on a message for somebody.

        Raises:
            ConflictError: it may not be done, or its places were taken meanwhile.
        """
        until = now + timedelta(minutes=self.configuration.task_validity_minutes)
        taken: list[TreeLease] = []

        def act(tree: Tree) -> Tree:
            shown: tuple[str, ...] = ()
            if activity is Activity.RANK:
                shown = tuple(each.id for each in tree.candidates(message_id))
            lease = TreeLease(new_id("task"), activity, message_id, contributor, until, shown)
            taken[:] = [lease]
            return acts.take(tree, lease, self.configuration)

        self.change(tree_id, act, contributor, "taken", now)
        return taken[0]

    def reply(self, task_id: str, text: str, contributor: str, now: datetime) -> Message:
        """Hand in the reply that a task asked for; sent again, it gives the same message.

        Raises:
            ConflictError: the task is not theirs to do any more, or may not be done.
            InvalidInputError: the text is empty, too long, or was sent a short while ago.
        """
        new = Message(new_id("message"), contributor, Role.PROMPTER, text, now)

        def act(session: Session, tree: Tree, task: Row[Any]) -> Tree:
            refuse_repeated(session, contributor, text, now, self.configuration)
            return acts.reply(tree, task.message_id or "", new, contributor, self.configuration)

        said = digest_of(["reply", text.strip()])
        after, made = self._hand_in(
            task_id, contributor, Activity.REPLY, act, now, said=said, made=new.id
        )
        return after.tree.messages[made or new.id]

    def review(
        self, task_id: str, labels: Mapping[str, float], contributor: str, now: datetime
    ) -> Advanced:
        """Hand in the review that a task asked for; sent again, it changes nothing.

        Raises:
            ConflictError: the task is not theirs to do any more, or may not be done.
            InvalidInputError: a label is unknown, missing or no share.
        """

        def act(session: Session, tree: Tree, task: Row[Any]) -> Tree:
            message_id = task.message_id or ""
            return acts.review(tree, message_id, labels, contributor, self.configuration)

        said = digest_of(["review", dict(labels)])
        return self._hand_in(task_id, contributor, Activity.REVIEW, act, now, said=said)[0]

    def rank(
        self,
        task_id: str,
        tiers: tuple[tuple[str, ...], ...],
        contributor: str,
        now: datetime,
        *,
        not_rankable: bool = False,
    ) -> Advanced:
        """Hand in the ranking that a task asked for; sent again, it changes nothing.

        Raises:
            ConflictError: the task is not theirs to do any more, or may not be done.
            InvalidInputError: it does not name each reply once.
        """

        def act(session: Session, tree: Tree, task: Row[Any]) -> Tree:
            vote = RankingVote(contributor, task.message_id or "", tiers, not_rankable)
            return acts.rank(tree, vote, self.configuration)

        said = digest_of(["rank", tiers, not_rankable])
        return self._hand_in(task_id, contributor, Activity.RANK, act, now, said=said)[0]

    def skip(self, task_id: str, contributor: str, now: datetime, reason: str = "") -> None:
        """Give a task back, and not be asked for this again.

        Raises:
            ConflictError: the task is not theirs any more.
        """

        def unit(session: Session) -> None:
            task, before = locked_task(session, task_id, contributor)
            refuse_ended(task, now)
            lease = _lease(before, task_id)
            after = advance(acts.give_back(before, lease), self.configuration)
            ended = {task_id: {"state": "skipped"}}
            save(session, before, after.tree, self.configuration, now, ended)
            detail = {"task": task_id, "reason": reason}
            log_all(session, contributor, "skipped", detail, after, now)

        self.write(unit)

    def change(self, tree_id: str, act: Act, actor: str, name: str, now: datetime) -> Advanced:
        """Act on a tree, a moderator's act or a mark, and let everything follow from it."""
        return self.let_happen(tree_id, Event.CHECK, actor, now, act=act, name=name)

    def let_happen(
        self,
        tree_id: str,
        event: Event,
        actor: str,
        now: datetime,
        *,
        act: Act | None = None,
        name: str | None = None,
        detail: Mapping[str, object] | None = None,
        also: Callable[[Session], None] | None = None,
    ) -> Advanced:
        """Let an event happen to a tree, after an act where one is given.

        `detail` goes into the tree's log, and the act may still fill it; `also` writes more in the
        same transaction. A tree that would grow again waits where there is no room.

        Raises:
            NotFoundError: there is no such tree.
            ConflictError: the tree cannot do that.
        """

        def unit(session: Session) -> Advanced:
            before = load(session, tree_id, lock=True)
            tree = acts.expire(before, now)
            gone = [lease.id for lease in before.leases if lease not in tree.leases]
            ended = {lease_id: {"state": "expired"} for lease_id in gone}
            tree = act(tree) if act else tree
            if event is Event.CHECK:
                after = advance(tree, self.configuration)
            else:
                after = happen(tree, event, self.configuration, now)
            after = within_limit(session, before, after, event, self.configuration, now)
            save(session, before, after.tree, self.configuration, now, ended)
            log_all(session, actor, name or str(event), detail or {}, after, now)
            if also is not None:
                also(session)
            return after

        return self.write(unit)

    def reconfigure(self, now: datetime, limit: int = 100) -> int:
        """Let trees at work notice that the configuration changed; gives how many did so.

        Limits that were copied into a tree stay. What is offered, decided and counted follows the
        new configuration. Run it until it gives 0.
        """
        with self.database.reading() as session:
            due = outdated_trees(session, self.configuration.digest, limit)
        for tree_id in due:
            self.let_happen(tree_id, Event.CHECK, "system", now, name="reconfigured")
            self.write(partial(note_configuration, tree_id, self.configuration.digest))
        return len(due)

    def expire(self, now: datetime, limit: int = 100) -> int:
        """Take back leases that have run out, each once; gives in how many trees there were any.

        Tasks to write a prompt are no leases on a tree; they end all at once.
        """
        with self.database.reading() as session:
            due = due_trees(session, now, limit)
            prompts = due_prompt_tasks(session, now)
        if prompts:
            self.write(lambda session: expire_prompt_tasks(session, now))
        return sum(self._take_back(tree_id, now) for tree_id in due)

    def _take_back(self, tree_id: str, now: datetime) -> bool:
        def unit(session: Session) -> bool:
            before = load(session, tree_id, lock=True)
            tree = acts.expire(before, now)
            gone = [lease.id for lease in before.leases if lease not in tree.leases]
            if gone:  # nobody else who looked was quicker
                after = advance(tree, self.configuration)
                ended = {lease_id: {"state": "expired"} for lease_id in gone}
                save(session, before, after.tree, self.configuration, now, ended)
                log_all(session, "system", "expired", {"tasks": gone}, after, now)
            return bool(gone)

        return self.write(unit)

    def _hand_in(
        self,
        task_id: str,
        contributor: str,
        activity: Activity,
        act: Callable[[Session, Tree, Row[Any]], Tree],
        now: datetime,
        *,
        said: str,
        made: str | None = None,
    ) -> tuple[Advanced, str | None]:
        """Do what a task asked for, and give the message that it made; once, however often sent."""

        def unit(session: Session) -> tuple[Advanced, str | None]:
            hold_contributor(session, contributor)
            refuse_banned(session, contributor, now)
            outline = outline_in(session, task_id, contributor)
            task, before, lease = held_task(session, outline, contributor)
            if task.activity != activity:
                raise ConflictError(f"The task asks for a {task.activity}.", code="task_type")
            if task.state == "done" and task.result == said:
                return Advanced(before), task.made_id
            refuse_ended(task, now)
            if lease is None:  # whoever waited for the tree finds what was done meanwhile
                raise ConflictError("The task is done or closed already.", code="task_done")
            after = advance(act(session, before, task), self.configuration)
            ended = {task_id: {"state": "done", "result": said, "made_id": made}}
            save(session, before, after.tree, self.configuration, now, ended)
            log_all(session, contributor, str(activity), {"task": task_id}, after, now)
            return after, made

        return self.write(unit)


def _lease(tree: Tree, task_id: str) -> TreeLease:
    """The lease of a task; whoever waited for the tree finds what was done meanwhile."""
    lease = next((each for each in tree.leases if each.id == task_id), None)
    if lease is None:
        raise ConflictError("The task is done or closed already.", code="task_done")
    return lease
