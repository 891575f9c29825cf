"""What stands behind the training pages and needs no browser: geometry, sentences, Markdown."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.console.charts import Series, line_chart, loss, number, thinned
from ostraka.console.markdown import rendered
from ostraka.console.times import ago, duration, size
from ostraka.console.training.learning import learning
from ostraka.console.training.quality import headline, quality_of
from ostraka.console.training.words import event_words, status_words
from ostraka.factory.states import Status
from ostraka.factory.tables import JobCheckpointRow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POINTS = st.lists(
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e3)), min_size=1, max_size=400, unique=True
)


def checkpoint(step: int, valid: float = 0.0, train: float = 0.5) -> JobCheckpointRow:
    return JobCheckpointRow(
        job_id="x", step=step, created_at=NOW, train_loss=train, valid_loss=valid, valid_accuracy=0
    )


@given(POINTS, POINTS)
def test_everything_drawn_lies_in_the_plot(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    series = [Series("a", "is-first", first), Series("b", "is-second", second, marks=True)]
    chart = line_chart(series, across_name="x", summary="")
    for line in chart.lines:
        assert all(-0.01 <= x <= 100.01 and -0.01 <= y <= 100.01 for x, y in line.dots)
        assert line.label_place <= 96.0
    one, other = (line.label_place for line in chart.lines)
    assert abs(one - other) >= 13.99
    for ticks in (chart.across, chart.up):
        assert 2 <= len(ticks) <= 7
        assert all(-0.01 <= tick.place <= 100.01 for tick in ticks)


def test_axes_begin_at_zero_and_have_round_numbers() -> None:
    chart = line_chart(
        [Series("a", "is-first", [(1, 0.73), (80, 0.31)])],
        across_name="step",
        summary="",
        across_end=200,
    )
    assert [tick.words for tick in chart.across] == ["0", "50", "100", "150", "200"]
    assert [tick.words for tick in chart.up] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert chart.lines[0].path.startswith("M5.0 ")


def test_long_lines_keep_their_end_and_their_course() -> None:
    points = [(float(x), float(x % 2)) for x in range(10_001)]
    drawn = thinned(points)
    assert len(drawn) <= 240
    assert drawn[-1] == points[-1]
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    assert all(0.4 < y < 0.6 for _, y in drawn[:-2])


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.25, "0.25"), (0.0001, "0.0001"), (1234567.0, "1,234,567"), (0.5, "0.5")],
)
def test_numbers(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1234, "0.123"),
        (0.001, "0.001"),
        (0.00042, "0.00042"),
        (0.000996, "0.001"),
        (0.00000881, "0.0000088"),
        (0.0000001, "under 0.000001"),
        (0.0, "under 0.000001"),
    ],
)
def test_losses(value: float, words: str) -> None:
    assert loss(value) == words


@pytest.mark.parametrize(
    ("losses", "beginning"),
    [
        ([], "Training loss went from"),
        ([0.5], "Training loss went from"),
        ([0.5, 0.4], "Yes: validation loss is at its lowest, 0.4 at step 50"),
        ([0.5, 0.4, 0.45], "Not any more: validation loss was lowest at step 50, 0.4"),
        ([0.5, 0.4, 0.399], "Hardly: validation loss has levelled off at 0.399"),
        ([0.5, 0.4, 0.402], "Hardly: validation loss has levelled off at 0.402"),
    ],
)
def test_question_of_the_curve_is_answered(losses: list[float], beginning: str) -> None:
    rows = [checkpoint(1), *(checkpoint(25 * at, each) for at, each in enumerate(losses, 1))]
    panel = learning(rows, 100, is_over=False)
    assert panel.answer.startswith(beginning)
    assert panel.chart is not None
    assert panel.rows[0] is rows[-1]


def test_curve_without_steps_says_whether_one_will_come() -> None:
    assert "appear here" in learning([], None, is_over=False).answer
    assert "before its first step" in learning([], None, is_over=True).answer


def test_curve_without_an_evaluation_says_whether_one_will_come() -> None:
    rows = [checkpoint(1), checkpoint(2)]
    assert "soon measured on validation rows" in learning(rows, 100, is_over=False).answer
    assert "ended before it was measured" in learning(rows, 100, is_over=True).answer


def test_every_status_has_words() -> None:
    for status in Status:
        words = status_words(status)
        assert words.word
        assert words.meaning.endswith(".")


@pytest.mark.parametrize(
    ("name", "data", "title", "detail"),
    [
        ("status-updated", {"status": "FAILED", "message": "No."}, "Failed", "No."),
        (
            "faulty-row",
            {"file": "a.jsonl", "row": 3, "reason": "is empty"},
            "Faulty row",
            "a.jsonl, row 3: is empty",
        ),
        ("model-resolved", {"note": "stands for"}, "Base model chosen", "stands for"),
        ("new-thing", {"how_many": 3, "none": None}, "New thing", "how many 3"),
    ],
)
def test_events_have_words(name: str, data: dict[str, object], title: str, detail: str) -> None:
    words = event_words(name, data)
    assert (words.title, words.detail) == (title, detail)


def test_times_and_sizes() -> None:
    for before, words in (
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=400), "1 year ago"),
    ):
        assert ago(NOW - before, NOW) == words
    shown = [duration(seconds) for seconds in (0.2, 59.6, 200, 3600, 7500)]
    assert shown == ["under 1 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min"]
    assert [size(count) for count in (12, 41_300, 2_500_000)] == ["12 B", "41.3 kB", "2.5 MB"]


def test_card_keeps_its_words_and_loses_title_pictures_and_markup() -> None:
    card = rendered(
        "# Title\n\nText <b>x</b> [a](javascript:alert(1))\n\n## Pictures\n\n![Loss](loss.png)\n\n"
        "## Figures\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert "Title" not in card
    assert "<img" not in card
    assert "Pictures" not in card
    assert "&lt;b&gt;x&lt;/b&gt;" in card
    assert "href" not in card
    assert "<h3>Figures</h3>" in card
    assert '<table class="table">' in card


def test_figures_that_a_manifest_lacks_are_not_shown() -> None:
    assert quality_of({}) == []
    assert headline({}) is None
    metrics = {"validation": {"targets": {"t": {"labels": {"a": {"f1": 0.5}}, "macro_f1": None}}}}
    [target] = quality_of(metrics)
    assert target.figures == []
    assert target.labels[0].threshold is None
    assert target.calibration is None
    assert headline(metrics) is None
