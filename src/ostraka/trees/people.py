"""What moderators do about a contributor, over all trees: withdraw, reinstate, purge, merge.

Each tree is changed in a transaction of its own, so nobody waits for a person with ten thousand
reviews, and an act that is broken off is done again from its beginning: what is done stays so. A
preview runs the same code and keeps nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.review.items import erase as erase_item
from ostraka.review.tables import ItemRow
from ostraka.storage import audit
from ostraka.trees import banning, moderating
from ostraka.trees.changing import ActIn, Hand, Plan
from ostraka.trees.consequences import Consequences, gather
from ostraka.trees.contributors import ban_in, erase_in
from ostraka.trees.holding import hold_contributor
from ostraka.trees.merging import Pair, check_merge, lead
from ostraka.trees.moderation import SOURCE
from ostraka.trees.near_duplicates import forget_prompt
from ostraka.trees.states import Event
from ostraka.trees.tables import ContributorRow, TreeEventRow, TreeLabelRow, TreeRevisionRow
from ostraka.trees.tallying import forget
from ostraka.trees.touched import WITHDRAWN, reinstated, trees_of
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages of a contributor are purged."""

    prompts: bool = True
    """Whether trees that begin with a prompt of theirs go too."""
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, message: Message) -> bool:
        """Whether a message is one of them."""
        if message.parent_id is None and not self.prompts:
            return False
        if self.since is not None and message.created_at < self.since:
            return False
        return self.until is None or message.created_at <= self.until


