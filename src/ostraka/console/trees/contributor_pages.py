"""The handlers of one contributor, for moderators: what they did, and acts on all of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import bindparam, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.review.handling import asked_of, choice, path_value
from ostraka.console.trees.handling import HERE, Handlers, form_of, look
from ostraka.console.trees.room import TreePages
from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.trees import banning
from ostraka.trees.boards import standing_of
from ostraka.trees.changing import Hand
from ostraka.trees.consequences import Consequences
from ostraka.trees.people import People, Span
from ostraka.trees.statistics import Frame
from ostraka.trees.tables import ContributorRow

ADDRESS: Final = f"{HERE}/contributors"
FOR_GOOD: Final = ("erase", "erase_messages", "merge")
"""What cannot be taken back: the form says so, and asks for a tick."""
PREVIEWS: Final = ("withdraw", "reinstate", *FOR_GOOD)

Form = Mapping[str, str]
Act = Callable[[TreePages, Person, str, Form], str]


class ContributorPages(Handlers):
    """One per process."""

    async def contributor(self, request: Request) -> Response:
        """What somebody did, and what an act on them would lead to."""
        asked = asked_of(request, "preview", "source")
        choice(asked, "preview", PREVIEWS)
        return await self._contributor(request, asked)

    async def act(self, request: Request) -> Response:
        """Ban somebody, withdraw what they said of others, erase or merge them, or take it back.

        What cannot be taken back is done only where the form says that it is meant.
        """
        form = await form_of(request)
        who, name = path_value(request, "contributor_id"), path_value(request, "act")
        act = _ACTS.get(name)
        if act is None:
            raise NotFoundError("There is no such act.")
        asked = {"preview": name, "source": form.get("source", "")}
        if name in FOR_GOOD and form.get("sure") != "yes":
            problem = "Nothing was changed. Tick that you mean it, since it cannot be taken back."
            return await self._contributor(request, asked, status=400, problem=problem)
        try:
            shown = await look(request, lambda room, person: act(room, person, who, form))
        except (ConflictError, InvalidInputError) as error:
            return await self._contributor(request, {}, status=400, problem=error.message)
        return RedirectResponse(f"{ADDRESS}/{quote(shown)}", 303)

    async def _contributor(
        self, request: Request, asked: Form, *, status: int = 200, problem: str = ""
    ) -> Response:
        who, preview = path_value(request, "contributor_id"), asked.get("preview", "")
        source = asked.get("source", "")

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            with room.database.reading() as session:
                own = standing_of(session, who, Frame.TOTAL, now())
                merged = session.scalar(_MERGED, {"who": who})
                session.expunge_all()
            people = People(Hand(room.store, person.id, now(), preview=True))
            told, would = problem, dict[str, Any]()
            try:
                would = _PREVIEWS[preview](people, who, source).as_dict() if preview else {}
            except (ConflictError, InvalidInputError, NotFoundError) as error:
                told = problem or error.message
            return {"own": own, "merged_into": merged, "would": would, "problem": told}

        context = await look(request, find)
        status = 400 if context["problem"] else status
        return self.page(
            request,
            "contributor",
            tab=f"{HERE}/all",
            status=status,
            preview=preview,
            source=source,
            for_good=preview in FOR_GOOD,
            **context,
        )


def _ban(room: TreePages, person: Person, who: str, form: Form) -> str:
    banning.ban(room.store, who, person.id, now())
    return who


def _unban(room: TreePages, person: Person, who: str, form: Form) -> str:
    banning.unban(room.store, who, person.id, now())
    return who


def _withdraw(room: TreePages, person: Person, who: str, form: Form) -> str:
    _people(room, person).withdraw(who)
    return who


def _reinstate(room: TreePages, person: Person, who: str, form: Form) -> str:
    _people(room, person).reinstate(who)
    return who


def _erase(room: TreePages, person: Person, who: str, form: Form) -> str:
    _people(room, person).purge(who, ban=form.get("ban") == "yes")
    return who


def _erase_messages(room: TreePages, person: Person, who: str, form: Form) -> str:
    _people(room, person).purge_messages(who, Span())
    return who


def _merge(room: TreePages, person: Person, who: str, form: Form) -> str:
    _people(room, person).merge(who, [_source(form.get("source", ""))])
    return who


def _people(room: TreePages, person: Person) -> People:
    return People(Hand(room.store, person.id, now()))


def _source(given: str) -> str:
    """The contributor to merge, by their id.

    Raises:
        InvalidInputError: nobody was named.
    """
    if not given.strip():
        raise InvalidInputError("Say whom to merge, by their id.", field="source")
    return given.strip()


_MERGED: Final = select(ContributorRow.merged_into).where(ContributorRow.id == bindparam("who"))

_PREVIEWS: Final[dict[str, Callable[[People, str, str], Consequences]]] = {
    "withdraw": lambda people, who, source: people.withdraw(who),
    "reinstate": lambda people, who, source: people.reinstate(who),
    "erase": lambda people, who, source: people.purge(who),
    "erase_messages": lambda people, who, source: people.purge_messages(who, Span()),
    "merge": lambda people, who, source: people.merge(who, [_source(source)])[0],
}

_ACTS: Final[dict[str, Act]] = {
    "ban": _ban,
    "unban": _unban,
    "withdraw": _withdraw,
    "reinstate": _reinstate,
    "erase": _erase,
    "erase_messages": _erase_messages,
    "merge": _merge,
}
