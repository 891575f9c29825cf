"""The handlers of what contributors begin with: tasks there are, what is theirs, their profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.review.handling import asked_of, choice
from ostraka.console.review.telling import Told
from ostraka.console.trees.handling import HERE, Handlers, form_of, look, soft_words
from ostraka.console.trees.languages import LANGUAGES, choices, preferred
from ostraka.console.trees.own_messages import A_PAGE, KINDS, own_messages
from ostraka.console.trees.room import TreePages
from ostraka.console.trees.tree_list import languages_in_use
from ostraka.trees.assignment import RANDOM, Availability
from ostraka.trees.language_tags import canonical
from ostraka.trees.offers import Offer
from ostraka.trees.selection import TaskType

_ORDER: Final = (
    TaskType.RANK_ASSISTANT_REPLIES,
    TaskType.RANK_PROMPTER_REPLIES,
    TaskType.LABEL_ASSISTANT_REPLY,
    TaskType.LABEL_PROMPTER_REPLY,
    TaskType.LABEL_INITIAL_PROMPT,
    TaskType.ASSISTANT_REPLY,
    TaskType.PROMPTER_REPLY,
    TaskType.INITIAL_PROMPT,
)
"""Kinds of task as the page shows them: what brings conversations to an end comes first."""

_ENDED: Final = {
    "done": Told("That task is done.", "It was kept. Here is what else there is.", 200),
    "skipped": Told("You skipped that task.", "Here is what else there is.", 200),
    "expired": Told(
        "Your time for that task ran out.",
        "What you had written is kept in this browser for a week. Here is what else there is.",
        200,
    ),
    "closed": Told("That conversation was stopped or changed.", "Here is what else there is.", 200),
    "pending": Told(
        "You have many tasks open.", "Finish or skip one of these first; then take another.", 200
    ),
    "given": Told(
        "Others have taken that task meanwhile.", "It may come to you again. Here is the rest.", 200
    ),
}


@dataclass(frozen=True, slots=True)
class KindLine:
    """How much there is of one kind of task; without any, why."""

    kind: TaskType
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that somebody holds."""

    offer: Offer

    @property
    def text(self) -> str:
        """What it is about: the message that is answered, reviewed or ranked below."""
        return self.offer.conversation[-1].text if self.offer.conversation else ""


class HomePages(Handlers):
    """One per process."""

    async def home(self, request: Request) -> Response:
        """What there is to do in a language, and what is mine to finish."""
        asked = asked_of(request, "language", "none", "ended", "skipped", "sent")

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            moment = now()
            mine = room.contributor(person, moment)
            with room.database.reading() as session:
                used = languages_in_use(session)
            language = _language(request, asked["language"], used)
            there = room.assignment.availability(mine.id, language, moment)
            held = [OpenTask(each) for each in room.assignment.open_tasks(mine.id, moment)]
            return {
                "language": language,
                "languages": choices([*used, language]),
                "lines": _lines(there),
                "total": there.total,
                "held": held,
                "told": _told(asked, there),
                "is_banned": not mine.enabled,
                "awaits_terms": room.awaits_terms(mine),
            }

        context = await look(request, find)
        return self.page(
            request,
            "home",
            tab=HERE,
            asked=asked,
            soft=await soft_words(request, [each.text for each in context["held"]]),
            **context,
        )

    async def terms(self, request: Request) -> Response:
        """Accept the terms."""
        await form_of(request)

        def act(room: TreePages, person: Person) -> None:
            moment = now()
            mine = room.contributor(person, moment)
            room.trees.contributors.change_profile(mine.id, terms_accepted_at=moment)

        await look(request, act)
        return RedirectResponse(HERE, 303)

    async def mine(self, request: Request) -> Response:
        """What I wrote, and where it stands."""
        asked = asked_of(request, "kind", "after")
        kind = choice(asked, "kind", KINDS)

        def find(room: TreePages, person: Person) -> list[Any]:
            mine = room.contributor(person, now())
            with room.database.reading() as session:
                return own_messages(
                    session,
                    mine.id,
                    room.configuration,
                    kind,
                    A_PAGE + 1,
                    asked["after"] or None,
                )

        found = await look(request, find)
        rows = found[:A_PAGE]
        return self.page(
            request,
            "mine",
            tab=f"{HERE}/mine",
            asked=asked,
            rows=rows,
            next_after=rows[-1].message.id if len(found) > A_PAGE else None,
            soft=await soft_words(request, [text for row in rows for text in row.texts]),
        )


def _language(request: Request, asked: str, used: Sequence[str]) -> str:
    """The language that was asked for, else the browser's."""
    tag = canonical(asked)
    if tag in LANGUAGES or tag in used:
        return tag
    return preferred(request.headers.get("accept-language", ""))


def _lines(there: Availability) -> list[KindLine]:
    """The kinds of task, those that there is something of before the others."""
    found = []
    for kind in _ORDER:
        count = there.counts.get(kind, 0)
        if kind is TaskType.RANK_PROMPTER_REPLIES and not count:
            continue
        found.append(KindLine(kind, count, " ".join(there.reasons.get(kind, ()))))
    return sorted(found, key=lambda line: not line.count)


def _told(asked: Mapping[str, str], there: Availability) -> Told | None:
    """What to say first to somebody who was led here."""
    if asked["none"]:
        kind = asked["none"]
        if kind == RANDOM:
            why = "Whatever waits is with others, or not for you to judge. Look at the reasons."
        else:
            known = TaskType(kind) if kind in list(TaskType) else TaskType.INITIAL_PROMPT
            why = " ".join(there.reasons.get(known, ("It was taken this very moment.",)))
        return Told("There is no such task for you now.", why, 200)
    return _ENDED.get(asked["ended"])
