"""`/api/v1/leaderboards`, `/api/v1/trollboards` and the numbers of one contributor."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.errors import NotFoundError
from ostraka.server.review import query
from ostraka.server.review.common import path_id, read_call
from ostraka.server.trees.common import (
    answered,
    client_of,
    first_found,
    inside,
    known_contributor,
    outside,
    trees_of,
    written,
)
from ostraka.trees import boards
from ostraka.trees.contributors import Contributor
from ostraka.trees.room import TreeRoom
from ostraka.trees.statistics import Frame
from ostraka.trees.tables import ContributorRow

_DEFAULT: Final = 100
_WINDOW, _LONGEST_WINDOW = 5, 1000


async def leaderboard(request: Request) -> Response:
    """The contributors who show on the board of a span of time, by points."""
    frame = _frame(request)
    limit = query.whole(request, "max_count", _DEFAULT, 1, boards.MOST_LINES)

    def work() -> Any:
        room, moment = trees_of(request), now()
        reader = known_contributor(request, room)
        with room.store.database.reading() as session:
            lines = boards.leaderboard(session, frame, moment, limit)
            return _board(frame, moment, [_score(each, moment, reader) for each in lines])

    return await answered(work)


async def trollboard(request: Request) -> Response:
    """Contributors by what others found wrong with their messages."""
    frame, enabled = _frame(request), query.boolean(request, "enabled")
    limit = query.whole(request, "max_count", _DEFAULT, 1, boards.MOST_LINES)

    def work() -> Any:
        room, moment = trees_of(request), now()
        with room.store.database.reading() as session:
            lines = boards.trollboard(session, frame, moment, limit, enabled=enabled)
            return {
                "time_frame": str(frame),
                "last_updated": written(moment),
                "trollboard": [_trouble(each, frame, moment) for each in lines],
            }

    return await answered(work)


async def update(request: Request) -> Response:
    """Nothing is out of date: counts are kept with every act. The moment until which they hold."""
    await read_call(request, type(None))
    if "frame" in request.path_params:
        _frame(request)
    return await answered(lambda: {"last_updated": written(now())})


async def stats(request: Request) -> Response:
    """A contributor's numbers in every span of time."""

    def work() -> Any:
        room, moment = trees_of(request), now()
        who = _of_path(request, room)
        with room.store.database.reading() as session:
            return {
                str(frame): _score(boards.standing_of(session, who.id, frame, moment), moment, None)
                for frame in Frame
            }

    return await answered(work)


async def frame_stats(request: Request) -> Response:
    """A contributor's numbers in one span of time."""
    frame = _frame(request)

    def work() -> Any:
        room, moment = trees_of(request), now()
        who = _of_path(request, room)
        with room.store.database.reading() as session:
            return _score(boards.standing_of(session, who.id, frame, moment), moment, None)

    return await answered(work)


async def stats_window(request: Request) -> Response:
    """The lines of the board around a contributor."""
    frame = _frame(request)
    size = query.whole(request, "window_size", _WINDOW, 1, _LONGEST_WINDOW)

    def work() -> Any:
        room, moment = trees_of(request), now()
        who = _of_path(request, room)
        with room.store.database.reading() as session:
            lines = boards.around(session, who.id, frame, moment, size)
            return _board(frame, moment, [_score(each, moment, who) for each in lines])

    return await answered(work)


def _frame(request: Request) -> Frame:
    name = path_id(request, "frame")
    try:
        return Frame(name)
    except ValueError:
        valid = ", ".join(Frame)
        raise NotFoundError(
            f"There is no span '{name}'; there are {valid}.", code="frame_not_found"
        ) from None


def _of_path(request: Request, room: TreeRoom) -> Contributor:
    """The contributor of the path; another client's is as unknown as one that is none."""
    client = client_of(request)
    found = first_found(room.contributors.get, inside("contributor", path_id(request, "user_id")))
    if found.client != client.id and not client.is_admin:
        raise NotFoundError("There is no such contributor.", code="contributor_not_found")
    return found


def _board(frame: Frame, moment: datetime, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"time_frame": str(frame), "last_updated": written(moment), "leaderboard": lines}


def _person(row: ContributorRow) -> dict[str, Any]:
    return {
        "user_id": outside(row.id),
        "username": row.username,
        "auth_method": row.auth_method,
        "display_name": row.display_name,
    }


def _score(each: boards.Standing, moment: datetime, reader: Contributor | None) -> dict[str, Any]:
    row = each.contributor
    return {
        "rank": each.rank,
        **_person(row),
        "highlighted": reader is not None and reader.id == row.id,
        "leader_score": each.score,
        "level": each.level,
        "base_date": written(each.frame.begins(moment)),
        "modified_date": written(moment),
        **asdict(each.done),
        "streak_days": each.streak_days,
        "streak_last_day_date": written(row.streak_began),
        "last_activity_date": written(row.last_active_at),
    }


def _trouble(each: boards.Trouble, frame: Frame, moment: datetime) -> dict[str, Any]:
    row = each.contributor
    return {
        "rank": each.rank,
        **_person(row),
        "highlighted": False,
        "enabled": row.banned_at is None and row.erased_at is None,
        "deleted": row.erased_at is not None,
        "show_on_leaderboard": row.show_on_leaderboard,
        "troll_score": each.score,
        "base_date": written(frame.begins(moment)),
        "modified_date": written(moment),
        "last_activity_date": written(row.last_active_at),
        **asdict(each.received),
        **each.means,
        "spam": each.spam,
    }
