"""What stands behind insights and policies and needs no browser: bars, answers, placed faults."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.console.bars import Amounts, bar_chart
from ostraka.console.oversight.audit import address_of, filter_of
from ostraka.console.oversight.insights import handling_answer, questions_of, tables_of
from ostraka.console.oversight.policies import check_text
from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.policy.presets import default_policy, default_text
from ostraka.review.insight_figures import DayAction, DayVolume, Handling, Insights, QueueDay

DAYS = ("2026-11-19", "2026-11-20")
COUNTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=90
)
NOTHING = dict.fromkeys(("actor", "act", "subject", "since", "until"), "")


def insights(**changes: object) -> Insights:
    fields: dict[str, object] = {
        "since": "2026-11-19T00:00:00+00:00",
        "until": "2026-11-21T00:00:00+00:00",
        "volume": (DayVolume(DAYS[0], 10, 1, 0, 2), DayVolume(DAYS[1], 20, 2, 1, 3)),
        "actions": (
            DayAction(DAYS[0], "policy", "approve", 8),
            DayAction(DAYS[0], "policy", "escalate", 2),
            DayAction(DAYS[1], "person", "remove", 3),
        ),
        "queues": (
            QueueDay(DAYS[0], "general", 5, 1, 0, 4, 0, 40.0, 90.0),
            QueueDay(DAYS[1], "general", 1, 3, 1, 2, 1, 40.0, 90.0),
            QueueDay(DAYS[1], "crisis", 1, 0, 0, 1, 1, None, None),
        ),
        "handling": (),
        "agreement": (),
        "drift": (),
        "drift_before": ("", ""),
    }
    return Insights(**fields | changes)


@given(COUNTS, st.booleans())
def test_bars_lie_in_the_plot_and_are_as_tall_as_their_amounts(
    counts: list[tuple[int, int]], stacked: bool
) -> None:
    labels = [str(at) for at in range(len(counts))]
    series = [
        Amounts("First", "is-quiet", [first for first, _ in counts]),
        Amounts("Second", "is-accent", [second for _, second in counts]),
    ]
    chart = bar_chart(labels, series, summary="", stacked=stacked)
    assert len(chart.blocks) == sum(bool(each) for pair in counts for each in pair)
    for block in chart.blocks:
        assert block.x >= 0
        assert block.x + block.width <= 100.01
        assert block.y >= -0.01
        assert block.y + block.height <= 100.01
    totals = [sum(pair) if stacked else max(pair) for pair in counts]
    if max(totals) > 0:
        tallest = totals.index(max(totals))
        own = [block for block in chart.blocks if block.words.startswith(f"{tallest}:")]
        height = sum(b.height for b in own) if stacked else max(b.height for b in own)
        assert height >= 50.0, "the axis ends soon above the tallest"
    assert 1 <= len(chart.across) <= 7
    assert chart.across[-1].words == labels[-1], "the last day is always named"
    assert chart.up[0].place == 100.0


def test_a_series_without_amounts_is_not_named() -> None:
    series = [Amounts("Some", "a", [1.0]), Amounts("None", "b", [0.0])]
    assert bar_chart(["x"], series, summary="", stacked=True).names == [("Some", "a")]
    assert bar_chart(["x"], [], summary="", stacked=False).blocks == []


def test_every_question_is_answered_in_a_sentence() -> None:
    volume, backlog, mix = questions_of(insights())
    assert volume.answer == (
        "30 items in 2 days, 15.0 a day; the second half brought 100 % more. People decided 5."
    )
    assert backlog.answer == (
        "3 cases are open, 2 of them past their deadline. 7 were opened and 4 closed, "
        "75 % of them in time."
    )
    assert (
        mix.answer == "The policy settled 80 % of the items by itself; the others went to people."
    )
    assert not any(each.is_empty for each in (volume, backlog, mix))


def test_nothing_is_said_to_be_nothing() -> None:
    quiet = insights(volume=(DayVolume(DAYS[0], 0, 0, 0, 0),), actions=(), queues=())
    for question in questions_of(quiet):
        assert question.is_empty
        assert question.answer
    assert handling_answer([]) == "No case was decided in this time."


def test_the_slowest_queue_is_named() -> None:
    fast = Handling("general", 9, 20.0, 40.0, 60.0, 90.0, 1.0)
    slow = Handling("crisis", 2, 100.0, 130.0, 150.0, 200.0, 0.5)
    unknown = Handling("appeals", 0, None, None, None, None, None)
    assert "crisis" in handling_answer([fast, slow, unknown])
    assert "2 min 10 s" in handling_answer([fast, slow, unknown])


def test_tables_have_a_value_for_each_column() -> None:
    tables = tables_of(insights(handling=(Handling("a", 1, 1.0, 1.0, 1.0, 1.0, None),)))
    assert set(tables) == {"volume", "backlog", "actions", "handling", "drift", "agreement"}
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_fault_stands_with_its_line() -> None:
    broken = default_text().replace('action = "escalate"', 'action = "frown"', 1)
    checked = check_text(broken, default_policy())
    assert checked.policy is None
    (fault,) = checked.problems
    assert fault.line == 'action = "frown"'
    assert broken.splitlines()[(fault.problem.line or 0) - 1] == fault.line


def test_text_that_is_no_document_is_said_to_be_none() -> None:
    for text in ("", "name = ", "[[rules]]\nname = 3", "\0"):
        checked = check_text(text, default_policy())
        assert checked.policy is None
        assert checked.problems


def test_a_good_text_says_what_it_changes_and_whether_its_examples_hold() -> None:
    stricter = default_text().replace("threshold = 0.9\n", "threshold = 0.99\n", 1)
    checked = check_text(stricter, default_policy())
    assert checked.policy is not None
    assert any("rises from 0.9 to 0.99" in str(change) for change in checked.changes)
    assert checked.failed, "insults of the examples score less than that"
    assert check_text(default_text(), default_policy()).changes == []


def test_filters_are_read_from_addresses() -> None:
    wanted = filter_of(NOTHING | {"since": "2026-11-01", "until": "2026-11-02", "act": "a"}, "7")
    assert wanted.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert wanted.until == datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=1), "its whole day"
    assert (wanted.act, wanted.actor, wanted.before) == ("a", None, 7)
    with pytest.raises(InvalidInputError) as caught:
        filter_of(NOTHING | {"until": "soon"})
    assert caught.value.field == "until"
    with pytest.raises(NotFoundError):
        filter_of(NOTHING, "-1")


@pytest.mark.parametrize(
    ("subject", "address"),
    [
        ("item_1", "/items/item_1"),
        ("case_1", "/cases/case_1"),
        ("sha256:" + "ab" * 32, "/policies/abababababab"),
        ("webhook_1", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_subjects_lead_to_their_pages(subject: str, address: str) -> None:
    assert address_of(subject) == address
