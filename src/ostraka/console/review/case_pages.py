"""The handlers of one case: show it, decide it, skip it, keep it, take a decision back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.console.markdown import rendered
from ostraka.console.review.case_view import CaseView, text_view
from ostraka.console.review.deciding import and_next, decide_by_form, said
from ostraka.console.review.explanation import moving_words
from ostraka.console.review.exposure import note_case
from ostraka.console.review.handling import (
    Handlers,
    change,
    do,
    form_of,
    is_part,
    look,
    notice,
    path_value,
    with_events,
)
from ostraka.console.review.next_case import view_of
from ostraka.console.review.room import Room, Viewer, room_of
from ostraka.console.review.telling import tell
from ostraka.console.words import Reasons, Word
from ostraka.errors import CallerError, ConflictError, OverloadedError, StorageError
from ostraka.review.cases import get_case
from ostraka.review.queue import skip
from ostraka.review.undoing import undo
from ostraka.storage.ids import new_id
from ostraka.taxonomy import ViolationType

NOTICE = "#case-notice"


class CasePages(Handlers):
    """One per process."""

    async def case(self, request: Request) -> Response:
        """One case, for whoever may review."""
        case_id = path_value(request, "case_id")
        view = await do(request, lambda room, viewer: view_of(room, viewer, case_id))
        return await self._case(request, view, _queue_of(request))

    async def decide(self, request: Request) -> Response:
        """Decide, and go on with the next case."""
        form = await form_of(request)
        case_id = path_value(request, "case_id")

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> dict[str, str]:
            case = get_case(session, case_id)  # kept at hand, so that it is read once
            decision = decide_by_form(room, session, viewer, case, form, moment)
            return {
                "message": said(decision, case),
                "undo": f"/cases/{case_id}/decisions/{decision.id}/undo",
            }

        async def go_on() -> Response:
            told, following = await do(request, and_next(act, form))
            return with_events(await self._next(request, form, following), toast=told)

        return await self._telling(request, case_id, form, go_on)

    async def skip(self, request: Request) -> Response:
        """Leave a case to others, and go on with the next one."""
        form = await form_of(request)
        case_id = path_value(request, "case_id")

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> None:
            skip(session, viewer.reviewer, case_id, form.get("reason", ""), moment)
            document = room.policies.active(session).document
            case = get_case(session, case_id)
            note_case(session, viewer.id, case, document, moment, room.local_exposures)

        async def go_on() -> Response:
            _, following = await do(request, and_next(act, form))
            answer = await self._next(request, form, following)
            return with_events(answer, toast="Skipped; others decide it.")

        return await self._telling(request, case_id, form, go_on)

    async def release(self, request: Request) -> Response:
        """Give a case back, and leave."""
        await form_of(request)
        case_id = path_value(request, "case_id")
        await do(request, lambda room, viewer: room.queue.release(viewer.reviewer, case_id))
        return RedirectResponse("/queue", 303)

    async def take(self, request: Request) -> Response:
        """Claim this very case: leads any, others appeals."""
        form = await form_of(request)
        case_id = path_value(request, "case_id")

        def act(room: Room, viewer: Viewer) -> CaseView:
            if not view_of(room, viewer, case_id).standing.may_take:
                raise ConflictError("This case is not free for you.", code="not_free")
            room.queue.take(viewer.reviewer, case_id)
            return view_of(room, viewer, case_id)

        async def go_on() -> Response:
            view = await do(request, act)
            if not is_part(request):
                return RedirectResponse(f"/cases/{quote(case_id)}", 303)
            return await self._case(request, view, form.get("queue"))

        return await self._telling(request, case_id, form, go_on)

    async def heartbeat(self, request: Request) -> Response:
        """Keep a case; the page asks while somebody looks at it."""
        await form_of(request)
        case_id = path_value(request, "case_id")
        try:
            claimed = await do(
                request, lambda room, viewer: room.queue.heartbeat(viewer.reviewer, case_id)
            )
        except (CallerError, StorageError) as error:
            if not isinstance(error, CallerError):
                return Response(status_code=204)  # the next beat tries again
            told = tell(error)
            return self.page(
                request, "lease", here="/queue", case_id=case_id, until=None, told=told
            )
        return self.page(
            request, "lease", here="/queue", case_id=case_id, until=claimed.expires_at, told=None
        )

    async def undo(self, request: Request) -> Response:
        """Take a decision back, and hold its case again."""
        form = await form_of(request)
        case_id, decision_id = path_value(request, "case_id"), path_value(request, "decision_id")

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> None:
            undo(session, decision_id, viewer.reviewer, moment, seconds=room.queue.seconds)

        async def go_on() -> Response:
            await change(request, act)
            if not is_part(request):
                return RedirectResponse(f"/cases/{quote(case_id)}", 303)
            view = await do(request, lambda room, viewer: view_of(room, viewer, case_id))
            answer = await self._case(request, view, form.get("queue"), moved=True)
            return with_events(answer, toast="Undone. The case is yours again.")

        return await self._telling(request, case_id, form, go_on)

    async def words(self, request: Request) -> Response:
        """The item's text again, with the words that moved its scores."""
        case_id = path_value(request, "case_id")
        room = await asyncio.to_thread(room_of, request)
        try:
            view = await look(request, lambda room, session, _: text_view(room, session, case_id))
        except (CallerError, StorageError):
            return Response(status_code=204)  # the page that asks tells of it soon enough
        reasons = await moving_words(room.services.scoring, view)
        soft = await room.softener.of(room.services.scoring, [view.item.text])
        return self.page(
            request,
            "words",
            here="/queue",
            view=view,
            soft=soft,
            reasons=reasons,
            moving=_underlined(reasons),
            wait=False,
        )

    async def _next(
        self, request: Request, form: dict[str, str], following: CaseView | None
    ) -> Response:
        """The page of the case that somebody goes on with."""
        queue = form.get("queue") or None
        if not is_part(request):
            target = f"/cases/{quote(following.case.id)}" if following else "/queue?done=1"
            return RedirectResponse(_with_queue(target, queue), 303)
        if following is None:
            answer = self.page(request, "done", here="/queue", queue=queue)
            answer.headers["hx-push-url"] = _with_queue("/queue?done=1", queue)
            return answer
        return await self._case(request, following, queue, moved=True)

    async def _case(
        self,
        request: Request,
        view: CaseView,
        queue: str | None,
        *,
        moved: bool = False,
        status: int = 200,
        **context: Any,
    ) -> Response:
        """The page of a case; `moved` where it takes the place of another one."""
        room = await asyncio.to_thread(room_of, request)
        typed = {"violation": "", "reasons": ""} | context.pop("typed", {})
        answer = self.page(
            request,
            "case",
            here="/appeals" if view.is_appeal else "/queue",
            status=status,
            view=view,
            queue=queue or "",
            key=new_id("form"),
            typed=typed,
            soft=await room.softener.of(room.services.scoring, view.texts),
            told=context.pop("told", None),
            guidance=_guidance(view),
            violations=list(ViolationType),
            wait=True,
            moving=(),
        )
        if moved:
            answer.headers["hx-push-url"] = _with_queue(f"/cases/{view.case.id}", queue)
        return answer

    async def _telling(
        self,
        request: Request,
        case_id: str,
        form: dict[str, str],
        act: Callable[[], Awaitable[Response]],
    ) -> Response:
        """What `act` answers, or why not; what was typed is kept."""
        try:
            return await act()
        except (CallerError, StorageError, OverloadedError) as error:
            told = tell(error)
            if is_part(request):
                return notice(self._pages, told.title, told.text, told.status, into=NOTICE)
            view = await do(request, lambda room, viewer: view_of(room, viewer, case_id))
            return await self._case(
                request, view, form.get("queue"), status=told.status, told=told, typed=form
            )


def _guidance(view: CaseView) -> list[tuple[ViolationType, Markup]]:
    """What the policy tells people of each violation, the one that is likely first."""
    document = view.policy.document
    written = [(each, document.guidance_for(each)) for each in ViolationType]
    found = [(each, _as_html(text)) for each, text in written if text]
    return sorted(found, key=lambda each: each[0] != view.suggested)


@lru_cache(maxsize=256)
def _as_html(text: str) -> Markup:
    return rendered(text, below=3)


def _underlined(reasons: Sequence[Reasons]) -> list[Word]:
    """The words of the category that says most, in the order of the text."""
    pieces = reasons[0].pieces if reasons else ()
    return [piece.word for piece in pieces if piece.word is not None]


def _queue_of(request: Request) -> str | None:
    return request.query_params.get("queue") or None


def _with_queue(address: str, queue: str | None) -> str:
    if not queue:
        return address
    return f"{address}{'&' if '?' in address else '?'}queue={quote(queue)}"
