"""One timer for many deadlines: who is late is told, and nobody else is."""

import asyncio
from typing import Any

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from ostraka.server.admission import Admission, Load
from ostraka.server.deadlines import Deadlines
from ostraka.server.envelopes import Problem
from ostraka.settings import Settings

SOON, NEVER = 0.02, 60.0


async def wait_within(deadlines: Deadlines, seconds: float, wanted: asyncio.Event) -> str:
    try:
        with deadlines.within(seconds):
            await wanted.wait()
    except TimeoutError:
        return "late"
    return "done"


async def run_all(limits: list[float]) -> list[str]:
    """What became of tasks that wait for what never comes; those with no limit are let go."""
    deadlines, wanted = Deadlines(), asyncio.Event()
    tasks = [asyncio.create_task(wait_within(deadlines, each, wanted)) for each in limits]
    while sum(task.done() for task in tasks) < sum(each == SOON for each in limits):
        await asyncio.sleep(SOON / 4)
    wanted.set()
    return [await task for task in tasks]


@pytest.mark.parametrize(
    "limits", [[SOON], [NEVER], [NEVER, SOON], [SOON, NEVER, SOON], [SOON] * 20]
)
def test_only_the_late_ones_are_ended(limits: list[float]) -> None:
    expected = ["late" if each == SOON else "done" for each in limits]
    assert asyncio.run(run_all(limits)) == expected


def test_a_later_start_with_an_earlier_end_is_woken_for() -> None:
    async def both() -> list[str]:
        deadlines, wanted = Deadlines(), asyncio.Event()
        patient = asyncio.create_task(wait_within(deadlines, NEVER, wanted))
        await asyncio.sleep(0)
        hasty = await wait_within(deadlines, SOON, wanted)
        wanted.set()
        return [await patient, hasty]

    assert asyncio.run(both()) == ["done", "late"]


def test_new_deadlines_are_taken_while_others_run_out() -> None:
    """uvloop's timers fire a moment early, and those that are due at once cannot say when."""

    async def crowd() -> list[str]:
        deadlines, taken = Deadlines(), 0
        waiting = [
            asyncio.create_task(wait_within(deadlines, 0.0203 + 0.0007 * n, asyncio.Event()))
            for n in range(40)
        ]
        while not all(task.done() for task in waiting):
            with deadlines.within(NEVER):
                taken += 1
                await asyncio.sleep(0)
        assert taken
        return [await task for task in waiting]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(crowd()) == ["late"] * 40


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 503),
        ([(b"content-length", b"0")], 503),
        ([(b"content-length", b"5")], 408),
        ([(b"transfer-encoding", b"chunked")], 408),
    ],
)
def test_a_late_answer_is_blamed_on_who_is_late(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def nothing(*message: object) -> Any:
        raise AssertionError("the application hangs")

    admission = Admission(hangs, Load(5), Settings(request_seconds=SOON))
    scope = {"type": "http", "path": "/v1/models", "headers": headers}
    with pytest.raises(Problem) as raised:
        asyncio.run(admission(scope, nothing, nothing))
    assert raised.value.status == status


def test_who_is_cancelled_by_others_is_not_late() -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(wait_within(Deadlines(), NEVER, asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(cancelled())


def test_a_failure_is_told_as_it_is() -> None:
    async def fails() -> None:
        with Deadlines().within(NEVER):
            raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        asyncio.run(fails())


def test_a_task_may_have_one_deadline_after_the_other() -> None:
    async def twice() -> list[str]:
        deadlines = Deadlines()
        first = await wait_within(deadlines, SOON, asyncio.Event())
        done = asyncio.Event()
        done.set()
        return [first, await wait_within(deadlines, SOON, done)]

    assert asyncio.run(twice()) == ["late", "done"]
