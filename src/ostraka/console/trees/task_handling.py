"""What the handlers of a task share: its page, the one after it, and what to say of failures."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.review.handling import is_part, with_events
from ostraka.console.review.telling import Told
from ostraka.console.trees.handling import HERE, Handlers, look, notice, soft_words
from ostraka.console.trees.languages import DEFAULT
from ostraka.console.trees.reporting import REASONS
from ostraka.console.trees.room import TreePages
from ostraka.console.trees.task_view import TaskView, view_of
from ostraka.console.trees.telling import tell
from ostraka.console.trees.words import SCALE_ENDS
from ostraka.errors import (
    CallerError,
    InvalidInputError,
    MissingScopeError,
    NotFoundError,
    OstrakaError,
)
from ostraka.trees.assignment import RANDOM
from ostraka.trees.language_tags import canonical
from ostraka.trees.offers import Offer
from ostraka.trees.selection import NoTaskError, TaskType

NOTICE: Final = "#task-notice"
KINDS: Final = (RANDOM, *TaskType)


class TaskHandlers(Handlers):
    """Handlers that show a task, or the one after it."""

    async def next(
        self, request: Request, form: dict[str, str], told: str, skipped: str = ""
    ) -> Response:
        """The next task after one that was handed in or skipped; without any, why."""
        chosen = chosen_of(form)
        toast: dict[str, str] = {"message": told}
        if skipped:
            toast["undo"] = f"{HERE}/tasks/{skipped}/unskip"
        try:
            offer = await look(request, lambda room, person: next_task(room, person, chosen))
        except (NoTaskError, CallerError) as error:
            return self._nothing_more(request, chosen, tell(error), skipped, toast)
        if not is_part(request):
            ending = urlencode({"skipped": skipped} if skipped else {"sent": "yes"})
            return RedirectResponse(f"{address_of(offer.id, chosen)}&{ending}", 303)
        answer = await self.show(request, offer, chosen)
        answer.headers["hx-push-url"] = address_of(offer.id, chosen)
        return with_events(answer, toast=toast)

    def _nothing_more(
        self,
        request: Request,
        chosen: dict[str, str],
        why: Told,
        skipped: str,
        toast: dict[str, str],
    ) -> Response:
        named = {"language": chosen["language"], "none": chosen["kind"], "skipped": skipped}
        address = f"{HERE}?{urlencode({name: value for name, value in named.items() if value})}"
        if not is_part(request):
            return RedirectResponse(address, 303)
        answer = self.page(request, "done", tab=HERE, why=why, chosen=chosen)
        answer.headers["hx-push-url"] = address
        return with_events(answer, toast=toast)

    async def show(
        self,
        request: Request,
        offer: Offer,
        chosen: dict[str, str],
        *,
        status: int = 200,
        **context: Any,
    ) -> Response:
        """The page of a task."""

        def view(room: TreePages, person: Person) -> TaskView:
            return view_of(offer, room.configuration)

        shown = await look(request, view)
        given = {"told": None, "problem": "", "typed": {"text": ""}} | context
        return self.page(
            request,
            "task",
            tab=HERE,
            status=status,
            view=shown,
            chosen=chosen,
            renews=True,
            lost=None,
            scale_ends=SCALE_ENDS,
            report_reasons=REASONS,
            skipped=request.query_params.get("skipped", ""),
            sent=request.query_params.get("sent", ""),
            soft=await soft_words(request, shown.texts),
            **given,
        )

    async def telling(
        self,
        request: Request,
        task_id: str,
        form: dict[str, str],
        act: Callable[[], Awaitable[Response]],
    ) -> Response:
        """What `act` answers, or why not; what was written is kept."""
        try:
            return await act()
        except NotFoundError:
            raise
        except OstrakaError as error:
            told = tell(error)
            if is_part(request):
                return notice(self._pages, told.title, told.text, told.status, into=NOTICE)

            def find(room: TreePages, person: Person) -> Offer:
                return room.assignment.get(task_id, room.contributor(person, now()).id)

            offer = await look(request, find)
            typed = {"text": ""} | form
            return await self.show(
                request, offer, chosen_of(form), status=told.status, told=told, typed=typed
            )


def chosen_of(form: dict[str, str]) -> dict[str, str]:
    """What kind of tasks somebody goes on with, and in which language.

    Raises:
        InvalidInputError: there is no such kind, or no such language.
    """
    kind = form.get("kind") or RANDOM
    language = form.get("language") or DEFAULT
    if kind not in KINDS:
        raise InvalidInputError("There is no such kind of task.", field="kind", valid=list(KINDS))
    if len(language) > 35 or not language.replace("-", "").isalnum():
        raise InvalidInputError("There is no such language.", field="language")
    return {"kind": str(kind), "language": canonical(language)}


def address_of(task_id: str, chosen: dict[str, str]) -> str:
    """Where a task is shown."""
    return f"{HERE}/tasks/{quote(task_id)}?{urlencode(chosen)}"


def next_task(room: TreePages, person: Person, chosen: dict[str, str]) -> Offer:
    """The next task for somebody; what they hold already comes first.

    Raises:
        NoTaskError: there is none for them.
        ConflictError: they have too many open.
        MissingScopeError: they may not contribute, or have not accepted the terms.
    """
    moment, kind = now(), chosen["kind"]
    contributor = room.contributor(person, moment)
    mine = contributor.id
    if room.awaits_terms(contributor):
        raise MissingScopeError("Accept the terms first.", code="terms_not_accepted")
    for held in room.assignment.open_tasks(mine, moment):
        if kind in (RANDOM, held.kind) and held.language == chosen["language"]:
            return held
    return room.assignment.request(
        mine,
        RANDOM if kind == RANDOM else TaskType(kind),
        chosen["language"],
        moment,
        room.random,
    )
