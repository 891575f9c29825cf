"""What judging costs: requests, retries, seconds, tokens, money, and what the cache saved."""

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ostraka.errors import (
    JudgeAnswerError,
    JudgeBusyError,
    JudgeError,
    JudgeTimeoutError,
    JudgeUnavailableError,
)
from ostraka.judge.options import Price
from ostraka.judge.prompts import Answer, Usage

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the latency buckets; the last bucket has none."""

_REMEMBERED: Final = 30


class Recent(NamedTuple):
    """What came of a question, without a word of it. `at` is UNIX time."""

    at: float
    outcome: str
    seconds: float | None = None
    tokens: int | None = None
    attempts: int | None = None


def fault_of(error: JudgeError) -> str:
    """A failure's kind in one word: an answer's fault, `busy`, `timeout`, `unavailable` …."""
    match error:
        case JudgeAnswerError():
            return error.kind
        case JudgeBusyError():
            return "busy"
        case JudgeTimeoutError():
            return "timeout"
        case JudgeUnavailableError():
            return "unavailable"
    return "refused"


class Meter:
    """Counts for one client, from any thread; only ever grows."""

    buckets = SECONDS

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = prices or {}
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost = 0.0
        self.seconds = 0.0
        self.seconds_by_bucket = [0] * (len(SECONDS) + 1)
        self.started = time.time()
        self.recent: deque[Recent] = deque(maxlen=_REMEMBERED)

    def count_request(self, fault: JudgeError | None, seconds: float) -> None:
        """A request came back (`fault` is None) or failed."""
        with self._lock:
            self.requests["ok" if fault is None else fault_of(fault)] += 1
            self.seconds += seconds
            self.seconds_by_bucket[bisect_left(SECONDS, seconds)] += 1

    def count_retry(self, reason: JudgeError) -> None:
        """A question is asked again."""
        with self._lock:
            self.retries[fault_of(reason)] += 1

    def count_answer(self, outcome: str, answer: Answer | None = None) -> None:
        """A question was answered (`asked`, `cached`), or not (the fault).

        `answer` is one that was just asked for: what it took is remembered for a while.
        """
        took = () if answer is None else _taken(answer)
        with self._lock:
            self.answers[outcome] += 1
            self.recent.append(Recent(time.time(), outcome, *took))

    def count_unsure(self) -> None:
        """An answer was parsed, but says nothing certain."""
        self.count_answer("unsure")

    def count_tokens(self, model: str, usage: Usage) -> None:
        """What the server counted, also for answers that were of no use."""
        with self._lock:
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens
            if price := self._prices.get(model):
                self.cost += price.of(usage.prompt_tokens, usage.completion_tokens)


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The time within which a share of all requests came back, by the buckets.

    Inside a bucket times count as evenly spread, as in Prometheus' `histogram_quantile`; beyond
    the last bound nothing is known but that bound. None where nothing was counted.
    """
    rank, below = share * sum(counts), 0
    for index, count in enumerate(counts):
        if count and below + count >= rank:
            if index == len(SECONDS):
                return SECONDS[-1]
            lower = SECONDS[index - 1] if index else 0.0
            return lower + (SECONDS[index] - lower) * (rank - below) / count
        below += count
    return None


def _taken(answer: Answer) -> tuple[float, int, int]:
    tokens = answer.usage.prompt_tokens + answer.usage.completion_tokens
    return answer.seconds, tokens, answer.attempts
