"""What is counted at every request and every text, for Prometheus.

prometheus_client's own counters take a lock for each number. Here all is counted in the event loop
alone, in plain numbers that a scrape reads.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ostraka.moderator import Verdict
from ostraka.taxonomy import Category

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)
_BOUNDS: Final = (*map(str, _SECONDS), "+Inf")


@dataclass(slots=True)
class _Times:
    """Of one route and method: all seconds together, and how many requests took how long."""

    seconds: float = 0.0
    by_bucket: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))


@dataclass(slots=True)
class _Answers:
    """Of one route, method and status; `times` is shared by all statuses."""

    times: _Times
    count: int = 0


class RequestCounts(Collector):
    """How many requests were answered, and how long they took."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, int], _Answers] = {}
        self._times: dict[tuple[str, str], _Times] = {}

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        if method not in _METHODS:
            method = "other"
        answers = self._answers.get((route, method, status))
        if answers is None:
            times = self._times.setdefault((route, method), _Times())
            answers = self._answers[route, method, status] = _Answers(times)
        answers.count += 1
        answers.times.seconds += seconds
        answers.times.by_bucket[bisect_left(_SECONDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Both metrics."""
        requests = CounterMetricFamily(
            "ostraka_http_requests", "Requests answered.", labels=("route", "method", "status")
        )
        for (route, method, status), answers in self._answers.items():
            requests.add_metric((route, method, str(status)), answers.count)
        yield requests
        seconds = HistogramMetricFamily(
            "ostraka_http_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            labels=("route", "method"),
        )
        for labels, times in self._times.items():
            upto = map(float, accumulate(times.by_bucket))
            seconds.add_metric(labels, list(zip(_BOUNDS, upto, strict=True)), times.seconds)
        yield seconds


class TextCounts(Collector):
    """How many texts were judged by which stage, and flagged for which category."""

    def __init__(self, stages: Iterable[str], categories: Iterable[Category]) -> None:
        self._texts = {(stage, sure): 0 for stage in stages for sure in (True, False)}
        self._flagged = dict.fromkeys(categories, 0)

    def count(self, verdicts: Sequence[Verdict]) -> None:
        """Texts were judged."""
        for verdict in verdicts:
            self._texts[verdict.stage, verdict.sure] += 1
            if verdict.flagged:
                for category, flag in verdict.flags.items():
                    self._flagged[category] += flag

    def collect(self) -> Iterator[Metric]:
        """Both metrics."""
        texts = CounterMetricFamily("ostraka_texts", "Texts judged.", labels=("stage", "sure"))
        for (stage, sure), count in self._texts.items():
            texts.add_metric((stage, str(sure).lower()), count)
        yield texts
        flagged = CounterMetricFamily(
            "ostraka_flagged_texts", "Texts flagged.", labels=("category",)
        )
        for category, count in self._flagged.items():
            flagged.add_metric((str(category),), count)
        yield flagged
