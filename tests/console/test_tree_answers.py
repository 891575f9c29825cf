"""What contributors' forms say, which language a browser means, where a message stands."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.console.trees.answers import labels_of, tiers_of
from ostraka.console.trees.languages import LANGUAGES, choices, language_name, preferred
from ostraka.console.trees.standing import standing_of
from ostraka.console.trees.words import ordinal
from ostraka.errors import InvalidInputError
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.labels import ASSISTANT_LABELS
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    Decision,
    Limits,
    Message,
    RankingVote,
    Review,
    Role,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONFIGURATION = TreeConfiguration()
YES, NO = Decision(True), Decision(False)


def test_flags_that_are_not_set_say_no_and_open_questions_say_nothing() -> None:
    form = {"label.spam": "no", "label.pii": "yes", "label.quality": "3", "label.humor": ""}
    assert labels_of(form, ("spam", "pii", "lang_mismatch", "quality", "humor"), ("spam",)) == {
        "spam": 0.0,
        "pii": 1.0,
        "lang_mismatch": 0.0,
        "quality": 0.75,
    }


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "label.spam"),
        ({"label.spam": "maybe"}, "label.spam"),
        ({"label.spam": "no", "label.quality": "5"}, "label.quality"),
        ({"label.spam": "no", "label.quality": "²"}, "label.quality"),
    ],
)
def test_answers_that_are_none_are_named(form: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        labels_of(form, ASSISTANT_LABELS, ("spam",))
    assert refused.value.field == field


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_places_become_tiers_and_equal_places_ties(places: list[int]) -> None:
    shown = [f"reply-{number}" for number in range(len(places))]
    places = [min(place, len(places)) for place in places]
    form = {f"place.{name}": str(place) for name, place in zip(shown, places, strict=True)}
    tiers = tiers_of(form, shown)
    assert sorted(name for tier in tiers for name in tier) == sorted(shown)
    of = dict(zip(shown, places, strict=True))
    assert all(of[better[0]] < of[worse[0]] for better, worse in pairwise(tiers))
    assert all(len({of[name] for name in tier}) == 1 for tier in tiers)


@pytest.mark.parametrize("given_place", ["", "0", "3", "1.5", "one", "99999999999"])
def test_each_reply_needs_a_place(given_place: str) -> None:
    with pytest.raises(InvalidInputError, match="Give each reply a place"):
        tiers_of({"place.a": "1", "place.b": given_place}, ["a", "b"])


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR,pt;q=0.9", "pt-BR"),
        ("xx, fr;q=0.4, es;q=0.7", "es"),
        ("en;q=broken, it", "it"),
        ("", "en"),
        ("*", "en"),
    ],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    assert preferred(header) == language


def test_languages_in_use_can_be_chosen_too() -> None:
    assert ("tlh", "tlh") in choices(["tlh", "de"])
    assert len(choices(["de"])) == len(LANGUAGES)
    assert language_name("sv") == "Svenska"
    assert [ordinal(place) for place in (1, 2, 3, 4, 11, 12, 13, 21, 112, 123)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "123rd"),
    ]


def message(name: str, parent: Message | None = None, **more: object) -> Message:
    role = parent.role.other if parent else Role.PROMPTER
    depth = parent.depth + 1 if parent else 0
    made = Message(name, f"author-{name}", role, name, NOW, parent.id if parent else None, depth)
    return replace(made, **more)  # type: ignore[arg-type]  # fields of Message


def tree_of(*messages: Message, state: State = State.GROWING, **more: object) -> Tree:
    tree = Tree(messages[0].id, "en", Limits(12, 3, 3), {each.id: each for each in messages}, state)
    return replace(tree, **more)  # type: ignore[arg-type]


def test_where_a_prompt_stands_says_what_it_waits_for() -> None:
    reviews = (Review("one", {"spam": 0.0}),)
    fresh = message("p", reviews=reviews)
    tree = tree_of(fresh, state=State.INITIAL_PROMPT_REVIEW)
    assert standing_of(tree, fresh, CONFIGURATION).meaning == (
        "It has 1 of 3 reviews; it waits for 2 more, by others than you."
    )
    accepted = message("p", decision=YES)
    waiting = tree_of(accepted, state=State.PROMPT_LOTTERY_WAITING)
    assert standing_of(waiting, accepted, CONFIGURATION, place=2).meaning == (
        "It is the 2nd in line. At most 10 conversations grow at a time in a language."
    )
    reply = message("r", accepted)
    growing = tree_of(accepted, reply)
    assert standing_of(growing, accepted, CONFIGURATION).meaning == (
        "The conversation has 1 of 12 messages, and 1 more in review."
    )
    halted = tree_of(accepted, state=State.HALTED_BY_MODERATOR)
    assert standing_of(halted, accepted, CONFIGURATION).word == "Stopped"


def test_where_a_reply_stands() -> None:
    root = message("p", decision=YES)
    one, two = (message(name, root, decision=YES) for name in ("a", "b"))
    votes = (RankingVote("x", "p", (("a",), ("b",))),)
    tree = tree_of(root, one, two, state=State.RANKING, votes=votes)
    assert standing_of(tree, one, CONFIGURATION).meaning == (
        "It is ranked beside the other replies: 1 of 3 rankings."
    )
    ranked = replace(one, rank=1)
    finished = tree_of(root, ranked, two, state=State.READY_FOR_EXPORT)
    assert standing_of(finished, ranked, CONFIGURATION).meaning == "Its readers ranked it 2nd of 2."
    refused = replace(one, decision=NO)
    below = message("c", refused, decision=YES)
    tree = tree_of(root, refused, two, below)
    assert standing_of(tree, refused, CONFIGURATION).word == "Not accepted"
    assert standing_of(tree, below, CONFIGURATION).word == "Does not count"
    late = replace(one, late=True, decision=None)
    assert standing_of(tree_of(root, late), late, CONFIGURATION).word == "Too late"
    gone = replace(one, deleted=True)
    assert standing_of(tree_of(root, gone), gone, CONFIGURATION).word == "Deleted"
