"""`/api/audit…`."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError
from ostraka.review.record_shapes import show_entry, show_head, show_verification
from ostraka.server.review.common import shown
from ostraka.server.review.query import moment, only, page_answer, page_of, text
from ostraka.storage import audit
from ostraka.storage.chain import Anchor

_MOST_DIGITS = 18


async def entries(request: Request) -> Response:
    """`GET /api/audit`: the newest first."""
    only(request, "actor", "act", "subject", "since", "until", "limit", "cursor")
    page = page_of(request)
    wanted = audit.EntryFilter(
        actor=text(request, "actor"),
        act=text(request, "act"),
        subject=text(request, "subject"),
        since=moment(request, "since"),
        until=moment(request, "until"),
        before=_sequence(page.after[0]) if page.after else None,
    )

    def look(session: Session) -> Any:
        found = audit.list_entries(session, wanted, page.limit + 1)
        return page_answer(found, page, lambda each: (str(each.sequence),), show_entry)

    return await shown(request, look)


async def head(request: Request) -> Response:
    """`GET /api/audit/head`: to be kept elsewhere."""
    only(request)
    return await shown(request, lambda session: show_head(audit.head(session)))


async def verification(request: Request) -> Response:
    """`GET /api/audit/verification`: a walk over the whole log."""
    only(request, "head")
    given = text(request, "head")
    anchors = [Anchor.parse(given)] if given else []
    return await shown(request, lambda session: show_verification(audit.verify(session, anchors)))


def _sequence(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MOST_DIGITS):
        raise InvalidInputError("'cursor' is none of this list's.", field="cursor")
    return int(cursor)
