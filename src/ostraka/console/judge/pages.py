"""The handlers of the judge's page."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from ostraka.console.access import read_form
from ostraka.console.judge.kept import exported, kept_answers
from ostraka.console.judge.traffic import abilities, traffic_of
from ostraka.console.pages import SECURITY_HEADERS, Pages
from ostraka.console.services import services_of
from ostraka.errors import InvalidInputError, JudgeError, NotFoundError
from ostraka.judge.cache import AnswerCache, Chosen
from ostraka.judge.setup import JudgeSetup

Found = TypeVar("Found")

ADDRESS: Final = "/judge"
_SHOWN_MODELS: Final = 20


class JudgePages:
    """One per process."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The page; its traffic alone for the script that asks again and again."""
        return await self._page(request, only_traffic=request.query_params.get("part") == "traffic")

    async def check(self, request: Request) -> Response:
        """Ask the judge's server for its models, now."""
        await _fields(request)
        setup = _setup(request)
        started = time.perf_counter()
        try:
            models = await setup.client.listed()
        except JudgeError as error:
            return await self._page(request, failed=error.message)
        seconds = time.perf_counter() - started
        listed = {"models": models[:_SHOWN_MODELS], "count": len(models), "seconds": seconds}
        missing = setup.model if setup.model and setup.model not in models else ""
        return await self._page(request, checked=listed | {"missing": missing})

    async def export(self, request: Request) -> Response:
        """Kept answers as a file of JSON lines."""
        chosen = _chosen(request.query_params)
        rows = exported(_cache(request), chosen)
        headers = SECURITY_HEADERS | {
            "content-disposition": 'attachment; filename="judge-answers.jsonl"'
        }
        return StreamingResponse(
            iterate_in_threadpool(rows), headers=headers, media_type="application/x-ndjson"
        )

    async def drop(self, request: Request) -> Response:
        """Forget kept answers, so that they are asked for again."""
        fields = await _fields(request)
        chosen = _chosen(fields)
        if chosen == Chosen():
            raise InvalidInputError("Say which answers to drop.", field="model")
        cache = _cache(request)
        await asyncio.to_thread(cache.drop, chosen)
        return RedirectResponse(ADDRESS, 303)

    async def _page(
        self, request: Request, *, only_traffic: bool = False, **context: Any
    ) -> Response:
        services = services_of(request)
        setup = services.moderator.judge
        found: dict[str, Any] = {
            "traffic": None,
            "kept": None,
            "checked": None,
            "failed": "",
            "only_traffic": only_traffic,
        }
        if setup is not None:
            found["traffic"] = traffic_of(setup, services.scoring.judge_pending)
            found |= _description(setup, services.settings.judge_preset)
            if setup.client.cache is not None and not only_traffic:
                found["kept"] = await asyncio.to_thread(kept_answers, setup.client.cache)
        return self._pages.page(request, "judge/page.html", here=ADDRESS, **(found | context))


def _description(setup: JudgeSetup, preset: str) -> dict[str, Any]:
    judge = (setup.last or setup.alone).judge
    return {
        "preset": preset,
        "questions": judge.questions.version,
        "in_cascade": setup.last is not None,
        "abilities": abilities(setup.client),
        "calibrated": judge.calibrated_categories,
        "categories": judge.categories,
    }


async def _fields(request: Request) -> dict[str, str]:
    return await read_form(request, services_of(request).settings.max_body_bytes)


def _setup(request: Request) -> JudgeSetup:
    setup = services_of(request).moderator.judge
    if setup is None:
        raise NotFoundError("No judge is set up here: 'judge_url' is empty.")
    return setup


def _cache(request: Request) -> AnswerCache:
    cache = _setup(request).client.cache
    if cache is None:
        raise NotFoundError("No answers are kept here: 'judge_cache' is false.")
    return cache


def _chosen(given: Mapping[str, str]) -> Chosen:
    """Which answers a query or form names.

    Raises:
        InvalidInputError: an age that is no number of days.
    """
    days, before = given.get("older_than", ""), None
    if days:
        if not days.isascii() or not days.isdigit() or len(days) > 5:
            raise InvalidInputError("The age is a whole number of days.", field="older_than")
        before = time.time() - int(days) * 86_400
    return Chosen(given.get("model") or None, given.get("prompt") or None, before)
