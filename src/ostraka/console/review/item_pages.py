"""The handlers of items: search them, look at one, explain it."""

import asyncio
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.access.roles import Right
from ostraka.console.pages import Pages
from ostraka.console.review.bulk import BulkHandlers
from ostraka.console.review.handling import asked_of, do, look, path_value
from ostraka.console.review.items import (
    A_PAGE,
    FILTERS,
    filter_of,
    item_view,
    shown_detail,
)
from ostraka.console.review.room import Room, Viewer, room_of, viewer_of
from ostraka.errors import InvalidInputError
from ostraka.review.explaining import Rerun, compare, material_of
from ostraka.review.search import ItemState, find
from ostraka.taxonomy import Action, ViolationType


class ItemPages(BulkHandlers):
    """One per process."""

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self._states = list(ItemState)

    async def items(self, request: Request) -> Response:
        """Items, the newest first, by what they are and the words in them."""
        asked = asked_of(request, *FILTERS, "after")
        try:
            wanted, problem = filter_of(asked), ""
        except InvalidInputError as error:
            wanted, problem = None, error.message
        viewer = viewer_of(request)

        def find_items(room: Room, session: Session, viewer: Viewer) -> list[Any]:
            return (
                []
                if wanted is None
                else [*find(session, wanted, A_PAGE + 1, asked["after"] or None)]
            )

        try:
            found = await look(request, find_items)
        except InvalidInputError as error:
            found, problem = [], error.message
        rows = found[:A_PAGE]
        room = await asyncio.to_thread(room_of, request)
        return self.page(
            request,
            "items",
            here="/items",
            status=400 if problem else 200,
            asked=asked,
            problem=problem,
            rows=rows,
            next_after=rows[-1][0].id if len(found) > A_PAGE else None,
            filtered=any(asked[name] for name in FILTERS),
            narrowed=any(asked[name] for name in FILTERS[4:]),
            may_change=viewer.may(Right.CHANGE_ITEMS),
            actions=list(Action),
            violations=list(ViolationType),
            states=self._states,
            soft=await room.softener.of(room.services.scoring, [row.text for row, _ in rows]),
        )

    async def item(self, request: Request) -> Response:
        """One item with everything that is kept about it."""
        item_id = path_value(request, "item_id")
        view = await look(
            request, lambda room, session, viewer: item_view(room, session, viewer, item_id, now())
        )
        room = await asyncio.to_thread(room_of, request)
        return self.page(
            request,
            "item",
            here="/items",
            view=view,
            item=view.history.item,
            detail=shown_detail,
            soft=await room.softener.of(room.services.scoring, view.texts),
        )

    async def explain(self, request: Request) -> Response:
        """A verdict run again with the versions that it names: same, or different in what."""
        item_id = path_value(request, "item_id")
        verdict_id = request.query_params.get("verdict") or None

        def read(room: Room, viewer: Viewer) -> Rerun:
            with room.database.reading() as session:
                return material_of(session, room.policies, item_id, verdict_id)

        rerun = await do(request, read)
        room = await asyncio.to_thread(room_of, request)
        if rerun.obstacle is None:
            rerun = await rerun.scored_by(room.services.scoring.verdicts)
        return self.page(request, "explain", here="/items", item=rerun.item, answer=compare(rerun))
