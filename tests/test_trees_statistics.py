"""Points, levels, streaks and boards."""

from datetime import UTC, datetime, timedelta

import pytest
from growing import HOUR, NOW
from hypothesis import given
from hypothesis import strategies as st

from ostraka.trees.statistics import (
    LEVELS,
    Contributions,
    Frame,
    Received,
    Streak,
    board,
    leader_score,
    level,
    streak_after,
    troll_score,
    window,
)

PLACES = board({f"c{number:02}": 100 - number for number in range(1, 21)})


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        *zip(
            (0, 3, 4, 8, 9, 16, 24, 32, 42, 53, 65, 79, 93, 109, 6000),
            (1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100),
            strict=True,
        )
    ],
)
def test_levels(score: int, expected: int) -> None:
    assert level(score) == expected
    assert len(LEVELS) == 100


def test_points_add_up() -> None:
    assert leader_score(Contributions()) == 0
    assert leader_score(Contributions(prompts=19, accepted_prompts=9)) == 1
    assert leader_score(Contributions(replies_assistant=2, replies_prompter=3)) == 11
    assert leader_score(Contributions(labels_simple=1, labels_full=2)) == 5
    assert leader_score(Contributions(rankings_total=4, rankings_good=3)) == 7
    ranked = Contributions(reply_ranked_1=1, reply_ranked_2=1, reply_ranked_3=1)
    assert leader_score(ranked) == 13
    assert troll_score(Received(red_flags=2, upvotes=1, downvotes=3, pii=1)) == 9


def test_b17_a_window_has_as_many_lines_as_asked_for() -> None:
    assert [place.rank for place in window(PLACES, "c10", 5)] == [8, 9, 10, 11, 12]
    assert [place.rank for place in window(PLACES, "c01", 5)] == [1, 2, 3, 4, 5]
    assert [place.rank for place in window(PLACES, "c20", 5)] == [16, 17, 18, 19, 20]
    assert window(PLACES, "nobody", 5) == []


@given(st.integers(1, 20), st.integers(1, 30))
def test_windows_hold_whom_they_are_for(rank: int, size: int) -> None:
    found = window(PLACES, f"c{rank:02}", size)
    assert len(found) == min(size, len(PLACES))
    assert rank in [place.rank for place in found]


def test_equal_points_have_stable_places() -> None:
    assert [p.contributor for p in board({"z": 5, "a": 5, "m": 9})] == ["m", "a", "z"]


def test_frames_begin() -> None:
    assert Frame.DAY.begins(NOW) == NOW - timedelta(hours=24)
    assert Frame.WEEK.begins(NOW) == datetime(2026, 4, 27, tzinfo=UTC)
    assert Frame.MONTH.begins(NOW) == datetime(2026, 4, 4, tzinfo=UTC)
    assert Frame.TOTAL.begins(NOW) is None


def test_streaks_grow_by_days_and_end_by_themselves() -> None:
    streak = streak_after(None, NOW)
    assert streak.days(NOW) == 0
    for day in range(1, 4):
        streak = streak_after(streak, NOW + day * 24 * HOUR)
    last = NOW + 72 * HOUR
    assert streak.days(last) == streak.days(last + 36 * HOUR) == 3
    assert streak.days(last + 37 * HOUR) == 0
    assert streak_after(streak, last + 37 * HOUR) == Streak(last + 37 * HOUR, last + 37 * HOUR)
    assert streak_after(Streak(NOW + HOUR, NOW + HOUR), NOW).began == NOW
