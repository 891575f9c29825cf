"""What the tests of backtests and shadow runs share: items with chosen scores, and policies."""

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ostraka.moderator import Verdict
from ostraka.review.items import ItemStore
from ostraka.review.new_items import NewItem
from ostraka.review.policies import PolicyStore
from ostraka.review.shadow_work import Score, shadow_handlers
from ostraka.review.shadowing import QUEUE, Candidate
from ostraka.review.submission import Submission
from ostraka.storage.database import Database
from ostraka.taxonomy import Category
from ostraka.work.leases import Leases
from ostraka.work.worker import WorkContext

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = "The second half of the film was better than the first."


def policy_text(threshold: float, name: str = "tried", more: str = "") -> str:
    """Removes from the threshold up, and asks people from half of it up."""
    return f"""
name = "{name}"

[categories.harassment]
doubtful = {threshold / 2}
threshold = {threshold}
severity = "medium"
violation = "harassment"

[[rules]]
name = "clear"
categories = ["harassment"]
action = "remove"

[[rules]]
name = "doubtful"
categories = ["harassment"]
level = "doubtful"
action = "escalate"
{more}
[[queues]]
name = "general"
"""


ACTS = policy_text(0.9, "acts")
DRAFT = policy_text(0.6, "draft")


def action_of(score: float, threshold: float) -> str:
    """What such a policy says, in other words."""
    if score >= threshold:
        return "remove"
    return "escalate" if score >= threshold / 2 else "approve"


def verdict(score: float, **more: Any) -> Verdict:
    said: dict[str, Any] = {
        "scores": {Category.HARASSMENT: score},
        "flags": {Category.HARASSMENT: score >= 0.5},
        "stage": "lexical",
        "sure": True,
        "model": "tested@sha256:1",
        "versions": {},
    }
    return Verdict(**said | more)


def activate(database: Database, text: str) -> str:
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, text, "person_1", "", BEGINNING).digest
        store.activate(session, digest, "person_1", "", BEGINNING)
    return digest


def shadow(database: Database, text: str) -> str:
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, text, "person_1", "", BEGINNING).digest
        store.start_shadow(session, digest, "person_1", "", BEGINNING)
    return digest


def send(
    database: Database,
    scores: Iterable[float],
    *,
    candidate: Candidate | None = None,
    begins: datetime = BEGINNING,
    **item: Any,
) -> list[str]:
    """Items, one an hour; returns their ids."""
    store = ItemStore(database, PolicyStore(), candidate)
    ids = []
    for number, score in enumerate(scores):
        new = NewItem(TEXT, external_id=f"item {begins:%d} {number}", **item)
        call = Submission([new], [verdict(score)], "key_1", single=True)
        taken = store.submit([call], begins + timedelta(hours=number))
        ids.append(taken[0].answer["id"])
    return ids


def nobody(texts: Sequence[str], model: str) -> Sequence[Verdict]:
    raise AssertionError("no model is tried")


def look(database: Database, score: Score = nobody) -> int:
    """Do the work that waits for shadows, one piece after the other; returns how many."""
    handlers, leases, done = shadow_handlers(database, score), Leases(database), 0
    while found := leases.claim([QUEUE], "worker", 30.0):
        stopping, lost = threading.Event(), threading.Event()
        context = WorkContext(database, leases, found[0], stopping, lost)
        handlers[found[0].kind](found[0], context)
        done += 1
    return done
