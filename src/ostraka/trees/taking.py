"""Take a task in one transaction: draw a kind, try what the database finds, keep a place.

Each piece that is found is asked for again under its tree's lock, by the rules that accept work, so
that whatever is given out will be accepted, and no place is given out twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.storage.ids import new_id
from ostraka.trees import acts
from ostraka.trees.advance import advance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import refuse_banned
from ostraka.trees.drawing import counts_of
from ostraka.trees.finding import Search, candidates
from ostraka.trees.holding import hold_contributor, hold_language
from ostraka.trees.limits import may_take_another
from ostraka.trees.loading import load, load_unless_busy
from ostraka.trees.log import log_all
from ostraka.trees.lottery import missing_prompts
from ostraka.trees.offers import Offer, asked_values, offer_in, offer_of
from ostraka.trees.permissions import Request, may_take
from ostraka.trees.saving import save, task_values
from ostraka.trees.selection import FAMILIES, Candidate, Family, TaskType, task_on
from ostraka.trees.tables import TreeTaskRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, TreeLease

_ACTIVITIES: Final[dict[TaskType, Activity]] = {
    **dict.fromkeys(FAMILIES["reply"], Activity.REPLY),
    **dict.fromkeys((*FAMILIES["label_reply"], *FAMILIES["label_prompt"]), Activity.REVIEW),
    **dict.fromkeys(FAMILIES["ranking"], Activity.RANK),
}
_TASKS: Final[Any] = TreeTaskRow.__table__
_TAKEN: Final = select(_TASKS.c.created_at).where(
    _TASKS.c.contributor == bindparam("contributor"),
    _TASKS.c.created_at > bindparam("since"),
    _TASKS.c.state == "open",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants a task: of a kind, or of any where it is None."""

    contributor: str
    kind: TaskType | None
    language: str
    now: datetime


def take_task(
    session: Session, wish: Wish, configuration: TreeConfiguration, random: Random
) -> Offer | None:
    """The next task for somebody, theirs from now on; None if there is none for them.

    Raises:
        MissingScopeError: they were banned.
        ConflictError: they have too many open.
    """
    hold_contributor(session, wish.contributor)
    refuse_banned(session, wish.contributor, wish.now)
    refuse_too_many(session, wish.contributor, wish.now, configuration)
    for types in _in_drawn_order(wish.kind, configuration, random):
        if TaskType.INITIAL_PROMPT in types:
            offer = _take_prompt(session, wish, configuration)
        else:
            offer = _take_on_tree(session, wish, types, configuration, random)
        if offer is not None:
            return offer
    return None


def refuse_too_many(
    session: Session, contributor: str, now: datetime, configuration: TreeConfiguration
) -> None:
    """Let only those pass who have few open tasks.

    Raises:
        ConflictError: they have too many; says how many are allowed.
    """
    since = now - timedelta(seconds=configuration.recent_tasks_span_sec)
    taken = session.connection().execute(_TAKEN, {"contributor": contributor, "since": since})
    if not may_take_another(taken.scalars(), now, configuration):
        raise ConflictError(
            f"You took {configuration.max_pending_tasks_per_user} tasks a short while ago that are "
            "still open. Finish one or skip it before you take another.",
            code="too_many_pending",
        )


def take_lease(
    session: Session,
    before: Tree,
    task: Candidate,
    wish: Wish,
    configuration: TreeConfiguration,
    random: Random,
) -> Offer:
    """Keep a place on a tree that is locked, for a task that its rules allow."""
    activity = _ACTIVITIES[task.type]
    shown = [each.id for each in before.candidates(task.message_id)]
    random.shuffle(shown)
    lease = TreeLease(
        new_id("task"),
        activity,
        task.message_id,
        wish.contributor,
        wish.now + timedelta(minutes=configuration.task_validity_minutes),
        tuple(shown) if activity is Activity.RANK else (),
    )
    current = acts.expire(before, wish.now)
    ended = {each.id: {"state": "expired"} for each in before.leases if each not in current.leases}
    after = advance(acts.take(current, lease, configuration), configuration)
    save(session, before, after.tree, configuration, wish.now, ended)
    log_all(session, wish.contributor, "taken", {"task": lease.id}, after, wish.now)
    row = TreeTaskRow(**task_values(after.tree, lease, wish.now))
    asked = task_on(task, configuration, random, specific=wish.kind is not None)
    if asked.mode == "simple":
        row.asked = asked_values(asked)
        session.execute(update(TreeTaskRow).where(TreeTaskRow.id == row.id).values(asked=row.asked))
    return offer_in(after.tree, row, configuration)


