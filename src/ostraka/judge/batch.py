"""Very many questions: many in flight, few in memory, results as they come."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from ostraka.errors import (
    JudgeError,
    JudgeGoneError,
    JudgeRefusedRequestError,
)
from ostraka.judge.client import JudgeClient
from ostraka.judge.meter import fault_of
from ostraka.judge.prompts import Answer, Prompt

Prompts = Iterable[tuple[str, Prompt]] | AsyncIterable[tuple[str, Prompt]]
Result = Answer | JudgeError
OnResult = Callable[[str, Result], None]
Stopped = Literal["deadline", "unavailable", "refused"]

_NO_USE_TO_GO_ON: Final = frozenset({401, 403, 404})
_LAST_ANSWERS: Final = 5.0
"""Seconds in which what was asked before a refusal may still be answered."""
_HITS_PER_TURN: Final = 64


@dataclass(slots=True)
class BatchSummary:
    """What became of a batch.

    `stopped` says why it ended before its input did, and `reason` in words; what was not reached
    has no result, and a second run asks only for that. Tokens, cost and retries are the client's
    while the batch ran.
    """

    answered: int = 0
    cached: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    stopped: Stopped | None = None
    reason: str = ""


async def run_batch(
    client: JudgeClient,
    prompts: Prompts,
    on_result: OnResult,
    *,
    seconds: float | None = None,
) -> BatchSummary:
    """Ask all of `prompts`, pairs of a key and a question; `on_result` gets each key's result.

    Results come in the order in which they are ready, in the event loop, one after the other: an
    answer, or the error of a question that has none. A server that is down or full is waited for,
    for as long as the client's `patience`; `seconds` is the deadline of the whole. No failure of
    the judge raises; what `on_result` or the input raises ends the batch.
    """
    batch = _Batch(client, on_result)
    meter, started = client.meter, time.perf_counter()
    before = (meter.prompt_tokens, meter.completion_tokens, meter.cost, Counter(meter.retries))
    try:
        async with asyncio.timeout(seconds) as deadline:
            await batch.run(prompts)
    except TimeoutError:
        if not deadline.expired():
            raise
        batch.summary.stopped = "deadline"
        batch.summary.reason = f"the deadline of {seconds:g} s was reached"
    summary = batch.summary
    summary.seconds = time.perf_counter() - started
    summary.prompt_tokens = meter.prompt_tokens - before[0]
    summary.completion_tokens = meter.completion_tokens - before[1]
    summary.cost = meter.cost - before[2]
    summary.retries = meter.retries - before[3]
    return summary


class _Batch:
    """A batch while it runs."""

    def __init__(self, client: JudgeClient, on_result: OnResult) -> None:
        self.summary = BatchSummary()
        self._client = client
        self._on_result = on_result
        self._room = asyncio.Semaphore(client.options.max_in_flight)
        self._ready = False
        self._asked: set[asyncio.Task[None]] = set()
        self._refusal: JudgeError | None = None

    async def run(self, prompts: Prompts) -> None:
        """Until the input ends or there is no use to go on."""
        try:
            async with asyncio.TaskGroup() as group:
                async for key, prompt in _each(prompts):
                    if await self._answered_from_cache(key, prompt):
                        continue
                    await self._make_ready()
                    await self._room.acquire()
                    if self._refusal is not None:
                        break
                    task = group.create_task(self._one(key, prompt))
                    self._asked.add(task)
                    task.add_done_callback(self._asked.discard)
                await self._hear_the_rest()
        except* _StopError as stop:
            first = stop.exceptions[0]
            while isinstance(first, ExceptionGroup):
                first = first.exceptions[0]
            self._stop(first.__cause__)

    async def _answered_from_cache(self, key: str, prompt: Prompt) -> bool:
        answer = self._client.known(prompt)
        if answer is None:
            return False
        self.summary.cached += 1
        self._on_result(key, answer)
        if self.summary.cached % _HITS_PER_TURN == 0:
            await asyncio.sleep(0)
        return True

    async def _make_ready(self) -> None:
        """A server that is not even there at the start is not waited for."""
        if not self._ready:
            try:
                await self._client.capabilities()
            except JudgeError as error:
                raise _StopError from error
            self._ready = True

    async def _hear_the_rest(self) -> None:
        """Answers may be on their way when the server refuses: paid for, so none is lost."""
        while self._asked and self._refusal is None:
            await asyncio.wait(self._asked, return_when=asyncio.FIRST_COMPLETED)
        if self._refusal is not None:
            if self._asked:
                await asyncio.wait(self._asked, timeout=_LAST_ANSWERS)
            raise _StopError from self._refusal

    async def _one(self, key: str, prompt: Prompt) -> None:
        try:
            answer = await self._client.ask(prompt, patient=True)
        except JudgeGoneError as error:
            raise _StopError from error
        except JudgeError as error:
            if _is_no_use(error):
                if self._refusal is not None:  # one is told, the others count as not reached
                    return
                self._refusal = error
            self.summary.failed[fault_of(error)] += 1
            self._on_result(key, error)
        else:
            if answer.cached:
                self.summary.cached += 1
            else:
                self.summary.answered += 1
            self._on_result(key, answer)
        finally:
            self._room.release()

    def _stop(self, cause: BaseException | None) -> None:
        refused = isinstance(cause, JudgeRefusedRequestError)
        self.summary.stopped = "refused" if refused else "unavailable"
        self.summary.reason = cause.message if isinstance(cause, JudgeError) else ""


def _is_no_use(error: JudgeError) -> bool:
    """Whether every other request would be refused, too."""
    return isinstance(error, JudgeRefusedRequestError) and error.status in _NO_USE_TO_GO_ON


class _StopError(Exception):
    """There is no use to go on; the cause says why."""


async def _each(prompts: Prompts) -> AsyncIterator[tuple[str, Prompt]]:
    if isinstance(prompts, AsyncIterable):
        async for each in prompts:
            yield each
    else:
        for each in prompts:
            yield each
