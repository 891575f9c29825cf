"""Let prompts that wait begin to grow, as many as there is room for.

Trees are counted and drawn in one transaction that holds the language, so that the limit holds
however many draw at the same time. Prompts whose authors were banned since are halted: they would
wait for ever.
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from ostraka.trees.advance import happen
from ostraka.trees.holding import hold_language
from ostraka.trees.loading import load
from ostraka.trees.log import log_all
from ostraka.trees.lottery import LanguageCounts, Waiting, draw, room_to_grow
from ostraka.trees.saving import save
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeMessageRow, TreeRow, TreeTaskRow

_TREES: Final[Any] = TreeRow.__table__
_MESSAGES: Final[Any] = TreeMessageRow.__table__
_CONTRIBUTORS: Final[Any] = ContributorRow.__table__
_TASKS: Final[Any] = TreeTaskRow.__table__
_COUNTED: Final = (State.GROWING, State.INITIAL_PROMPT_REVIEW, State.PROMPT_LOTTERY_WAITING)


_BY_STATE: Final = (
    select(_TREES.c.state, func.count())
    .where(
        _TREES.c.language == bindparam("language"),
        _TREES.c.state.in_([state.value for state in _COUNTED]),
    )
    .group_by(_TREES.c.state)
)
_OPEN_PROMPTS: Final = (
    select(func.count())
    .select_from(_TASKS)
    .where(
        _TASKS.c.language == bindparam("language"),
        _TASKS.c.state == literal_column("'open'"),
        _TASKS.c.activity == literal_column("'prompt'"),
    )
)
_WAITING: Final = (
    select(
        _TREES.c.id,
        _MESSAGES.c.author,
        _TREES.c.created_at,
        _CONTRIBUTORS.c.banned_at,
        _CONTRIBUTORS.c.erased_at,
        _TREES.c.lottery_won_at,
    )
    .join(_MESSAGES, _MESSAGES.c.id == _TREES.c.id)
    .outerjoin(_CONTRIBUTORS, _CONTRIBUTORS.c.id == _MESSAGES.c.author)
    .where(
        _TREES.c.state == State.PROMPT_LOTTERY_WAITING.value,
        _TREES.c.language == bindparam("language"),
    )
)
_LOST: Final = _WAITING.where(
    _TREES.c.lottery_won_at.is_(None),
    or_(_CONTRIBUTORS.c.banned_at.is_not(None), _CONTRIBUTORS.c.erased_at.is_not(None)),
)
"""Built once, as every tree that moves lets others begin."""


def draw_prompts(store: TreeStore, language: str, now: datetime) -> list[str]:
    """Begin the trees whose turn it is in a language; gives their ids."""

    def unit(session: Session) -> list[str]:
        hold_language(session, language)
        room = room_to_grow(counts_of(session, language), store.configuration)
        waiting = waiting_in(session, language, lost=not room)
        by_author = growing_by_author(session, language) if room else Counter[str | None]()
        drawn = {each.tree_id for each in draw(waiting, by_author, room)}
        halted = {each.tree_id for each in waiting if not each.author_enabled}
        # In the order of ids, as everybody does who locks more trees than one.
        for tree_id in sorted(drawn | halted):
            before = load(session, tree_id, lock=True)
            if before.state is not State.PROMPT_LOTTERY_WAITING:
                continue
            event, name = (Event.DRAW, "drawn") if tree_id in drawn else (Event.HALT, "author left")
            after = happen(before, event, store.configuration, now)
            save(session, before, after.tree, store.configuration, now)
            log_all(session, "system", name, {}, after, now)
        return [each.tree_id for each in waiting if each.tree_id in drawn]

    return store.write(unit)


def counts_of(session: Session, language: str) -> LanguageCounts:
    """How many trees of a language are at what; reads only those that are at work or wait."""
    connection, of = session.connection(), {"language": language}
    found = connection.execute(_BY_STATE, of).all()
    open_prompts = connection.scalar(_OPEN_PROMPTS, of)
    by_state = {State(state): count for state, count in found}
    return LanguageCounts(
        growing=by_state.get(State.GROWING, 0),
        in_prompt_review=by_state.get(State.INITIAL_PROMPT_REVIEW, 0),
        waiting=by_state.get(State.PROMPT_LOTTERY_WAITING, 0),
        open_prompt_tasks=open_prompts or 0,
    )


def waiting_in(session: Session, language: str, *, lost: bool = False) -> list[Waiting]:
    """The prompts of a language that wait; those of banned or erased contributors are not drawn,
    unless others had begun to answer them. With `lost` these alone, for who has no room to draw.
    """
    found = session.connection().execute(_LOST if lost else _WAITING, {"language": language})
    return [
        Waiting(
            tree_id,
            author,
            since,
            author_enabled=won is not None or (banned is None and erased is None),
            has_grown=won is not None,
        )
        for tree_id, author, since, banned, erased, won in found
    ]


def growing_by_author(session: Session, language: str) -> Counter[str | None]:
    """How many trees of each author grow in a language."""
    found = session.execute(
        select(TreeMessageRow.author, func.count())
        .join(TreeRow, TreeRow.id == TreeMessageRow.id)
        .where(TreeRow.state == State.GROWING, TreeRow.language == language)
        .group_by(TreeMessageRow.author)
    )
    return Counter({author: count for author, count in found})