@dataclass(frozen=True, slots=True)
class People:
    """Acts on contributors."""

    hand: Hand

    def withdraw(self, contributor: str) -> Consequences:
        """Take back all that somebody said of others' messages, and let the trees go on from there.

        Raises:
            NotFoundError: there is no such contributor.
        """
        self._require(contributor)
        tree_ids = self._trees(contributor, written=False)

        def act(session: Session, tree: Tree) -> Tree:
            return moderating.withdraw(tree, contributor)

        return self._on_each(contributor, WITHDRAWN, tree_ids, act)

    def reinstate(self, contributor: str) -> Consequences:
        """Put back the reviews and votes that were withdrawn; marks do not come back.

        Raises:
            NotFoundError: there is no such contributor.
        """
        self._require(contributor)
        tree_ids = self._trees(contributor, written=False)

        def act(session: Session, tree: Tree) -> Tree:
            return reinstated(session, tree, contributor)

        return self._on_each(contributor, "reinstated", tree_ids, act)

    def purge_messages(self, contributor: str, span: Span) -> Consequences:
        """Erase what somebody wrote, with what is below it deleted; it cannot be brought back.

        Raises:
            NotFoundError: there is no such contributor.
        """
        self._require(contributor)
        tree_ids = self._trees(contributor, written=True)

        def act(session: Session, tree: Tree) -> Tree:
            after = moderating.erase(tree, contributor, span.holds)
            self._erase_copies(session, tree, after)
            return after

        return self._on_each(contributor, "messages_purged", tree_ids, act)

    def delete_messages(self, contributor: str) -> Consequences:
        """Delete what somebody wrote, with what is below it; each can be brought back.

        Raises:
            NotFoundError: there is no such contributor.
        """
        self._require(contributor)
        tree_ids = self._trees(contributor, written=True)

        def act(session: Session, tree: Tree) -> Tree:
            own = [each.id for each in tree.messages.values() if each.author == contributor]
            for message_id in own:
                tree = moderating.delete(tree, message_id)
            return tree

        return self._on_each(contributor, "messages_deleted", tree_ids, act)

    def purge(self, contributor: str, *, ban: bool = True) -> Consequences:
        """Erase a person: what they wrote, what they said of others, and who they are.

        Their row stays, empty, so that nobody else gets its id.

        Raises:
            NotFoundError: there is no such contributor.
        """
        self._require(contributor)

        def act(session: Session, tree: Tree) -> Tree:
            after = moderating.purge(tree, contributor)
            self._erase_copies(session, tree, after)
            return after

        on_record = not self.hand.preview and self._is_on_record(contributor)
        if on_record:  # first of all, so that they add nothing while the trees are gone through
            self.hand.store.write(partial(self._shut_out, contributor, ban))
        tree_ids = self._trees(contributor, written=True)
        consequences = self._on_each(contributor, "purged", tree_ids, act)
        if on_record:
            banning.erase(self.hand.store, contributor, self.hand.actor, self.hand.now)
        if not self.hand.preview:
            self.hand.store.write(partial(self._erase_words, contributor, ban))
        return consequences

    def merge(self, destination: str, sources: Sequence[str]) -> list[Consequences]:
        """Make one contributor of several that are the same person.

        From then on the others' names lead to the one that is left, and so do their bans.

        Raises:
            NotFoundError: one of them does not exist.
            InvalidInputError: somebody is to be merged with themselves, or signs in to the console.
            ConflictError: one of them is somebody else already, or was erased.
        """
        for each in (destination, *sources):
            self._require(each)
        with self.hand.store.database.reading() as session:
            check_merge(session, destination, sources)
        return [self._merge_one(Pair(source, destination)) for source in sources]

    def _merge_one(self, pair: Pair) -> Consequences:
        hand = self.hand
        with hand.store.database.reading() as session:
            bans = pair.brings_ban(session, hand.now)
        if not hand.preview:  # first of all, so that nobody adds anything under the old id
            configuration = hand.store.configuration
            hand.store.write(
                lambda session: lead(session, pair, hand.actor, configuration, hand.now)
            )
        tree_ids = self._trees(pair.source, written=True)

        def act(session: Session, tree: Tree) -> Tree:
            return moderating.merge(tree, pair.source, pair.destination)

        consequences = self._on_each(pair.source, "merged", tree_ids, act)
        if not hand.preview:
            hand.store.write(partial(self._end_merge, pair))
        return replace(consequences, bans=bans)

    def _shut_out(self, contributor: str, ban: bool, session: Session) -> None:
        hold_contributor(session, contributor)
        if ban:
            ban_in(session, contributor, self.hand.now)
        erase_in(session, contributor, self.hand.now)

    def _end_merge(self, pair: Pair, session: Session) -> None:
        hand, source = self.hand, pair.source
        banning.release(session, source, hand.actor, hand.store.configuration, hand.now)
        forget(session, source)
        labels = update(TreeLabelRow).where(TreeLabelRow.contributor == source)
        session.execute(labels.values(contributor=pair.destination))
        detail = {"into": pair.destination}
        audit.append(session, hand.actor, "contributor.merged", source, detail, hand.now)

    def _on_each(
        self, contributor: str, name: str, tree_ids: Sequence[str], act: ActIn
    ) -> Consequences:
        """In the order of ids, one transaction each."""
        plan = Plan(
            name,
            Event.RECONSIDER,
            act,
            subject=contributor,
            detail={"contributor": contributor},
            audited_as=f"contributor.{name}",
        )
        found = (self.hand.do(tree_id, plan) for tree_id in tree_ids)
        return gather(name, contributor, not self.hand.preview, found)

    def _require(self, contributor: str) -> None:
        """Let only those pass who are on record, or had to do with a tree of a file."""
        if not self._is_on_record(contributor) and not self._trees(contributor, written=True):
            raise NotFoundError(
                f"There is no contributor '{contributor}'.", code="contributor_not_found"
            )

    def _is_on_record(self, contributor: str) -> bool:
        with self.hand.store.database.reading() as session:
            return session.get(ContributorRow, contributor) is not None

    def _trees(self, contributor: str, *, written: bool) -> list[str]:
        with self.hand.store.database.reading() as session:
            return trees_of(session, contributor, written=written)

    def _erase_copies(self, session: Session, before: Tree, after: Tree) -> None:
        """What else holds the texts of messages that were erased."""
        if self.hand.preview:
            return
        for message in before.messages.values():
            if not message.text or after.messages[message.id].text:
                continue
            forget_prompt(session, message.id)
            session.execute(delete(TreeRevisionRow).where(TreeRevisionRow.message_id == message.id))
            items = select(ItemRow.id).where(
                ItemRow.thread_id == before.id,
                ItemRow.source == SOURCE,
                ItemRow.external_id.startswith(f"{message.id}:", autoescape=True),
            )
            for item_id in session.scalars(items).all():
                erase_item(session, item_id, self.hand.actor, self.hand.now)

    def _erase_words(self, contributor: str, ban: bool, session: Session) -> None:
        """What somebody wrote besides messages, and their counts."""
        forget(session, contributor)
        session.execute(delete(TreeLabelRow).where(TreeLabelRow.contributor == contributor))
        # Why somebody skipped a task may say who they are.
        skipped = (TreeEventRow.actor == contributor, TreeEventRow.act == "skipped")
        session.execute(update(TreeEventRow).where(*skipped).values(detail={}))
        audit.append(
            session,
            self.hand.actor,
            "contributor.erased",
            contributor,
            {"banned": ban},
            self.hand.now,
        )
