"""The pure parts of the reviewers' pages: what is softened, who is nudged, what is due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.console.access import StaleFormError
from ostraka.console.review.exposure import (
    NUDGE_EVERY,
    LocalExposures,
    heavy_categories,
    nudge_of,
    shown_categories,
)
from ostraka.console.review.rulings import ruling_of
from ostraka.console.review.softening import SoftWords, is_soft
from ostraka.console.review.telling import tell
from ostraka.console.times import due
from ostraka.console.words import Word
from ostraka.errors import ConflictError, InvalidInputError, StorageError
from ostraka.policy.presets import default_policy
from ostraka.taxonomy import Action, Category, ViolationType

SOFT = SoftWords(frozenset({"fool", "d'oh"}))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_soft_words_are_found_whole_in_any_case_of_letters() -> None:
    parts = SOFT.fragments("FOOL! Such foolish words, d'oh.")
    assert [part.text for part in parts if part.soft] == ["FOOL", "d'oh"]


def test_words_that_moved_a_score_and_soft_words_overlap() -> None:
    text = "you fool there"
    moving = Word(0, 8, "you fool", 0.1, 3, True)
    parts = SOFT.fragments(text, [moving])
    assert [(part.text, part.soft, part.word is moving) for part in parts] == [
        ("you ", False, True),
        ("fool", True, True),
        (" there", False, False),
    ]


@given(text=st.text(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_fragments_are_the_text(text: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts})
    words = [
        Word(begin, end, text[begin:end], 0.0, 1, False)
        for begin, end in zip(places[::2], places[1::2], strict=False)
    ]
    parts = SoftWords(frozenset({"a", "b"})).fragments(text, words)
    assert "".join(part.text for part in parts) == text
    for word in words:
        assert "".join(part.text for part in parts if part.word is word) == word.quote


@pytest.mark.parametrize(
    ("scores", "soft"),
    [
        ({Category.TOXICITY: 0.95, Category.INSULT: 0.95}, True),
        ({Category.TOXICITY: 0.95, Category.HATE: 0.99}, False),
        ({Category.TOXICITY: 0.3, Category.VIOLENCE: 0.95}, False),
        ({Category.TOXICITY: 0.3, Category.SEXUAL: 0.9}, True),
        ({Category.PROFANITY: 0.9}, True),
    ],
)
def test_what_makes_a_word_soft(scores: dict[Category, float], soft: bool) -> None:
    assert is_soft(scores) is soft


def test_what_this_machine_saw_is_counted_by_day() -> None:
    seen, today = LocalExposures(), NOW.date()
    assert seen.on(today) == {}
    for categories in (["hate", "insult"], ["hate", "hate"]):
        seen.note(categories, today)
    assert list(seen.on(today).items()) == [("hate", 2), ("insult", 1)]
    tomorrow = today + timedelta(days=1)
    assert seen.on(tomorrow) == {}
    seen.note(["insult"], tomorrow)
    assert seen.on(tomorrow) == {"insult": 1}


def test_nudges_count_heavy_categories_alone() -> None:
    document = default_policy().document
    heavy = heavy_categories(document)
    assert "hate" in heavy
    assert "insult" not in heavy
    assert nudge_of({"insult": 500}, heavy) == ""
    assert nudge_of({"hate": NUDGE_EVERY - 1}, heavy) == ""
    assert f"{NUDGE_EVERY} items of the category hate" in nudge_of({"hate": NUDGE_EVERY}, heavy)
    mark = document.categories["hate"].mark("doubtful")
    assert shown_categories({"hate": mark, "insult": 0.0, "unknown": 1.0}, document) == ["hate"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7300, "due in 2 hours"),
        (61, "due in 1 minute"),
        (20, "due now"),
        (-20, "due now"),
        (-86400 * 3, "overdue by 3 days"),
    ],
)
def test_how_soon_something_is_due(seconds: int, words: str) -> None:
    assert due(NOW + timedelta(seconds=seconds), NOW) == words


def test_approval_has_no_violation() -> None:
    said = ruling_of({"action": "approve", "violation": "spam", "reasons": " fine "})
    assert (said.action, said.violation, said.reasons) == (
        Action.APPROVE,
        ViolationType.NONE,
        "fine",
    )
    for form in ({}, {"action": "dance"}, {"action": "warn", "violation": "dance"}):
        with pytest.raises(InvalidInputError):
            ruling_of(form)


def test_every_refusal_says_what_was_not_lost() -> None:
    for error in (
        ConflictError("gone", code="not_claimed"),
        StaleFormError(),
        StorageError("The database is busy."),
        InvalidInputError("No such action."),
    ):
        told = tell(error)
        assert "what you wrote is still here" in told.text.lower()
        assert told.status >= 400
    assert "{" not in tell(ConflictError("Not you.", code="barred")).text
