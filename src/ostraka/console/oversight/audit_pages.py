"""The handlers of the audit log: who did what to what, and that nobody has changed the record."""

import json
from typing import Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.console.oversight.audit import (
    FILTERS,
    LogView,
    address_of,
    entry_view,
    exported,
    filter_of,
    log_view,
)
from ostraka.console.oversight.handling import Handlers, download
from ostraka.console.review.handling import asked_of, form_of, look, path_value
from ostraka.console.review.room import Room, Viewer
from ostraka.errors import InvalidInputError
from ostraka.review.record_shapes import show_entry
from ostraka.storage.audit import EntryFilter

HERE: Final = "/audit"


class AuditPages(Handlers):
    """One per process."""

    async def audit(self, request: Request) -> Response:
        """Entries by what is asked, the newest first."""
        return await self._list(request, verify=False)

    async def verify(self, request: Request) -> Response:
        """The same page, after the whole log was walked."""
        await form_of(request)
        return await self._list(request, verify=True)

    async def entry(self, request: Request) -> Response:
        """One entry with its detail and its place in the chain."""
        sequence = path_value(request, "sequence")
        view = await look(
            request, lambda room, session, viewer: entry_view(session, viewer, sequence)
        )
        detail = json.dumps(view.entry.detail, indent=2, ensure_ascii=False, sort_keys=True)
        address = address_of(view.entry.subject)
        return self.page(
            request, "audit_entry", here=HERE, view=view, detail=detail, address=address
        )

    async def export(self, request: Request) -> Response:
        """What the filters leave, as JSON Lines; all of it verifies with the command line."""
        wanted = filter_of(asked_of(request, *FILTERS))

        def find(room: Room, session: Session, viewer: Viewer) -> str:
            return "".join(
                json.dumps(show_entry(each)) + "\n" for each in exported(session, wanted)
            )

        return download(await look(request, find), "ostraka-audit.jsonl", "application/jsonl")

    async def _list(self, request: Request, *, verify: bool) -> Response:
        asked = asked_of(request, *FILTERS, "before")
        try:
            wanted, problem = filter_of(asked, asked["before"]), ""
        except InvalidInputError as error:
            wanted, problem = EntryFilter(before=0), error.message

        def find(room: Room, session: Session, viewer: Viewer) -> LogView:
            return log_view(session, viewer, wanted, verify=verify)

        return self.page(
            request,
            "audit",
            here=HERE,
            status=400 if problem else 200,
            asked=asked,
            problem=problem,
            filtered=any(asked[name] for name in FILTERS),
            found=await look(request, find),
            address_of=address_of,
        )
