"""`/api/v1/stats` and `/api/v1/hf`: counted when they are asked for, and never out of date."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import NotFoundError
from ostraka.server.envelopes import json_response
from ostraka.server.review import query
from ostraka.server.review.common import path_id, read_call
from ostraka.server.state import state_of
from ostraka.server.trees.common import answered, outside, trees_of, written
from ostraka.taxonomy import CIVIL_COMMENTS
from ostraka.trees.overview import (
    SUMMARIES,
    TreeCard,
    TreeFilter,
    counts_by_state,
    list_trees,
    system_counts,
)
from ostraka.trees.states import WORKING

_MOST_TREES: Final = 10_000


async def system(request: Request) -> Response:
    """Messages and trees."""

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            return system_counts(session)

    return await answered(work)


async def tree_manager(request: Request) -> Response:
    """Trees by state, and the size of each that is at work."""

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            cards = list_trees(session, TreeFilter(states=WORKING), _MOST_TREES)
            return {
                "state_counts": counts_by_state(session),
                "message_counts": [_card(each) for each in cards],
            }

    return await answered(work)


async def state_counts(request: Request) -> Response:
    """How many trees are in each state."""

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            return counts_by_state(session)

    return await answered(work)


async def message_counts(request: Request) -> Response:
    """The size of each tree; of those at work unless `only_active` is false."""
    active = query.boolean(request, "only_active") is not False

    def work() -> Any:
        with trees_of(request).store.database.reading() as session:
            wanted = TreeFilter(states=WORKING if active else None)
            return [_card(each) for each in list_trees(session, wanted, _MOST_TREES)]

    return await answered(work)


async def summaries(request: Request) -> Response:
    """Every summary."""
    return await answered(lambda: _summaries(request))


async def summary(request: Request) -> Response:
    """One summary."""
    name = path_id(request, "name")
    if name not in SUMMARIES:
        raise NotFoundError(f"There are no statistics '{name}'.", code="statistics_not_found")
    return await answered(lambda: _summaries(request)["stats_by_name"][name])


async def update_summaries(request: Request) -> Response:
    """Every summary; there is nothing to update, since none is kept."""
    await read_call(request, type(None))
    return await answered(lambda: _summaries(request))


async def text_toxicity(request: Request) -> Response:
    """What our classifier says of a text, in the labels of the one that was asked there.

    Nothing where there is no text.
    """
    text = query.bounded_text(request, "msg", state_of(request).settings.max_text_characters)
    if text is None:
        return json_response([])
    (verdict,) = await state_of(request).scoring.verdicts([text])
    scores = CIVIL_COMMENTS.scores(verdict.scores)
    ranked = sorted(scores.items(), key=lambda each: (-each[1], each[0]))
    return json_response([[{"label": name, "score": score} for name, score in ranked]])


def _summaries(request: Request) -> dict[str, Any]:
    moment = written(now())
    with trees_of(request).store.database.reading() as session:
        return {
            "stats_by_name": {
                name: {"name": name, "last_updated": moment, "stats": count(session)}
                for name, count in SUMMARIES.items()
            }
        }


def _card(card: TreeCard) -> dict[str, Any]:
    return {
        "message_tree_id": outside(card.id),
        "state": card.state,
        "lang": card.language,
        "depth": card.depth,
        "oldest": written(card.oldest),
        "youngest": written(card.youngest),
        "count": card.messages,
        "goal_tree_size": card.goal_tree_size,
        "completed": card.completed,
    }
