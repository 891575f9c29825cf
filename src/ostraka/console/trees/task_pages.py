"""The handlers of one task: get it, show it, hand it in, keep it, skip it, take the skip back."""

from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.pages import SECURITY_HEADERS
from ostraka.console.review.handling import is_part, path_value, with_events
from ostraka.console.trees.handing_in import hand_in
from ostraka.console.trees.handling import HERE, form_of, look, notice
from ostraka.console.trees.reporting import report_shown
from ostraka.console.trees.room import TreePages
from ostraka.console.trees.task_handling import (
    NOTICE,
    TaskHandlers,
    address_of,
    chosen_of,
    next_task,
)
from ostraka.console.trees.task_view import TaskView, view_of
from ostraka.console.trees.telling import tell
from ostraka.errors import CallerError, ConflictError, MissingScopeError, OstrakaError
from ostraka.trees.offers import Offer
from ostraka.trees.selection import NoTaskError

REPORTED: Final = ("Reported.", "A moderator looks at it. You can go on with the task.", 200)
_SENT: Final = {
    "write": "Sent. Others review it now.",
    "review": "Your review counts.",
    "rank": "Your ranking counts.",
}


class TaskPages(TaskHandlers):
    """One per process."""

    async def request(self, request: Request) -> Response:
        """Get a task: of a kind, or of any."""
        form = await form_of(request)
        chosen = chosen_of(form)
        try:
            offer = await look(request, lambda room, person: next_task(room, person, chosen))
        except (NoTaskError, ConflictError, MissingScopeError) as error:
            why = {"ended": "pending"} if isinstance(error, ConflictError) else {}
            if isinstance(error, NoTaskError):
                why = {"none": chosen["kind"]}
            ending = urlencode({"language": chosen["language"], **why})
            return RedirectResponse(f"{HERE}?{ending}", 303)
        return RedirectResponse(address_of(offer.id, chosen), 303)

    async def task(self, request: Request) -> Response:
        """A task that I hold; one that ended leads to what there is instead."""
        task_id = path_value(request, "task_id")
        chosen = chosen_of(dict(request.query_params))

        def find(room: TreePages, person: Person) -> tuple[Offer, Offer | None]:
            mine = room.contributor(person, now()).id
            offer = room.assignment.get(task_id, mine)
            if offer.state == "open" and offer.expires_at > now():
                return offer, offer
            held = room.assignment.open_tasks(mine, now())
            same = (each for each in held if _is_about(each, offer))
            return offer, next(same, None)

        offer, held = await look(request, find)
        if held is None:
            ending = urlencode({"language": offer.language, "ended": offer.state})
            return RedirectResponse(f"{HERE}?{ending}", 303)
        if held.id != offer.id:
            return RedirectResponse(address_of(held.id, chosen), 303)
        return await self.show(request, held, chosen)

    async def hand_in(self, request: Request) -> Response:
        """Hand in what the task asked for, and go on with the next one."""
        form = await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> str:
            moment = now()
            mine = room.contributor(person, moment).id
            view = view_of(room.assignment.get(task_id, mine), room.configuration)
            hand_in(room, view, form, mine, moment)
            return _SENT[view.activity]

        async def go_on() -> Response:
            told = await look(request, act)
            return await self.next(request, form, told)

        return await self.telling(request, task_id, form, go_on)

    async def skip(self, request: Request) -> Response:
        """Give a task back, and go on with the next one."""
        form = await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> None:
            moment = now()
            mine = room.contributor(person, moment).id
            room.assignment.skip(task_id, mine, moment, form.get("reason", "").strip()[:500])

        async def go_on() -> Response:
            await look(request, act)
            return await self.next(request, form, "Skipped.", skipped=task_id)

        return await self.telling(request, task_id, form, go_on)

    async def give_back(self, request: Request) -> Response:
        """Give a task back without a word on it, and stop."""
        await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> str:
            moment = now()
            mine = room.contributor(person, moment).id
            room.assignment.give_back(task_id, mine, moment)
            return room.assignment.get(task_id, mine).language

        language = await look(request, act)
        return RedirectResponse(f"{HERE}?{urlencode({'language': language})}", 303)

    async def report(self, request: Request) -> Response:
        """Report a message that the task shows; the task stays."""
        form = await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> None:
            moment = now()
            mine = room.contributor(person, moment).id
            offer = room.assignment.get(task_id, mine)
            report_shown(room.store, offer, form, mine, moment)

        async def go_on() -> Response:
            await look(request, act)
            if not is_part(request):
                return RedirectResponse(address_of(task_id, chosen_of(form)), 303)
            told = notice(self._pages, *REPORTED, into=NOTICE)
            return with_events(told, toast=REPORTED[0])

        return await self.telling(request, task_id, form, go_on)

    async def unskip(self, request: Request) -> Response:
        """Take a skip back: the task is mine again, if nobody else has it by now."""
        await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> Offer | None:
            moment = now()
            mine = room.contributor(person, moment).id
            return room.assignment.undo_skip(task_id, mine, moment, room.random)

        offer = await look(request, act)
        if offer is None:
            return RedirectResponse(f"{HERE}?ended=given", 303)
        return RedirectResponse(f"{HERE}/tasks/{quote(offer.id)}", 303)

    async def renew(self, request: Request) -> Response:
        """Hold a task longer; the page asks while somebody looks at it."""
        form = await form_of(request)
        task_id = path_value(request, "task_id")

        def act(room: TreePages, person: Person) -> TaskView:
            mine = room.contributor(person, now()).id
            room.assignment.renew(task_id, mine, now())
            return view_of(room.assignment.get(task_id, mine), room.configuration)

        try:
            view = await look(request, act)
        except OstrakaError as error:
            if not is_part(request):
                raise
            if not isinstance(error, CallerError):
                return Response(status_code=204)  # the next time is soon
            return self.page(request, "lease", tab=HERE, lost=tell(error))
        if not is_part(request):
            return RedirectResponse(address_of(task_id, chosen_of(form)), 303)
        base = f"{HERE}/tasks/{task_id}"
        return self.page(request, "lease", tab=HERE, view=view, base=base, renews=True, lost=None)

    async def check(self, request: Request) -> Response:
        """What would be refused of a text, while it is still being written."""
        form = await form_of(request)
        task_id, text = path_value(request, "task_id"), form.get("text", "")

        def find(room: TreePages, person: Person) -> str:
            mine = room.contributor(person, now()).id
            room.assignment.get(task_id, mine)
            return room.problem_with(text, mine, now())

        try:
            problem = await look(request, find)
        except OstrakaError:
            return Response(status_code=204)  # handing it in says what is wrong
        html = self._pages.text("trees/problem.html", problem=problem)
        return HTMLResponse(html, headers=SECURITY_HEADERS)


def _is_about(task: Offer, other: Offer) -> bool:
    """Whether two tasks ask for the same, as one that was skipped and taken again does."""
    same = (task.kind, task.message_id, task.language)
    return same == (other.kind, other.message_id, other.language)