def _in_drawn_order(
    kind: TaskType | None, configuration: TreeConfiguration, random: Random
) -> Iterator[tuple[TaskType, ...]]:
    """Kinds of task to try one after the other.

    To draw again without a family that has nothing gives each of the others the same chance as
    drawing among those that have something.
    """
    if kind is not None:
        yield (kind,)
        return
    weights: dict[Family, float] = {
        family: weight
        for family in FAMILIES
        if (weight := getattr(configuration.task_weights, family)) > 0
    }
    while weights:
        [family] = random.choices(list(weights), list(weights.values()))
        del weights[family]
        yield FAMILIES[family]


def _take_on_tree(
    session: Session,
    wish: Wish,
    types: tuple[TaskType, ...],
    configuration: TreeConfiguration,
    random: Random,
) -> Offer | None:
    """Try what is found: first trees that nobody is working on, then those that one waits for."""
    if types == FAMILIES["ranking"] and not configuration.rank_prompter_replies:
        types = (TaskType.RANK_ASSISTANT_REPLIES,)
    search = Search(wish.contributor, wish.language, types)
    busy: list[Candidate] = []
    tried: set[str] = set()
    for task in candidates(session, search, configuration, random):
        if task.message_id in tried:
            continue
        tried.add(task.message_id)
        before = load_unless_busy(session, task.tree_id)
        if before is None:
            busy.append(task)
        elif offer := _try(session, before, task, wish, configuration, random):
            return offer
    for task in sorted(busy, key=lambda each: each.tree_id):
        before = load(session, task.tree_id, lock=True)
        if offer := _try(session, before, task, wish, configuration, random):
            return offer
    return None


def _try(
    session: Session,
    before: Tree,
    task: Candidate,
    wish: Wish,
    configuration: TreeConfiguration,
    random: Random,
) -> Offer | None:
    current = acts.expire(before, wish.now)
    activity = _ACTIVITIES[task.type]
    request = Request(current, activity, task.message_id, wish.contributor)
    if not may_take(request, configuration):
        return None
    return take_lease(session, before, task, wish, configuration, random)


def _take_prompt(session: Session, wish: Wish, configuration: TreeConfiguration) -> Offer | None:
    """A task to write a prompt, if the language takes one more: no two count at the same time."""
    hold_language(session, wish.language)
    counts = counts_of(session, wish.language)
    if not missing_prompts(counts, wish.language, configuration):
        return None
    row = TreeTaskRow(
        id=new_id("task"),
        created_at=wish.now,
        tree_id=None,
        message_id=None,
        contributor=wish.contributor,
        activity="prompt",
        kind=str(TaskType.INITIAL_PROMPT),
        language=wish.language,
        asked=None,
        state="open",
        shown=[],
        expires_at=wish.now + timedelta(minutes=configuration.task_validity_minutes),
        ended_at=None,
        result=None,
        made_id=None,
    )
    session.add(row)
    session.flush()
    return offer_of(session, row, configuration)


def open_tasks_of(session: Session, contributor: str, now: datetime) -> list[TreeTaskRow]:
    """The open tasks of somebody, the oldest first."""
    found = session.scalars(
        select(TreeTaskRow)
        .where(
            TreeTaskRow.contributor == contributor,
            TreeTaskRow.state == "open",
            TreeTaskRow.expires_at > now,
        )
        .order_by(TreeTaskRow.created_at, TreeTaskRow.id)
    )
    return list(found)


def count_open(session: Session, language: str) -> int:
    """How many tasks of a language are open."""
    found = session.scalar(
        select(func.count())
        .select_from(TreeTaskRow)
        .where(TreeTaskRow.language == language, TreeTaskRow.state == "open")
    )
    return found or 0
