"""The judge's traffic as the page shows it: read from the client's meter, as `/metrics` is."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ostraka.console.judge.words import Words, outcome, standing_words
from ostraka.judge.client import JudgeClient, Price
from ostraka.judge.meter import Meter, Recent, quantile
from ostraka.judge.setup import JudgeSetup

_SHARES: Final = ((0.5, "half of them within"), (0.9, "9 in 10 within"), (0.99, "99 in 100 within"))
_EXTRA: Final = frozenset({"unsure"})
"""Counted beside the answer that it is about."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something happened, and its share of all."""

    words: Words
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of tokens; `cost` is None where the price table has no price."""

    kind: str
    tokens: int
    price: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class RecentAnswer:
    """What came of one question, without a word of it."""

    at: datetime
    words: Words
    taken: Recent


@dataclass(frozen=True, slots=True)
class Process:
    """Whose numbers these are."""

    host: str
    number: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Traffic:
    """Everything on the page but the cache."""

    process: Process
    standing: Words
    answered_ago: float | None
    address: str
    model: str
    in_flight: int
    limit: int
    most: int
    pending: int
    questions: int
    answers: Sequence[Counted]
    requests: Sequence[Counted]
    retries: Sequence[Counted]
    costs: Sequence[Cost]
    total_cost: float
    has_price: bool
    latencies: Sequence[tuple[str, float]]
    buckets: Sequence[tuple[str, int, float]]
    cached_share: float | None
    recent: Sequence[RecentAnswer]


def traffic_of(setup: JudgeSetup, pending: int) -> Traffic:
    """What the judge's client of this process has seen."""
    client, meter = setup.client, setup.client.meter
    standing = client.standing
    answers = meter.answers.copy()
    questions = sum(count for name, count in answers.items() if name not in _EXTRA)
    price = client.options.prices.get(client.known_model)
    return Traffic(
        process=Process(socket.gethostname(), os.getpid(), _moment(meter.started)),
        standing=standing_words(standing),
        answered_ago=standing.answered_ago,
        address=client.address,
        model=client.known_model,
        in_flight=client.in_flight,
        limit=client.limit or client.options.initial_in_flight,
        most=client.options.max_in_flight,
        pending=pending,
        questions=questions,
        answers=_counted(answers, questions),
        requests=_counted(meter.requests.copy()),
        retries=_counted(meter.retries.copy()),
        costs=_costs(meter, price),
        total_cost=meter.cost,
        has_price=price is not None,
        latencies=_latencies(meter),
        buckets=_buckets(meter),
        cached_share=answers["cached"] / questions if questions else None,
        recent=[
            RecentAnswer(_moment(each.at), outcome(each.outcome), each)
            for each in reversed(tuple(meter.recent))
        ],
    )


def abilities(client: JudgeClient) -> list[str]:
    """What the server was found to be able to do; empty before the first question."""
    learnt = client.learnt
    if learnt is None:
        return []
    forms = {
        "json_schema": "answers by JSON schema",
        "guided_json": "answers by guided decoding",
        "object_schema": "answers by a schema in JSON mode",
        "json_object": "answers in JSON, without a schema",
        "text": "answers in plain text only",
    }
    probable = "log-probabilities" if learnt.logprobs else "no log-probabilities"
    return [forms[learnt.form], probable, *(["streams"] if learnt.stream else [])]


def _counted(counts: Mapping[str, int], of: int | None = None) -> list[Counted]:
    total = max(sum(counts.values()) if of is None else of, 1)
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return [Counted(outcome(name), count, count / total) for name, count in ordered if count]


def _costs(meter: Meter, price: Price | None) -> list[Cost]:
    return [
        Cost("read (prompt)", meter.prompt_tokens, *_priced(meter.prompt_tokens, price, "prompt")),
        Cost(
            "written (completion)",
            meter.completion_tokens,
            *_priced(meter.completion_tokens, price, "completion"),
        ),
    ]


def _priced(tokens: int, price: Price | None, kind: str) -> tuple[float | None, float | None]:
    if price is None:
        return None, None
    each = price.prompt if kind == "prompt" else price.completion
    return each, tokens * each / 1e6


def _latencies(meter: Meter) -> list[tuple[str, float]]:
    found = ((words, quantile(meter.seconds_by_bucket, share)) for share, words in _SHARES)
    return [(words, seconds) for words, seconds in found if seconds is not None]


def _buckets(meter: Meter) -> list[tuple[str, int, float]]:
    counts = list(meter.seconds_by_bucket)
    names = [f"up to {bound:g} s" for bound in meter.buckets] + [f"over {meter.buckets[-1]:g} s"]
    total = max(sum(counts), 1)
    return [(name, n, n / total) for name, n in zip(names, counts, strict=True) if n]


def _moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
