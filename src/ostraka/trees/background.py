"""What a worker does for trees: judge messages, carry decisions out, let trees begin and take over.

Work is queued in the transaction of what calls for it (`following`, and `review.followed` for
decisions). It runs at least once and takes effect once: it ends in the transaction of its effect,
or what it does changes nothing a second time.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from sqlalchemy import select

from ostraka.errors import NotFoundError, OstrakaError
from ostraka.factory.cascade import moderator_of
from ostraka.moderator import Moderator, Verdict
from ostraka.review.followed import DECIDED
from ostraka.review.items import ItemStore
from ostraka.review.policies import PolicyStore
from ostraka.review.shadowing import Candidate
from ostraka.settings import Settings
from ostraka.storage.database import Database
from ostraka.trees.backlog import activate
from ostraka.trees.configuration import read_configuration
from ostraka.trees.drawing import counts_of, draw_prompts, waiting_in
from ostraka.trees.following import MODERATE, MOVED
from ostraka.trees.lottery import room_to_grow
from ostraka.trees.moderation import Score, carry_out, judge
from ostraka.trees.states import State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeRow
from ostraka.trees.tallying import has_old, prune
from ostraka.work.leases import Lease
from ostraka.work.worker import Handler, WorkContext

EVERY_SECONDS: Final = 5.0
_EXPIRED_AT_A_TIME: Final = 100

_log = logging.getLogger("ostraka.trees")


@dataclass(frozen=True, slots=True)
class TreeWork:
    """What handlers need."""

    store: TreeStore
    items: ItemStore
    score: Score
    now: Callable[[], datetime]

    def handlers(self) -> dict[str, Handler]:
        """By kind of work."""
        return {MODERATE: self.judge, DECIDED: self.carry_out, MOVED: self.move_on}

    def judge(self, lease: Lease, context: WorkContext) -> None:
        """Judge messages that are new or have another text."""
        payload = lease.payload
        try:
            judge(
                self.store,
                self.items,
                self.score,
                payload["tree_id"],
                payload["message_ids"],
                self.now(),
            )
        except NotFoundError:  # the tree was taken out of the database meanwhile
            return

    def carry_out(self, lease: Lease, context: WorkContext) -> None:
        """Do to a message what people decided of it."""
        carry_out(self.store, lease.payload["item_id"], self.now())

    def move_on(self, lease: Lease, context: WorkContext) -> None:
        """A tree has made room: others of its language may begin, or come out of the backlog."""
        language = lease.payload["language"]
        draw_prompts(self.store, language, self.now())
        if lease.payload["ended"]:
            # The same piece of work draws the same numbers, however often it is begun.
            activate(self.store, language, self.now(), Random(lease.work_id), lease)


def tree_work(settings: Settings, database: Database, now: Callable[[], datetime]) -> TreeWork:
    """The work of the trees that the settings describe; the classifier is loaded when it is needed.

    Raises:
        SettingsError: the trees' configuration cannot be used.
    """
    items = ItemStore(database, PolicyStore(), Candidate.of(settings))
    store = TreeStore(database, read_configuration(settings.trees_configuration))
    return TreeWork(store, items, _lazy_score(settings), now)


def keep_looking_after(work: TreeWork, ended: threading.Event) -> None:
    """Look after the trees until `ended` is set."""
    while not ended.wait(EVERY_SECONDS):
        if not work.store.database.location.exists():
            continue
        try:
            look_after(work.store, work.now())
        except OstrakaError as error:
            _log.warning("trees are not looked after for now: %s", error)


def _lazy_score(settings: Settings) -> Score:
    loaded: list[Moderator] = []

    def score(texts: Sequence[str]) -> Sequence[Verdict]:
        if not loaded:
            loaded.append(moderator_of(settings))
        return loaded[0].moderate_many(texts)

    return score


def look_after(store: TreeStore, now: datetime) -> None:
    """Take back leases that have run out, let waiting prompts begin, drop counts of long ago.

    For whoever calls it again and again; several may do so at the same time.
    """
    while store.expire(now, _EXPIRED_AT_A_TIME) >= _EXPIRED_AT_A_TIME:
        continue
    for language in _languages_to_draw(store):
        draw_prompts(store, language, now)
    with store.database.reading() as session:
        pruned = not has_old(session, now)
    if not pruned:
        store.write(lambda session: prune(session, now))


def _languages_to_draw(store: TreeStore) -> list[str]:
    """Languages in which a waiting prompt could begin, or has lost its author; nobody else is held
    up to find out.
    """
    with store.database.reading() as session:
        waiting = TreeRow.state == State.PROMPT_LOTTERY_WAITING
        languages = session.scalars(select(TreeRow.language).where(waiting).distinct()).all()
        return [
            language
            for language in languages
            if room_to_grow(counts_of(session, language), store.configuration)
            or waiting_in(session, language, lost=True)
        ]
