"""The handlers of the practice pages: choose a task, play it, see how agents did."""

import asyncio
import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.console.access import read_form
from ostraka.console.pages import Pages
from ostraka.console.practice.plays import Practice, outcome_of, practice_of, shown
from ostraka.console.review.handling import ACTION_NAMES, VIOLATION_NAMES, is_part
from ostraka.console.services import services_of
from ostraka.environment.actions import DEFER, LOOK_UPS
from ostraka.environment.tasks import TASKS
from ostraka.errors import ConflictError

ADDRESS: Final = "/practice"
_SEEDS: Final = 100_000
NAMES: Final = {
    "task_easy": "Easy",
    "task_medium": "Medium",
    "task_hard": "Hard",
    "task_queue": "A shift",
}
ABOUT: Final = {
    "task_easy": "Clear cases among quotations and lookalikes: approve, or remove.",
    "task_medium": "The author's record decides how far to go.",
    "task_hard": "Threads, appeals, crises and disguised spelling; some cases are for people.",
    "task_queue": "90 minutes with deadlines, look-ups that cost time and limited escalations.",
}


class PracticePages:
    """One per process."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The tasks to choose from."""
        return self._page(request, "tasks", tasks=TASKS, seed=secrets.randbelow(_SEEDS))

    async def begin(self, request: Request) -> Response:
        """The first post of a task."""
        practice = practice_of(
            str(request.path_params["task_id"]), request.query_params.get("seed", "")
        )
        return self._post(request, practice)

    async def decide(self, request: Request) -> Response:
        """Decide about a post, or take the last decision back; then the next one, or the end."""
        form = await read_form(request, services_of(request).settings.max_body_bytes)
        task_id, seed = str(request.path_params["task_id"]), form.get("seed", "")
        practice = practice_of(task_id, seed, form.get("answers", "[]"))
        if "undo" in form:
            kept = Practice(practice.environment, task_id, practice.seed, practice.answers[:-1])
            return self._post(request, practice_of(task_id, seed, kept.written_answers))
        if practice.play.done:
            raise ConflictError("This play is over. Choose a task to play another.")
        given = (form.get("action", ""), form.get("violation", "none"))
        if given[0] in ("approve", DEFER, *LOOK_UPS):
            given = (given[0], "none")
        practice.environment.step({"action_type": given[0], "violation_type": given[1]})
        after = Practice(
            practice.environment, task_id, practice.seed, (*practice.answers, given)
        )  # fmt: skip
        if not after.play.done:
            return self._post(request, after)
        moderator = services_of(request).moderator
        outcome = await asyncio.to_thread(outcome_of, after, moderator)
        return self._page(request, "outcome", practice=after, outcome=outcome)

    def _post(self, request: Request, practice: Practice) -> Response:
        observation = shown(practice.play.observe())
        available = observation["available_actions"]
        return self._page(
            request,
            "post",
            practice=practice,
            post=observation,
            choices=[each for each in ACTION_NAMES if each in available],
            look_ups=[each for each in LOOK_UPS if each in available],
            may_defer=DEFER in available,
        )

    def _page(self, request: Request, name: str, **context: Any) -> Response:
        return self._pages.page(
            request,
            f"practice/{name}.html",
            here=ADDRESS,
            names=NAMES,
            about=ABOUT,
            action_names=ACTION_NAMES,
            violation_names=VIOLATION_NAMES,
            is_part=is_part(request),
            **context,
        )
