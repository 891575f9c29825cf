"""A tree, its contributors and tasks with the ids that the API's description has as examples."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ostraka.server.description.trees import (
    CLIENTS_MESSAGE_ID,
    CLIENTS_TASK_ID,
    CONTRIBUTOR_ID,
    PROMPT_ID,
    REPLY_ID,
    SKIPPED_TASK_ID,
    TASK_ID,
    USERNAME,
)
from ostraka.storage.database import Database
from ostraka.trees import acts
from ostraka.trees.advance import advance, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.saving import save
from ostraka.trees.states import Event
from ostraka.trees.tables import (
    ContributorRow,
    TreeBarRow,
    TreeClientIdRow,
    TreeEventRow,
    TreeFlagRow,
    TreeLabelRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeOpeningRow,
    TreeReviewRow,
    TreeRevisionRow,
    TreeRow,
    TreeTaskRow,
    TreeVoteRow,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, Message, Role, TreeLease

TABLES = (
    TreeBarRow,
    TreeOpeningRow,
    TreeClientIdRow,
    TreeFlagRow,
    TreeLabelRow,
    TreeRevisionRow,
    TreeEventRow,
    TreeTaskRow,
    TreeMarkRow,
    TreeVoteRow,
    TreeReviewRow,
    TreeMessageRow,
    TreeRow,
    ContributorRow,
)
DEFAULTS = TreeConfiguration()


def ours(prefix: str, theirs: str) -> str:
    return f"{prefix}_{UUID(theirs).hex}"


PROMPT, REPLY = ours("message", PROMPT_ID), ours("message", REPLY_ID)
ANN = ours("contributor", CONTRIBUTOR_ID)


def seed(data: Path) -> None:
    """Put everything (back) into the database of a server."""
    database = Database.at(f"sqlite:///{data / 'ostraka.db'}")
    now = datetime.now(UTC)
    with database.writing() as session:
        session.execute(TreeMessageRow.__table__.update().values(parent_id=None))
        for table in TABLES:
            session.execute(delete(table))
        session.add(contributor(now))
        session.flush()
        tree = grown(now)
        save(session, None, tree, DEFAULTS, now)
        skipped = acts.take(tree, lease(now), DEFAULTS)
        save(session, tree, skipped, DEFAULTS, now)
        given_back = acts.give_back(skipped, lease(now))
        ended = {lease(now).id: {"state": "skipped"}}
        save(session, skipped, given_back, DEFAULTS, now, ended)
        session.add(prompt_task(now))
        names(session)
    database.close()


def grown(now: datetime) -> Tree:
    """A growing tree with a reply that waits for review."""
    prompt = Message(PROMPT, "contributor_ben", Role.PROMPTER, "What is a magnet?", now)
    tree = acts.plant(prompt, DEFAULTS, Random(0))
    for who in ("x", "y", "z"):
        tree = acts.review(tree, PROMPT, {"spam": 0.0}, who, DEFAULTS)
        tree = advance(tree, DEFAULTS).tree
    tree = happen(tree, Event.DRAW, DEFAULTS, now).tree
    reply = Message(REPLY, "contributor_cho", Role.ASSISTANT, "It attracts iron.", now)
    return acts.reply(tree, PROMPT, reply, "contributor_cho", DEFAULTS)


def lease(now: datetime) -> TreeLease:
    task = ours("task", SKIPPED_TASK_ID)
    return TreeLease(task, Activity.REVIEW, REPLY, ANN, now + timedelta(days=1))


def prompt_task(now: datetime) -> TreeTaskRow:
    return TreeTaskRow(
        id=ours("task", TASK_ID),
        created_at=now,
        tree_id=None,
        message_id=None,
        contributor=ANN,
        activity="prompt",
        kind="initial_prompt",
        language="en",
        asked=None,
        state="open",
        shown=[],
        expires_at=now + timedelta(days=1),
        ended_at=None,
        result=None,
        made_id=None,
    )


def names(session: Session) -> None:
    for kind, theirs, named in (
        ("task", CLIENTS_TASK_ID, ours("task", TASK_ID)),
        ("message", CLIENTS_MESSAGE_ID, PROMPT),
    ):
        session.add(TreeClientIdRow(client="local", kind=kind, theirs=theirs, ours=named))


def contributor(now: datetime) -> ContributorRow:
    return ContributorRow(
        id=ANN,
        created_at=now,
        client="local",
        auth_method="local",
        username=USERNAME,
        display_name="Ann",
        show_on_leaderboard=True,
        terms_accepted_at=None,
        banned_at=None,
        erased_at=None,
        notes="",
        streak_began=None,
        last_active_at=None,
    )
