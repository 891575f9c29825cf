"""`/api/items`: sent, searched, shown, explained, erased."""

import asyncio
from collections.abc import Sequence
from types import NoneType
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.review.explaining import Rerun, compare, material_of
from ostraka.review.facts import Record, is_banned
from ostraka.review.items import author_name, erase, get_item, history_of
from ostraka.review.new_items import NewItem, check
from ostraka.review.search import ItemFilter, ItemState, find
from ostraka.review.shapes import (
    moment,
    show_appeal,
    show_case,
    show_decision,
    show_item,
    show_report,
    show_whole_verdict,
)
from ostraka.review.submission import Submission
from ostraka.server.envelopes import json_response
from ostraka.server.review import query
from ostraka.server.review.bodies import NewItems
from ostraka.server.review.common import (
    REPLAYED,
    database_of,
    path_id,
    perform,
    read_call,
    shown,
)
from ostraka.server.review.room import room_of
from ostraka.server.state import state_of
from ostraka.taxonomy import Action, ViolationType

_FILTERS: Final = (
    "action",
    "violation",
    "author",
    "thread_id",
    "language",
    "source",
    "external_id",
    "state",
    "from",
    "to",
    "search",
    "limit",
    "cursor",
)


async def submit(request: Request) -> Response:
    """Take one item, or a list of them; the verdict on each is the answer."""
    call = await read_call(request, NewItems)
    state = state_of(request)
    single = isinstance(call.body, NewItem)
    items: Sequence[NewItem] = [call.body] if single else call.body
    for index, item in enumerate(items):
        check(item, state.settings.max_text_characters, "" if single else f"[{index}].")
    verdicts = await state.scoring.verdicts([item.text for item in items])
    taken = await room_of(request).collector.take(
        Submission(items, verdicts, call.actor.id, single, call.key, call.fingerprint)
    )
    return json_response(taken.answer, headers=REPLAYED if taken.replayed else None)


async def list_all(request: Request) -> Response:
    """Items, the newest first, by what they are and the words in them."""
    query.only(request, *_FILTERS)
    page = query.page_of(request)
    wanted = ItemFilter(
        action=query.choice(request, "action", list(Action)),
        violation=query.choice(request, "violation", list(ViolationType)),
        author=query.text(request, "author"),
        thread_id=query.text(request, "thread_id"),
        language=query.text(request, "language"),
        source=query.text(request, "source"),
        external_id=query.text(request, "external_id"),
        state=query.choice(request, "state", list(ItemState)),
        since=query.moment(request, "from"),
        until=query.moment(request, "to"),
        words=query.text(request, "search"),
    )
    after = page.after[0] if page.after else None

    def look(session: Session) -> Any:
        found = find(session, wanted, page.limit + 1, after)
        return query.page_answer(
            found, page, lambda each: (each[0].id,), lambda each: show_item(*each)
        )

    return await shown(request, look)


async def retrieve(request: Request) -> Response:
    """One item with everything that is kept about it."""
    item_id = path_id(request, "item_id")

    def look(session: Session) -> Any:
        kept = history_of(session, get_item(session, item_id), now())
        author = kept.author.row.external_id if kept.author else None
        return show_item(kept.item, author) | {
            "author_record": _show_record(kept.author),
            "verdicts": [show_whole_verdict(each) for each in kept.verdicts],
            "reports_received": [show_report(each) | {"note": each.note} for each in kept.reports],
            "cases": [show_case(each) for each in kept.cases],
            "decisions": [show_decision(each) for each in kept.decisions],
            "appeals": [show_appeal(each) | {"reason": each.reason} for each in kept.appeals],
        }

    return await shown(request, look)


def _show_record(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    facts = record.facts(now())
    return {
        "author": record.row.external_id,
        "strikes": facts.strikes,
        "violations": facts.violations,
        "banned": is_banned(record.row, now()),
        "banned_until": moment(record.row.banned_until),
        "banned_permanently": record.row.banned_permanently,
        "prior_actions": [
            {"action": each.action, "violation": each.violation, "days_ago": each.days_ago}
            for each in facts.prior_actions
        ],
    }


async def verdicts(request: Request) -> Response:
    """What every version of the policy said of an item, shadows too."""
    item_id = path_id(request, "item_id")

    def look(session: Session) -> Any:
        kept = history_of(session, get_item(session, item_id), now())
        return {"data": [show_whole_verdict(each) for each in kept.verdicts], "next_cursor": None}

    return await shown(request, look)


async def delete(request: Request) -> Response:
    """Erase what an item says; its history stays."""
    call = await read_call(request, NoneType)
    item_id = path_id(request, "item_id")

    def act(session: Session, moment: Any) -> Any:
        item = erase(session, item_id, call.actor.id, moment)
        return show_item(item, author_name(session, item))

    return await perform(request, call, act)


async def explain(request: Request) -> Response:
    """Run a verdict again with the versions that it names, and say whether it is the same."""
    query.only(request, "verdict_id")
    item_id, verdict_id = path_id(request, "item_id"), query.text(request, "verdict_id")
    room, state = room_of(request), state_of(request)

    def look() -> Rerun:
        with database_of(request).reading() as session:
            return material_of(session, room.policies, item_id, verdict_id)

    rerun = await asyncio.to_thread(look)
    if rerun.obstacle is None:
        rerun = await rerun.scored_by(state.scoring.verdicts)
    return json_response(compare(rerun))
