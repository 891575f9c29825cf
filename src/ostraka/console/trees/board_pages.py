"""The handlers of the leaderboard, and of a contributor's own profile and data."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.person import Person
from ostraka.access.ring import now
from ostraka.console.oversight.handling import download
from ostraka.console.review.handling import asked_of, choice
from ostraka.console.trees.handling import HERE, Handlers, form_of, look
from ostraka.console.trees.own_data import data_of
from ostraka.console.trees.room import TreePages
from ostraka.trees.boards import Standing, leaderboard, standing_of
from ostraka.trees.statistics import LEVELS, Frame

LINES: Final = 100
FRAMES: Final = (
    (Frame.DAY, "24 hours"),
    (Frame.WEEK, "7 days"),
    (Frame.MONTH, "30 days"),
    (Frame.TOTAL, "Ever"),
)


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One contributor on the board."""

    standing: Standing
    is_reader: bool

    @property
    def name(self) -> str:
        """What others know them by."""
        return self.standing.contributor.display_name

    @property
    def written(self) -> int:
        """Messages."""
        done = self.standing.done
        return done.prompts + done.replies_assistant + done.replies_prompter

    @property
    def accepted(self) -> int:
        """Messages that count."""
        done = self.standing.done
        return (
            done.accepted_prompts + done.accepted_replies_assistant + done.accepted_replies_prompter
        )

    @property
    def reviews(self) -> int:
        """Reviews with few or all questions."""
        return self.standing.done.labels_simple + self.standing.done.labels_full


class BoardPages(Handlers):
    """One per process."""

    async def leaderboard(self, request: Request) -> Response:
        """Contributors by points in a span of time."""
        asked = asked_of(request, "frame")
        frame = Frame(choice(asked, "frame", list(Frame)) or Frame.WEEK)

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            mine = room.contributor(person, now())
            with room.database.reading() as session:
                found = leaderboard(session, frame, now(), LINES)
                own = standing_of(session, mine.id, frame, now())
            return {"lines": _lines(found, own), "mine": mine, "own": own}

        context = await look(request, find)
        return self.page(
            request,
            "leaderboard",
            tab=f"{HERE}/leaderboard",
            frame_name=frame,
            frames=FRAMES,
            **context,
        )

    async def profile(self, request: Request) -> Response:
        """My numbers, what others see of me, my data."""
        asked = asked_of(request, "saved")

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            mine = room.contributor(person, now())
            with room.database.reading() as session:
                own = standing_of(session, mine.id, Frame.TOTAL, now())
            return {"mine": mine, "own": own}

        context = await look(request, find)
        score = context["own"].score
        return self.page(
            request,
            "profile",
            tab=f"{HERE}/profile",
            to_next=next((step - score for step in LEVELS if step > score), 0),
            told="Saved." if asked["saved"] else "",
            **context,
        )

    async def save_profile(self, request: Request) -> Response:
        """Change how others see me."""
        form = await form_of(request)

        def act(room: TreePages, person: Person) -> None:
            mine = room.contributor(person, now())
            shown = form.get("show_on_leaderboard") == "yes"
            room.trees.contributors.change_profile(mine.id, show_on_leaderboard=shown)

        await look(request, act)
        return RedirectResponse(f"{HERE}/profile?saved=yes", 303)

    async def export(self, request: Request) -> Response:
        """Everything that is kept of me, as a file."""

        def find(room: TreePages, person: Person) -> dict[str, Any]:
            mine = room.contributor(person, now())
            with room.database.reading() as session:
                return data_of(session, mine.id, now())

        data = await look(request, find)
        content = await asyncio.to_thread(msgspec.json.encode, data)
        return download(msgspec.json.format(content), "your-contributions.json", "application/json")


def _lines(found: Sequence[Standing], own: Standing) -> list[BoardLine]:
    """The board; the reader's own line at its end where it is further down."""
    mine = own.contributor.id
    lines = [BoardLine(each, each.contributor.id == mine) for each in found]
    if own.rank is not None and own.rank > len(found):
        lines.append(BoardLine(own, True))
    return lines
