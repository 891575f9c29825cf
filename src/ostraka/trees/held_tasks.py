"""Tasks that contributors hold: read, renewed, given back, skipped, and handed in.

What comes in time is accepted, and what is sent again is taken once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.storage.ids import new_id
from ostraka.trees import acts
from ostraka.trees.advance import Advanced, advance
from ostraka.trees.contributors import refuse_banned
from ostraka.trees.drawing import draw_prompts
from ostraka.trees.holding import hold_contributor
from ostraka.trees.loading import load
from ostraka.trees.log import log_all
from ostraka.trees.offers import Offer, offer_of, outline_of
from ostraka.trees.permissions import Request, may_take
from ostraka.trees.saving import save
from ostraka.trees.selection import Candidate, TaskType
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeTaskRow
from ostraka.trees.taking import Wish, open_tasks_of, take_lease, take_task
from ostraka.trees.tasks import (
    digest_of,
    locked_task,
    outline_in,
    refuse_ended,
    refuse_repeated,
    task_of,
)
from ostraka.trees.values import Activity, Mark, Message, Role


class HeldTasks:
    """The tasks that contributors to one store have. Threads may share it."""

    def __init__(self, store: TreeStore) -> None:
        self.store = store
        self._configuration = store.configuration

    def get(self, task_id: str, contributor: str) -> Offer:
        """A task of somebody, however it ended.

        Raises:
            NotFoundError: they have no such task.
        """
        with self.store.database.reading() as session:
            row = task_of(session, task_id, contributor)
            return offer_of(session, row, self._configuration)

    def outline(self, task_id: str, contributor: str) -> Offer:
        """A task of somebody without its texts and labels, for which no tree is read.

        Raises:
            NotFoundError: they have no such task.
        """
        with self.store.database.reading() as session:
            return outline_of(task_of(session, task_id, contributor))

    def open_tasks(self, contributor: str, now: datetime) -> list[Offer]:
        """The tasks that somebody holds, the oldest first."""
        with self.store.database.reading() as session:
            rows = open_tasks_of(session, contributor, now)
            return [offer_of(session, row, self._configuration) for row in rows]

    def renew(self, task_id: str, contributor: str, now: datetime) -> datetime:
        """Hold a task as long again from now on; gives until when.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: it ended, or has run out.
        """
        until = now + timedelta(minutes=self._configuration.task_validity_minutes)

        def unit(session: Session) -> datetime:
            row = task_of(session, task_id, contributor)
            if row.activity == "prompt":
                session.refresh(row, with_for_update=True)
                refuse_ended(row, now)
                row.expires_at = until
                return until
            row, before = locked_task(session, task_id, contributor)
            refuse_ended(row, now)
            after = acts.renew(before, task_id, until)
            save(session, before, after, self._configuration, now)
            return until

        return self.store.write(unit)

    def skip(self, task_id: str, contributor: str, now: datetime, reason: str = "") -> None:
        """Give a task back; its message is not offered to them again for this.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: it ended, or has run out.
        """

        def unit(session: Session) -> bool:
            row = task_of(session, task_id, contributor, lock=True)
            if row.activity != "prompt":
                return False
            if row.state != "skipped":
                refuse_ended(row, now)
                row.state, row.ended_at = "skipped", now
            return True

        if self._is_prompt(task_id, contributor):
            self.store.write(unit)
        elif self.outline(task_id, contributor).state != "skipped":
            self.store.skip(task_id, contributor, now, reason)

    def give_back(self, task_id: str, contributor: str, now: datetime) -> None:
        """Give a task back without a word on it: it may be offered to them again.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: it ended, or has run out.
        """

        def unit(session: Session) -> None:
            row = task_of(session, task_id, contributor)
            if row.activity == "prompt":
                session.refresh(row, with_for_update=True)
                refuse_ended(row, now)
                row.state, row.ended_at = "closed", now
                return
            row, before = locked_task(session, task_id, contributor)
            refuse_ended(row, now)
            [lease] = [each for each in before.leases if each.id == task_id]
            after = advance(acts.give_back(before, lease, skip=False), self._configuration)
            save(session, before, after.tree, self._configuration, now)
            log_all(session, contributor, "given back", {"task": task_id}, after, now)

        self.store.write(unit)

    def undo_skip(
        self, task_id: str, contributor: str, now: datetime, random: Random
    ) -> Offer | None:
        """Take a skip back: a new task for the same, or None where its place is taken by now.

        Either way it may be offered to them again. Sent again, it gives the same new task.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: it was not skipped.
            MissingScopeError: they were banned meanwhile.
        """

        def unit(session: Session) -> Offer | None:
            hold_contributor(session, contributor)
            refuse_banned(session, contributor, now)
            row, before = locked_task(session, task_id, contributor)
            if row.state != "skipped":
                raise ConflictError("The task was not skipped.", code="task_not_skipped")
            activity, message_id = Activity(row.activity), row.message_id or before.id
            mark = Mark(contributor, acts.SKIP_CODES[activity])
            tree = acts.take_mark(acts.expire(before, now), message_id, mark)
            after = advance(tree, self._configuration)
            ended = {
                each.id: {"state": "expired"} for each in before.leases if each not in tree.leases
            }
            save(session, before, after.tree, self._configuration, now, ended)
            log_all(session, contributor, "unskipped", {"task": task_id}, after, now)
            held = after.tree.lease_of(activity, message_id, contributor)
            if held is not None:
                theirs = session.get_one(TreeTaskRow, held.id)
                return offer_of(session, theirs, self._configuration)
            request = Request(after.tree, activity, message_id, contributor)
            if not may_take(request, self._configuration):
                return None
            kind = TaskType(row.kind)
            wish = Wish(contributor, kind, row.language, now)
            again = Candidate(kind, before.id, message_id)
            offer = take_lease(session, after.tree, again, wish, self._configuration, random)
            same = session.get_one(TreeTaskRow, offer.id)
            same.asked = row.asked
            return offer_of(session, same, self._configuration)

        if self._is_prompt(task_id, contributor):
            row = self.outline(task_id, contributor)
            if row.state != "skipped":
                raise ConflictError("The task was not skipped.", code="task_not_skipped")
            wish = Wish(contributor, TaskType.INITIAL_PROMPT, row.language, now)
            return self.store.write(
                lambda session: take_task(session, wish, self._configuration, random)
            )
        return self.store.write(unit)

    def hand_in_text(
        self, task_id: str, text: str, contributor: str, now: datetime, random: Random
    ) -> Message:
        """Hand in a prompt or reply; sent again, it gives the same message.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: the task ended, asks for something else, or its tree was stopped; or
                they sent this text a short while ago.
            InvalidInputError: the text is empty or too long.
            MissingScopeError: they were banned.
        """
        if not self._is_prompt(task_id, contributor):
            return self.store.reply(task_id, text, contributor, now)

        def unit(session: Session) -> Message:
            hold_contributor(session, contributor)
            refuse_banned(session, contributor, now)
            row = task_of(session, task_id, contributor, lock=True)
            said = digest_of(["prompt", text.strip()])
            if row.state == "done" and row.result == said:
                return load(session, row.tree_id or "").root
            refuse_ended(row, now)
            refuse_repeated(session, contributor, text, now, self._configuration)
            prompt = Message(
                new_id("message"), contributor, Role.PROMPTER, text, now, language=row.language
            )
            tree = acts.plant(prompt, self._configuration, random)
            self.store.plant_in(session, tree, contributor, now)
            row.state, row.ended_at, row.result = "done", now, said
            row.tree_id = row.message_id = row.made_id = tree.id
            return tree.root

        return self.store.write(unit)

    def hand_in_labels(
        self, task_id: str, labels: Mapping[str, float], contributor: str, now: datetime
    ) -> Advanced:
        """Hand in a review; sent again, it changes nothing.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: the task ended, asks for something else, or its tree was stopped.
            InvalidInputError: a label is unknown, missing or no share.
            MissingScopeError: they were banned.
        """
        after = self.store.review(task_id, labels, contributor, now)
        self._draw_after(after, now)
        return after

    def hand_in_ranking(
        self,
        task_id: str,
        tiers: tuple[tuple[str, ...], ...],
        contributor: str,
        now: datetime,
        *,
        not_rankable: bool = False,
    ) -> Advanced:
        """Hand in a ranking: ids of the replies, best first, equals together; as `hand_in_labels`.

        Raises:
            NotFoundError: they have no such task.
            ConflictError: the task ended, asks for something else, or its tree was stopped.
            InvalidInputError: it does not name each reply once.
            MissingScopeError: they were banned.
        """
        after = self.store.rank(task_id, tiers, contributor, now, not_rankable=not_rankable)
        self._draw_after(after, now)
        return after

    def _is_prompt(self, task_id: str, contributor: str) -> bool:
        with self.store.database.reading() as session:
            return bool(outline_in(session, task_id, contributor).activity == "prompt")

    def _draw_after(self, after: Advanced, now: datetime) -> None:
        """What moved a tree may have made room to grow, or brought a prompt to the lottery."""
        if after.steps:
            draw_prompts(self.store, after.tree.language, now)
