"""The handlers of the queue: how things stand, what is next, and where to start."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.ring import now
from ostraka.console.review.case_view import last_decisions
from ostraka.console.review.exposure import exposure_of
from ostraka.console.review.handling import Handlers, asked_of, choice, do, form_of, look
from ostraka.console.review.names import names_of
from ostraka.console.review.next_case import next_case
from ostraka.console.review.queues import (
    CASES_A_PAGE,
    KIND_NAMES,
    CaseFilter,
    CaseLine,
    open_cases,
    queue_lines,
)
from ostraka.console.review.room import Room, Viewer
from ostraka.console.review.standing import held_by
from ostraka.errors import InvalidInputError
from ostraka.policy.severity import Severity


class QueuePages(Handlers):
    """One per process."""

    async def queue(self, request: Request) -> Response:
        """My queues, and the open cases in their order."""
        asked = asked_of(request, "queue", "severity", "kind", "overdue", "after", "done")
        wanted = CaseFilter(
            queue=asked["queue"] or None,
            severity=choice(asked, "severity", list(Severity)),
            kind=choice(asked, "kind", list(KIND_NAMES)),
            overdue=choice(asked, "overdue", ["yes"]) is not None,
        )
        after = _cursor(asked["after"])

        def find(room: Room, session: Session, viewer: Viewer) -> dict[str, Any]:
            moment = now()
            document = room.policies.active(session).document
            found = open_cases(
                session, wanted, viewer.reviewer, moment, after, limit=CASES_A_PAGE + 1
            )
            cases = found[:CASES_A_PAGE]
            mine = last_decisions(session, viewer.id)
            return {
                "queues": queue_lines(session, document, viewer.reviewer, moment),
                "cases": cases,
                "next_after": _after(cases) if len(found) > CASES_A_PAGE else None,
                "names": names_of(session, [line.holder for line in cases], viewer.person),
                "held": held_by(session, viewer.id, moment),
                "mine": mine,
                "exposure": exposure_of(session, viewer.id, document, moment, room.local_exposures),
            }

        context = await look(request, find)
        filtered = any(asked[name] for name in ("queue", "severity", "kind", "overdue", "after"))
        return self.page(
            request,
            "queue",
            here="/queue",
            asked=asked,
            filtered=filtered,
            severities=list(Severity),
            kinds=KIND_NAMES,
            **context,
        )

    async def start(self, request: Request) -> Response:
        """Go on with what one holds, or claim the next case."""
        form = await form_of(request)
        queue = form.get("queue") or None
        queues = [queue] if queue else None
        case_id = await do(request, lambda room, viewer: next_case(room, viewer, queues))
        ending = f"queue={quote(queue)}" if queue else ""
        if case_id is None:
            return RedirectResponse(f"/queue?done=1&{ending}".rstrip("&"), 303)
        return RedirectResponse(f"/cases/{quote(case_id)}?{ending}".rstrip("?"), 303)


def _after(cases: Sequence[CaseLine]) -> str:
    last = cases[-1].case
    return f"{last.due_at.isoformat()}~{last.id}"


def _cursor(value: str) -> tuple[datetime, str] | None:
    """Where the page before ended.

    Raises:
        InvalidInputError: no such place.
    """
    if not value:
        return None
    moment, _, case_id = value.replace(" ", "+").partition("~")
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInputError("There is no such page of the list.", field="after")
    return found, case_id
