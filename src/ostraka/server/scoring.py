"""Score the texts of concurrent requests in batches.

The lexical stage takes microseconds and runs in the event loop, once for the texts of all requests
that arrived together. What it is unsure of waits for the encoder together with
the texts of other requests; one thread takes them in batches. What that is unsure of goes to the
LLM judge, if there is one: many at a time, in the event loop, holding up nobody else.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from ostraka.assess.cascade import Cascade, Judgement, Referee
from ostraka.errors import OverloadedError
from ostraka.moderator import Moderator, Verdict

_log = logging.getLogger("ostraka.server")

_PATIENCE = 0.001
"""Seconds that the first stage waits for company, where requests came together before, or less if
as many come again. Who asks alone never waits; a crowd gets its answers sooner, since a call costs
more than a text."""

_INLINE_CHARACTERS = 20_000
"""Calls with more text than this leave the event loop even for the first stage."""

_CROWD_CHARACTERS = 3 * _INLINE_CHARACTERS
"""So do calls that come when as much text waits for the first stage already."""


@dataclass(slots=True)
class _Arrived:
    texts: Sequence[str]
    answer: "asyncio.Future[list[Judgement]]"


@dataclass(frozen=True, slots=True)
class _Waiting:
    cascade: Cascade
    text: str
    answer: "asyncio.Future[Judgement]"


class Scoring:
    """Verdicts for request handlers. One per application; needs a running event loop."""

    def __init__(
        self,
        moderator: Moderator,
        *,
        batch: int,
        max_pending: int,
        observe: Callable[[Sequence[str], Sequence[Verdict]], None] = lambda texts, verdicts: None,
        patience: float = _PATIENCE,
    ) -> None:
        self.moderator = moderator
        self._observe = observe
        self._batch = batch
        self._max_pending = max_pending
        self._arrived: dict[Cascade, list[_Arrived]] = {}
        self._calls = 0
        self._calls_before = 1
        self._arrived_characters = 0
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[_Waiting] = deque()
        self._bulk_pending = 0
        self._judge_pending = 0
        self._worker: asyncio.Task[None] | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="lexical")

    async def verdicts(self, texts: Sequence[str], model: str | None = None) -> list[Verdict]:
        """One verdict per text, in order.

        Raises:
            UnknownModelError: `model` names nothing that is served.
            OverloadedError: too many texts wait already; none of these was started.
            JudgeError: the LLM judge was asked and gave no answer that can be used.
        """
        cascade = self.moderator.cascade(model)
        judgements = await self._first(cascade, texts) if cascade.stages else []
        if len(cascade.stages) > 1:
            await self._ask_the_rest(cascade, texts, judgements)
        if cascade.referee is not None:
            judgements = await self._refereed(cascade, cascade.referee, texts, judgements)
        verdicts = [self.moderator.verdict(cascade, judgement) for judgement in judgements]
        self._observe(texts, verdicts)
        return verdicts

    async def _ask_the_rest(
        self, cascade: Cascade, texts: Sequence[str], judgements: list[Judgement]
    ) -> None:
        """Put what the later stages say in the place of what the first is unsure of."""
        doubtful = [i for i, judgement in enumerate(judgements) if not judgement.sure]
        if doubtful:
            later = await self._rest(cascade, [texts[i] for i in doubtful])
            for index, judgement in zip(doubtful, later, strict=True):
                judgements[index] = judgement

    async def _refereed(
        self,
        cascade: Cascade,
        referee: Referee,
        texts: Sequence[str],
        judgements: Sequence[Judgement],
    ) -> list[Judgement]:
        """The judgements, with what the judge says of those that are not sure, or of all texts."""
        known: list[Judgement | None] = [*judgements] or [None] * len(texts)
        places = cascade.open_questions(known)
        if self._judge_pending and self._judge_pending + len(places) > self._max_pending:
            raise OverloadedError
        self._judge_pending += len(places)
        try:
            decided = await referee.decide(
                [texts[place] for place in places], [known[place] for place in places]
            )
        finally:
            self._judge_pending -= len(places)
        for place, judgement in zip(places, decided, strict=True):
            known[place] = judgement
        return [judgement for judgement in known if judgement is not None]

    @property
    def pending(self) -> int:
        """Texts that wait for the encoder, or for the lexical stage in its thread."""
        return len(self._waiting) + self._bulk_pending

    @property
    def judge_pending(self) -> int:
        """Texts that the LLM judge is asked about."""
        return self._judge_pending

    async def answers(self, seconds: float) -> bool:
        """Whether the last stage answers a short text within `seconds`."""
        cascade = self.moderator.last_stage
        try:
            async with asyncio.timeout(seconds):
                await self._enqueue(cascade, ["Good morning."])
        except Exception:  # whatever it is, it does not answer
            _log.exception("the %s stage does not answer", cascade.stages[-1].name)
            return False
        return True

    def close(self) -> None:
        """Let the threads end with what they are at; nobody waits for the rest any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._bulk.shutdown(wait=False, cancel_futures=True)

    def _first(self, cascade: Cascade, texts: Sequence[str]) -> Awaitable[list[Judgement]]:
        alone = len(cascade.stages) == 1 and cascade.stages[0].name != "lexical"
        if alone:
            return self._rest(cascade, texts)
        size = sum(map(len, texts))
        if size > _INLINE_CHARACTERS or self._arrived_characters + size > _CROWD_CHARACTERS:
            return self._first_in_thread(cascade, texts)
        self._arrived_characters += size
        answer: asyncio.Future[list[Judgement]] = asyncio.get_running_loop().create_future()
        self._arrived.setdefault(cascade, []).append(_Arrived(texts, answer))
        self._calls += 1
        if self._calls == 1 or self._calls == self._calls_before:
            self._wait_for_company()
        return answer

    def _wait_for_company(self) -> None:
        """Score what arrived, and will arrive soon: the first call came, or as many as before.

        The same turn of the event loop may bring still more, so that a growing crowd is seen.
        """
        loop = asyncio.get_running_loop()
        if self._calls < self._calls_before:
            self._timer = loop.call_later(self._patience, self._score_arrived)
            return
        if self._timer is not None:
            self._timer.cancel()
        loop.call_soon(self._score_arrived)

    async def _first_in_thread(self, cascade: Cascade, texts: Sequence[str]) -> list[Judgement]:
        self._make_sure_of_room(texts)
        self._bulk_pending += len(texts)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._bulk, cascade.first, texts
            )
        finally:
            self._bulk_pending -= len(texts)

    def _score_arrived(self) -> None:
        """Judge what arrived by now, each cascade's texts in one call."""
        arrived, self._arrived = self._arrived, {}
        self._calls, self._calls_before, self._timer = 0, self._calls, None
        self._arrived_characters = 0
        for cascade, entries in arrived.items():
            waiting = [entry for entry in entries if not entry.answer.done()]
            try:
                judgements = iter(cascade.first([t for entry in waiting for t in entry.texts]))
            except Exception as error:  # every waiting request must hear of it
                for entry in waiting:
                    entry.answer.set_exception(error)
                continue
            for entry in waiting:
                entry.answer.set_result(list(islice(judgements, len(entry.texts))))

    async def _rest(self, cascade: Cascade, texts: Sequence[str]) -> list[Judgement]:
        self._make_sure_of_room(texts)
        return await self._enqueue(cascade, texts)

    def _make_sure_of_room(self, texts: Sequence[str]) -> None:
        if self.pending and self.pending + len(texts) > self._max_pending:
            raise OverloadedError

    async def _enqueue(self, cascade: Cascade, texts: Sequence[str]) -> list[Judgement]:
        loop = asyncio.get_running_loop()
        entries = [_Waiting(cascade, text, loop.create_future()) for text in texts]
        self._waiting.extend(entries)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._drain())
        return list(await asyncio.gather(*(entry.answer for entry in entries)))

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            cascade = self._waiting[0].cascade
            batch: list[_Waiting] = []
            while (
                self._waiting and len(batch) < self._batch and self._waiting[0].cascade is cascade
            ):
                entry = self._waiting.popleft()
                if not entry.answer.cancelled():
                    batch.append(entry)
            if not batch:
                continue
            ask = cascade.rest if len(cascade.stages) > 1 else cascade.first
            try:
                answers = await loop.run_in_executor(
                    self._threads, ask, [entry.text for entry in batch]
                )
            except Exception as error:  # every waiting request must hear of it
                for entry in batch:
                    if not entry.answer.done():
                        entry.answer.set_exception(error)
            else:
                for entry, answer in zip(batch, answers, strict=True):
                    if not entry.answer.done():
                        entry.answer.set_result(answer)
