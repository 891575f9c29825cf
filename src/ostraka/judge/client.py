"""The judge's client: asks an OpenAI-compatible server and returns checked answers only.

    async with JudgeClient("http://localhost:8005/v1") as client:
        answer = await client.ask(Prompt((Message("user", "…"),), schema={…}))

`ask_sync` does the same from scripts, threads, notebooks and running loops.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ostraka.errors import (
    JudgeAnswerError,
    JudgeError,
    JudgeRefusedRequestError,
    JudgeTimeoutError,
)
from ostraka.judge.answers import read_answer
from ostraka.judge.cache import AnswerCache
from ostraka.judge.capabilities import Capabilities, probe, request_body
from ostraka.judge.completions import usage_of
from ostraka.judge.meter import Meter, fault_of
from ostraka.judge.options import ClientOptions, Price
from ostraka.judge.prompts import Answer, Message, Prompt, Usage
from ostraka.judge.sending import Sender
from ostraka.judge.standing import Standing, standing_of
from ostraka.judge.synchronous import run

__all__ = [
    "Answer",
    "AnswerCache",
    "ClientOptions",
    "JudgeClient",
    "Message",
    "Price",
    "Prompt",
    "Usage",
]

_FINAL = frozenset({"refusal", "forged"})
"""Faults of answers that another attempt would not mend."""


class JudgeClient:
    """Asks one server. Share one client: it holds the connections and what was learnt of it.

    It may be used from several event loops and threads; each loop has its own connections.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        cache: AnswerCache | None = None,
        options: ClientOptions | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.address = _without_password(self.base_url)
        self.options = options or ClientOptions()
        self.meter = meter or Meter(self.options.prices)
        self.cache = cache
        self._api_key = api_key
        self.given_model = model or ""
        self._model = model
        self._capabilities: Capabilities | None = None
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    async def ask(self, prompt: Prompt, *, patient: bool = False) -> Answer:
        """One answer, from the cache if it was asked before.

        A `patient` question waits while the server is down or full, as batches do; others fail
        after `ask_seconds` at the latest.

        Raises:
            JudgeError: there is none; its subclasses say why.
        """
        try:
            if patient:
                return await self._ask(prompt, patient)
            async with asyncio.timeout(self.options.ask_seconds):
                return await self._ask(prompt, patient)
        except TimeoutError as error:
            self.meter.count_answer("timeout")
            raise JudgeTimeoutError(
                f"no answer from {self.base_url} in {self.options.ask_seconds:g} s"
            ) from error
        except JudgeError as error:
            self.meter.count_answer(fault_of(error))
            raise

    def ask_sync(self, prompt: Prompt) -> Answer:
        """`ask` for scripts, threads, notebooks and code inside a running loop."""
        return run(self.ask(prompt))

    def known(self, prompt: Prompt) -> Answer | None:
        """The kept answer, without asking anybody; None also while the model is not known."""
        if self.cache is None or self._model is None:
            return None
        found = self.cache.get(prompt.key(self._model))
        if found is not None:
            self.meter.count_answer("cached")
        return found

    def forget(self, prompt: Prompt) -> None:
        """Drop the kept answer, which turned out to be of no use."""
        if self.cache is not None and self._model is not None:
            self.cache.forget(prompt.key(self._model))

    async def model(self, *, patient: bool = False) -> str:
        """The model's name: the given one, or the first that the server lists.

        Raises:
            JudgeError: the server does not answer, or lists none.
        """
        sender = self._loop().sender
        async with sender.learning:
            if self._model is None:
                match await sender.get("/models", patient=patient):
                    case {"data": [{"id": str(name)}, *_]}:
                        self._model = name
                    case _:
                        raise JudgeRefusedRequestError(
                            f"{self.base_url} lists no model: name one in 'judge_model'"
                        )
            return self._model

    async def capabilities(self, *, patient: bool = False) -> Capabilities:
        """What the server can do: probed once, then remembered."""
        if self._capabilities is None:
            model = await self.model(patient=patient)
            sender = self._loop().sender

            async def ask(body: Mapping[str, Any]) -> Any:
                return await sender.post("/chat/completions", body, patient=patient, probing=True)

            async with sender.learning:
                if self._capabilities is None:
                    self._capabilities = await probe(ask, model, stream=self.options.stream)
        return self._capabilities

    async def listed(self) -> list[str]:
        """The models that the server lists now; asks once, to see whether it is there.

        Raises:
            JudgeError: it is not, or refuses.
        """
        try:
            async with asyncio.timeout(self.options.ask_seconds):
                match await self._loop().sender.get("/models"):
                    case {"data": list(models)}:
                        return [str(each["id"]) for each in models if "id" in each]
        except TimeoutError as error:
            raise JudgeTimeoutError(
                f"no answer from {self.base_url} in {self.options.ask_seconds:g} s"
            ) from error
        return []

    @property
    def standing(self) -> Standing:
        """How the server stands, as far as this process knows."""
        return standing_of([loop.sender for loop in self._loops.values()], time.monotonic())

    @property
    def learnt(self) -> Capabilities | None:
        """What is known of the server's abilities; None before the first question."""
        return self._capabilities

    @property
    def known_model(self) -> str:
        """The model's name; empty while it is neither given nor discovered."""
        return self._model or ""

    @property
    def limit(self) -> int:
        """How many requests may be in flight now, in all event loops together."""
        return sum(loop.sender.limiter.limit for loop in self._loops.values())

    @property
    def in_flight(self) -> int:
        """How many requests are in flight now, in all event loops together."""
        return sum(loop.sender.limiter.in_flight for loop in self._loops.values())

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        if loop := self._loops.pop(asyncio.get_running_loop(), None):
            await loop.sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _ask(self, prompt: Prompt, patient: bool) -> Answer:
        """From the cache, from somebody who asks the same right now, or from the server."""
        model = self._model or await self.model(patient=patient)
        if found := self.known(prompt):
            return found
        running = self._loop().running
        key = prompt.key(model)
        while (other := running.get(key)) is not None:
            answer = await asyncio.shield(other)
            if answer is not None:
                self.meter.count_answer("shared")
                return answer
        mine: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        running[key] = mine
        try:
            answer = await self._answer(prompt, model, patient)
            if self.cache is not None:
                await self.cache.put(key, answer, self.address)
            mine.set_result(answer)
        finally:
            del running[key]
            if not mine.done():  # we failed: whoever waits asks for itself
                mine.set_result(None)
        self.meter.count_answer("asked", answer)
        return answer

    async def _answer(self, prompt: Prompt, model: str, patient: bool) -> Answer:
        """Ask until the answer is of use; one that was cut off gets more room."""
        started = time.perf_counter()
        capabilities = await self.capabilities(patient=patient)
        sender = self._loop().sender
        attempt, spent, max_tokens = 0, Usage(), prompt.max_tokens
        while True:
            attempt += 1
            body = request_body(prompt, model, capabilities, max_tokens)
            try:
                reply = await sender.post("/chat/completions", body, patient=patient)
                usage = usage_of(reply)
                spent = spent + usage
                self.meter.count_tokens(model, usage)
                answer = read_answer(prompt, reply, model)
            except JudgeAnswerError as error:
                if error.kind in _FINAL or attempt >= self.options.answer_attempts:
                    raise
                max_tokens *= 2 if error.kind == "cut" else 1
                self.meter.count_retry(error)
            else:
                seconds = time.perf_counter() - started
                return replace(answer, usage=spent, seconds=seconds, attempts=attempt)

    def _loop(self) -> "_Loop":
        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is None:
            found = _Loop(Sender(self.base_url, self._api_key, self.options, self.meter))
            self._loops[loop] = found
        return found


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class _Loop:
    """What belongs to one event loop: the connections, and what is being asked right now."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.running: dict[str, asyncio.Future[Answer | None]] = {}
