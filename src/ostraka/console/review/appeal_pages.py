"""The handler of the page of appeals."""

import asyncio
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.console.review.appeals import A_PAGE, appeal_lines
from ostraka.console.review.handling import Handlers, asked_of, choice, look
from ostraka.console.review.names import names_of
from ostraka.console.review.room import Room, Viewer, room_of
from ostraka.review.appeals import STATES


class AppealPages(Handlers):
    """One per process."""

    async def appeals(self, request: Request) -> Response:
        """Appeals by state."""
        asked = asked_of(request, "state", "after")
        state = choice(asked, "state", STATES) or "open"

        def find(room: Room, session: Session, viewer: Viewer) -> dict[str, Any]:
            found = appeal_lines(
                room, session, viewer, state, asked["after"] or None, now(), A_PAGE + 1
            )
            lines = found[:A_PAGE]
            actors = [
                each.reviewer_id for line in lines for each in (line.first, line.outcome) if each
            ]
            actors += [
                line.standing.holder for line in lines if line.standing and line.standing.holder
            ]
            return {
                "lines": lines,
                "next_after": lines[-1].appeal.id if len(found) > A_PAGE else None,
                "names": names_of(session, actors, viewer.person),
            }

        context = await look(request, find)
        room = await asyncio.to_thread(room_of, request)
        texts = [line.appeal.reason for line in context["lines"]]
        return self.page(
            request,
            "appeals",
            here="/appeals",
            state=state,
            states=STATES,
            asked=asked,
            soft=await room.softener.of(room.services.scoring, texts),
            **context,
        )
