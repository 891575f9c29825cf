"""No more trees of a language grow at a time than may, on whichever way they come to grow.

A drawn prompt is counted when it is drawn. This is for every other way back: a tree that was
resumed, reopened or reconsidered and would grow again waits for its turn where there is no room.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.trees.advance import Advanced, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.holding import hold_language
from ostraka.trees.states import Event, State
from ostraka.trees.tables import TreeRow
from ostraka.trees.tree import Tree

_TREES: Final[Any] = TreeRow.__table__
_GROWING: Final = (
    select(func.count())
    .select_from(_TREES)
    .where(_TREES.c.state == State.GROWING.value, _TREES.c.language == bindparam("language"))
)


def within_limit(
    session: Session,
    before: Tree,
    after: Advanced,
    event: Event,
    configuration: TreeConfiguration,
    now: datetime,
    besides: int = 0,
) -> Advanced:
    """What an event comes to where only so many trees may grow; counts before it is saved, with
    `besides` more that a preview has let grow.

    The tree's row is locked and the language is held from here on, so that two who resume trees
    at the same time do not both take the last place.

    Raises:
        ConflictError: a moderator would draw a prompt for which there is no room.
    """
    if after.tree.state is not State.GROWING or before.state is State.GROWING:
        return after
    language, most = before.language, configuration.max_active_trees
    hold_language(session, language)
    if (session.scalar(_GROWING, {"language": language}) or 0) + besides < most:
        return after
    if event is Event.DRAW:
        raise ConflictError(
            f"As many trees of the language '{language}' grow as may at a time ({most}); this one "
            "is drawn when there is room.",
            code="no_room_to_grow",
        )
    waiting = happen(after.tree, Event.WAIT, configuration, now)
    return Advanced(waiting.tree, (*after.steps, *waiting.steps))
