"""What the handlers of the pages of trees share."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.access.roles import Right
from ostraka.console.frame import person_of
from ostraka.console.pages import SECURITY_HEADERS, Pages
from ostraka.console.review.handling import form_of as plain_form_of
from ostraka.console.review.handling import is_part, query_with
from ostraka.console.review.softening import SoftWords
from ostraka.console.trees.languages import language_name
from ostraka.console.trees.room import TreePages, somebody, tree_pages_of
from ostraka.console.trees.words import MARK_WORDS, ROLES, STATES, TASKS, log_words

Found = TypeVar("Found")

HERE: Final = "/trees"
_TABS: Final = (
    ("Contribute", "/trees"),
    ("Your messages", "/trees/mine"),
    ("Leaderboard", "/trees/leaderboard"),
    ("Profile", "/trees/profile"),
)
_MODERATORS_TAB: Final = ("All trees", "/trees/all")


class Handlers:
    """Handlers that render a template of `trees/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(
        self, request: Request, name: str, *, tab: str, status: int = 200, **context: Any
    ) -> Response:
        """The page `name`, below the tab with the address `tab`, with what all of them need."""
        person = person_of(request)
        moderates = person is not None and person.may(Right.MODERATE_TREES)
        return self._pages.page(
            request,
            f"trees/{name}.html",
            here=HERE,
            status=status,
            tabs=(*_TABS, _MODERATORS_TAB) if moderates else _TABS,
            tab=tab,
            now=now(),
            states=STATES,
            roles=ROLES,
            tasks=TASKS,
            mark_words=MARK_WORDS,
            log_words=log_words,
            language_name=language_name,
            query=lambda **changes: query_with(request.query_params, changes),
            is_part=is_part(request),
            **context,
        )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form of ours, without the character NUL, which no database keeps."""
    form = await plain_form_of(request)
    return {name: value.replace("\0", "") for name, value in form.items()}


async def look(request: Request, find: Callable[[TreePages, Person], Found]) -> Found:
    """What `find` makes of the trees for whoever asks, in a thread."""
    person = somebody(request)
    return await asyncio.to_thread(lambda: find(tree_pages_of(request), person))


async def soft_words(request: Request, texts: Iterable[str | None]) -> SoftWords:
    """The words of these texts that are blurred until somebody looks."""
    room = await asyncio.to_thread(tree_pages_of, request)
    return await room.softener.of(room.services.scoring, texts)


def notice(pages: Pages, title: str, text: str, status: int, *, into: str) -> Response:
    """An answer to a part of a page, shown in a place of its own: what was typed stays."""
    html = pages.text("review/notice.html", title=title, text=text)
    headers = {"hx-retarget": into, "hx-reswap": "innerHTML", "hx-push-url": "false"}
    return HTMLResponse(html, status, SECURITY_HEADERS | headers)
