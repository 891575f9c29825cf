"""The handlers of acts on many items: look first, act on what was looked at, undo all of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.console.review.handling import Handlers, change, form_of, look, path_value
from ostraka.console.review.items import decisions_of_bulk
from ostraka.console.review.names import names_of
from ostraka.console.review.room import Room, Viewer, room_of
from ostraka.console.review.rulings import ruling_of
from ostraka.console.review.telling import tell
from ostraka.errors import CallerError, NotFoundError
from ostraka.review.bulk_decisions import Preview, Selection, decide_in_bulk, preview, undo_bulk
from ostraka.review.tables import DecisionRow, ItemRow
from ostraka.review.terms import Terms
from ostraka.taxonomy import Action, ViolationType

EXAMPLES: Final = 10
CHOSEN: Final = "item."
"""A chosen item is a field of this name and its id."""
_FILTERS: Final = ("author", "thread", "action", "violation")


class BulkHandlers(Handlers):
    """Mixed into the pages of items."""

    async def preview(self, request: Request) -> Response:
        """What an act on many would do."""
        form = await form_of(request)
        return await self._preview(request, form)

    async def decide(self, request: Request) -> Response:
        """Do what the preview showed."""
        form = await form_of(request)

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> str:
            terms = Terms.of(room.policies.active(session).document)
            by, token = viewer.reviewer, form.get("token", "")
            selection, ruling = selection_of(form), ruling_of(form)
            return decide_in_bulk(session, selection, ruling, token, by, terms, moment)[0]

        try:
            bulk_id = await change(request, act)
        except CallerError as error:
            return await self._preview(request, form, error)
        return RedirectResponse(f"/items/bulk/{quote(bulk_id)}", 303)

    async def bulk(self, request: Request) -> Response:
        """An act on many that was done, with its undo."""
        return await self._bulk(request, None)

    async def undo(self, request: Request) -> Response:
        """Take back an act on many, as far as nothing rests on it."""
        await form_of(request)
        bulk_id = path_value(request, "bulk_id")

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> Any:
            return undo_bulk(session, bulk_id, viewer.reviewer, moment, seconds=room.queue.seconds)

        return await self._bulk(request, await change(request, act))

    async def _preview(
        self, request: Request, form: Mapping[str, str], error: CallerError | None = None
    ) -> Response:
        def find(room: Room, session: Session, viewer: Viewer) -> dict[str, Any]:
            terms = Terms.of(room.policies.active(session).document)
            selection, ruling = selection_of(form), ruling_of(form)
            plan = preview(session, selection, ruling, viewer.reviewer, terms)
            return _shown(session, plan) | {"ruling": ruling, "selection": selection}

        told, found = tell(error) if error else None, None
        try:
            found = await look(request, find)
        except CallerError as problem:
            told = tell(problem)
        room = await asyncio.to_thread(room_of, request)
        texts = [item.text for item in found["examples"]] if found else []
        return self.page(
            request,
            "bulk_preview",
            here="/items",
            status=told.status if told else 200,
            told=told,
            found=found,
            form=form,
            fields=_fields(form),
            actions=[each for each in Action if each is not Action.ESCALATE],
            violations=list(ViolationType),
            soft=await room.softener.of(room.services.scoring, texts),
        )

    async def _bulk(self, request: Request, undone: Any) -> Response:
        bulk_id = path_value(request, "bulk_id")

        def find(room: Room, session: Session, viewer: Viewer) -> dict[str, Any]:
            decisions = decisions_of_bulk(session, bulk_id)
            if not decisions:
                raise NotFoundError("There is no such act on many items.")
            made = [each for each in decisions if each.reverses is None]
            taken_back = {each.reverses for each in decisions if each.reverses is not None}
            return {
                "made": made,
                "before": _counted(made),
                "taken_back": taken_back,
                "names": names_of(session, [made[0].reviewer_id], viewer.person),
                "may_undo": viewer.reviewer.lead and len(taken_back) < len(made),
            }

        found = await look(request, find)
        return self.page(request, "bulk", here="/items", bulk_id=bulk_id, undone=undone, **found)


def selection_of(form: Mapping[str, str]) -> Selection:
    """Which items a form names: those chosen, or all that fit its filters."""
    chosen = tuple(name.removeprefix(CHOSEN) for name in form if name.startswith(CHOSEN))
    chosen += tuple(each for each in form.get("items", "").split(",") if each)
    if chosen and not form.get("everything"):
        return Selection(item_ids=tuple(dict.fromkeys(chosen)))
    wanted = {name: form.get(f"filter_{name}") or None for name in _FILTERS}
    return Selection(
        author=wanted["author"],
        thread_id=wanted["thread"],
        action=wanted["action"],
        violation=wanted["violation"],
    )


def _fields(form: Mapping[str, str]) -> dict[str, str]:
    """What names the items, to be sent along again."""
    selection = selection_of(form)
    if selection.item_ids:
        return {"items": ",".join(selection.item_ids)}
    filters = {f"filter_{name}": form.get(f"filter_{name}", "") for name in _FILTERS}
    return filters | {"everything": "yes"}


def _shown(session: Session, plan: Preview) -> dict[str, Any]:
    """A preview in numbers, and its first items."""
    ids = [change.item_id for change in plan.changes[:EXAMPLES]]
    items = {
        item.id: item for item in session.scalars(select(ItemRow).where(ItemRow.id.in_(ids))).all()
    }
    return {
        "plan": plan,
        "before": Counter((each.action, each.violation) for each in plan.changes).most_common(),
        "cases": sum(len(each.cases) for each in plan.changes),
        "examples": [items[each] for each in ids],
        "left_out": Counter(plan.left_out.values()).most_common(),
    }


def _counted(made: list[DecisionRow]) -> list[tuple[tuple[str, str], int]]:
    """What counted before, with how often."""
    return Counter(
        (each.before.get("action", "approve"), each.before.get("violation", "none"))
        for each in made
    ).most_common()
