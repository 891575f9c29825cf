"""Trees in a database, grown by people who are contributors, and what works behind them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from random import Random
from threading import Event
from typing import Any

from growing import GOOD, NOW

from ostraka.errors import LostLeaseError
from ostraka.moderator import Verdict
from ostraka.review.items import ItemStore
from ostraka.review.policies import PolicyStore
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Category
from ostraka.trees.background import TreeWork
from ostraka.trees.changing import tree_of
from ostraka.trees.following import QUEUE
from ostraka.trees.states import Event as TreeEvent
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow
from ostraka.trees.values import Activity
from ostraka.work.leases import Lease, Leases, complete
from ostraka.work.worker import Handler, WorkContext

RUDE = "rude"
"""What a text holds that the scores of these tests find rude."""


def contributor(database: Database, name: str, **fields: Any) -> str:
    """A contributor's id."""
    row = ContributorRow(
        id=new_id("contributor"),
        created_at=NOW,
        client=fields.pop("client", "key"),
        auth_method=fields.pop("auth_method", "local"),
        username=name,
        display_name=name.title(),
        show_on_leaderboard=fields.pop("shown", True),
        notes="",
        **fields,
    )
    with database.writing() as session:
        session.add(row)
        return row.id


def planted(store: TreeStore, author: str, text: str = "a prompt", at: datetime = NOW) -> str:
    return store.plant(text, author, "en", at, Random(0)).id


def review(
    store: TreeStore, message_id: str, who: str, labels: dict[str, float], at: datetime = NOW
) -> None:
    tree_id = tree_of(store, message_id)
    task = store.take(tree_id, Activity.REVIEW, message_id, who, at)
    store.review(task.id, labels, who, at)


def reviewed(
    store: TreeStore,
    message_id: str,
    who: Sequence[str],
    labels: dict[str, float] | None = None,
    at: datetime = NOW,
) -> None:
    for each in who:
        review(store, message_id, each, labels or GOOD, at)


def replied(store: TreeStore, parent: str, who: str, text: str, at: datetime = NOW) -> str:
    task = store.take(tree_of(store, parent), Activity.REPLY, parent, who, at)
    return store.reply(task.id, text, who, at).id


def ranked(
    store: TreeStore, parent: str, who: str, order: Sequence[str], at: datetime = NOW
) -> None:
    task = store.take(tree_of(store, parent), Activity.RANK, parent, who, at)
    store.rank(task.id, tuple((each,) for each in order), who, at)


def grown(
    store: TreeStore, author: str, writers: Sequence[str], reviewers: Sequence[str]
) -> tuple[str, list[str]]:
    """A tree in ranking, with a reply by each writer."""
    tree_id = planted(store, author)
    reviewed(store, tree_id, reviewers)
    store.let_happen(tree_id, TreeEvent.DRAW, "system", NOW)
    replies = []
    for number, writer in enumerate(writers):
        replies.append(replied(store, tree_id, writer, f"reply {number}"))
        reviewed(store, replies[-1], reviewers)
    return tree_id, replies


def scores(texts: Sequence[str]) -> list[Verdict]:
    """What is rude is surely harassment, what says 'perhaps' is in doubt, all else is not."""
    return [_verdict(0.99 if RUDE in t else 0.8 if "perhaps" in t else 0.01) for t in texts]


def _verdict(score: float) -> Verdict:
    sure = score != 0.8
    found = {each: 0.01 for each in Category} | {Category.HARASSMENT: score}
    flags = {name: value >= 0.9 for name, value in found.items()}
    return Verdict(found, flags, "lexical", sure, "model@sha256:0", {"lexical": "0"})


def behind(store: TreeStore, now: datetime = NOW) -> TreeWork:
    return TreeWork(store, ItemStore(store.database, PolicyStore()), scores, lambda: now)


def work_off(work: TreeWork) -> int:
    """Do everything that is queued for trees, as a worker does; how much that was."""
    database, done = work.store.database, 0
    leases, handlers = Leases(database), work.handlers()
    while found := leases.claim([QUEUE], "worker", 30.0, 10):
        for lease in found:
            run_once(database, leases, lease, handlers[lease.kind])
            done += 1
    return done


def run_once(database: Database, leases: Leases, lease: Lease, handler: Handler) -> None:
    handler(lease, WorkContext(database, leases, lease, Event(), Event()))
    with suppress(LostLeaseError), database.writing() as session:
        complete(session, lease)
