import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.server import limits
from ostraka.server.limits import TokenBuckets, duration, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_requests_at_once_then_one_by_one() -> None:
    clock = Clock()
    buckets = TokenBuckets(6, clock)
    assert [buckets.take("a").remaining for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    refused = buckets.take("a")
    assert refused.retry_after == pytest.approx(10)
    assert refused.reset == pytest.approx(60)
    assert buckets.take("b").retry_after == 0
    clock.now += refused.retry_after
    assert buckets.take("a").retry_after == 0
    assert buckets.take("a").retry_after > 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.integers(1, 100))
def test_never_more_than_the_limit_and_what_the_time_refilled(
    pauses: list[float], limit: int
) -> None:
    clock = Clock()
    buckets = TokenBuckets(limit, clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += buckets.take("a").retry_after == 0
    assert passed <= limit + math.ceil(sum(pauses) * limit / 60 + 1e-6)


def test_full_buckets_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRUNE_AT", 100)
    clock = Clock()
    buckets = TokenBuckets(60, clock)
    for number in range(1000):
        clock.now += 0.1
        buckets.take(str(number))
    assert len(buckets._buckets) <= 101


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.0119, "12ms"), (0.9999, "1000ms"), (1, "1s"), (59.2, "1m0s"), (360, "6m0s")],
)
def test_durations_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_ipv6_network_is_one_caller() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("not:an:address") == "not:an:address"
