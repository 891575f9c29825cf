"""The handlers of moderators' pages: the list of trees, one tree, and acts on it."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.review.handling import (
    asked_of,
    choice,
    is_part,
    path_value,
    with_events,
)
from ostraka.console.trees.handling import Handlers, form_of, look, notice, soft_words
from ostraka.console.trees.languages import choices
from ostraka.console.trees.moderating import MESSAGE_ACTS, act_on_message, act_on_tree
from ostraka.console.trees.names import tree_names
from ostraka.console.trees.room import TreePages, somebody
from ostraka.console.trees.tree_list import (
    A_PAGE,
    FILTERS,
    MARKED,
    TreeFilter,
    counts_by_state,
    find_trees,
    languages_in_use,
)
from ostraka.console.trees.tree_view import TreeView, detail_words, tree_view
from ostraka.console.trees.words import EVENT_BUTTONS, EVENTS_DONE
from ostraka.errors import CallerError, InvalidInputError, NotFoundError
from ostraka.trees.changing import Hand
from ostraka.trees.states import Event, State

TAB = "/trees/all"
NOTICE = "#tree-notice"


class ModeratorPages(Handlers):
    """One per process."""

    async def trees(self, request: Request) -> Response:
        """Trees, the newest first, by their state, language, author and words."""
        asked = asked_of(request, *FILTERS, "after")
        wanted, problem = _filter_of(asked)

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            with room.database.reading() as session:
                found = (
                    find_trees(session, wanted, A_PAGE + 1, asked["after"] or None)
                    if wanted
                    else []
                )
                return {
                    "rows": found[:A_PAGE],
                    "next_after": found[A_PAGE - 1].id if len(found) > A_PAGE else None,
                    "counts": counts_by_state(session, asked["language"] or None),
                    "languages": choices(languages_in_use(session)),
                    "names": tree_names(
                        session, [*(each.author for each in found), asked["author"]], person
                    ),
                }

        context = await look(request, find)
        return self.page(
            request,
            "all",
            tab=TAB,
            status=400 if problem else 200,
            asked=asked,
            problem=problem,
            filtered=any(asked[name] for name in FILTERS),
            soft=await soft_words(request, [row.prompt for row in context["rows"]]),
            **context,
        )

    async def tree(self, request: Request) -> Response:
        """One tree as a tree."""
        return await self._tree(request)

    async def act(self, request: Request) -> Response:
        """Halt, resume, reopen, activate, draw or score a tree again."""
        form = await form_of(request)
        tree_id = path_value(request, "tree_id")
        event = _event(path_value(request, "event"))

        def go(room: TreePages, person: Person) -> None:
            act_on_tree(Hand(room.store, person.id, now()), tree_id, event)

        return await self._done(request, form, go, EVENTS_DONE[event])

    async def act_on_message(self, request: Request) -> Response:
        """Delete, restore, edit, accept or reject a message, or let its flags pass."""
        form = await form_of(request)
        message_id = path_value(request, "message_id")
        act = MESSAGE_ACTS.get(path_value(request, "act"))
        if act is None:
            raise NotFoundError("There is no such act.")

        def go(room: TreePages, person: Person) -> None:
            hand = Hand(room.store, person.id, now())
            act_on_message(hand, message_id, act, form)

        return await self._done(request, form, go, act.done, message_id)

    async def _done(
        self,
        request: Request,
        form: dict[str, str],
        go: Callable[[TreePages, Person], None],
        told: str,
        message_id: str = "",
    ) -> Response:
        """The tree after an act, or why not; what was typed is kept."""

        async def acted() -> Response:
            await look(request, go)
            if not is_part(request):
                anchor = f"#{quote(message_id)}" if message_id else ""
                address = f"{TAB}/{quote(path_value(request, 'tree_id'))}{anchor}"
                return RedirectResponse(address, 303)
            return with_events(await self._tree(request), toast=told)

        return await self._telling(request, acted, message_id, form)

    async def _telling(
        self,
        request: Request,
        act: Callable[[], Awaitable[Response]],
        message_id: str,
        form: dict[str, str],
    ) -> Response:
        try:
            return await act()
        except NotFoundError:
            raise
        except CallerError as error:
            text = "Nothing was changed."
            if is_part(request):
                return notice(self._pages, error.message, text, error.status, into=NOTICE)
            return await self._tree(
                request,
                status=error.status,
                told=(error.message, text),
                typed={message_id: form.get("text", "")},
            )

    async def _tree(self, request: Request, *, status: int = 200, **context: Any) -> Response:
        tree_id = path_value(request, "tree_id")

        def find(room: TreePages, person: Person) -> TreeView:
            with room.database.reading() as session:
                return tree_view(session, tree_id, room.configuration, person)

        view = await look(request, find)
        given = {"told": None, "typed": {}} | context
        return self.page(
            request,
            "tree",
            tab=TAB,
            status=status,
            view=view,
            event_buttons=EVENT_BUTTONS,
            detail_words=detail_words,
            reader=somebody(request).id,
            soft=await soft_words(request, view.texts),
            **given,
        )


def _filter_of(asked: dict[str, str]) -> tuple[TreeFilter | None, str]:
    """The filter of an address, or what is wrong with it."""
    try:
        state = choice(asked, "state", list(State))
        marked = choice(asked, "marked", list(MARKED))
    except InvalidInputError as error:
        return None, error.message
    return TreeFilter(
        words=asked["search"] or None,
        state=State(state) if state else None,
        language=asked["language"] or None,
        author=asked["author"] or None,
        marked=marked,
    ), ""


def _event(name: str) -> Event:
    found = next((event for event in EVENT_BUTTONS if event == name), None)
    if found is None:
        raise NotFoundError("There is no such act.")
    return found
