"""Agreement: known figures, properties on generated ratings, and the command."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from running import ostraka, write

from ostraka.errors import DataError
from ostraka.estimates.agreement import cohen_kappa, krippendorff_alpha
from ostraka.judge.agreement import (
    against_rankings,
    alpha_of,
    calibration,
    compare,
    kendall_tau,
)
from ostraka.judge.labels import seven_labels
from ostraka.judge.ratings import Rating, majority, read_rankings, read_ratings
from ostraka.judge.stability import position_bias, repeatability

LABELS = seven_labels().names
labels = st.sampled_from("abc")
units = st.lists(st.lists(labels, max_size=5), max_size=12)


def ratings(text: str, *, confidence: float | None = None) -> dict[str, Rating]:
    """A rater's labels, one letter a turn; a dot is a turn not seen. `a` is worth most."""
    return {
        str(index): Rating(letter, float("cba".find(letter)), confidence)
        for index, letter in enumerate(text)
        if letter != "."
    }


# Krippendorff's alpha

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), the data of section C:
# four observers, twelve units, with gaps. It gives 0.743 nominal and 0.849 interval.
PUBLISHED = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


def test_alpha_as_published() -> None:
    nominal = krippendorff_alpha([[str(value) for value in unit] for unit in PUBLISHED])
    assert nominal == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, "interval") == pytest.approx(0.849, abs=5e-4)


@given(units)
def test_alpha_by_its_definition(drawn: list[list[str]]) -> None:
    """Observed over expected disagreement, pair by pair, as the definition says it."""
    pairable = [unit for unit in drawn if len(unit) > 1]
    values = [value for unit in pairable for value in unit]
    expected = sum(a != b for a in values for b in values)
    found = krippendorff_alpha(drawn)
    if expected == 0:
        assert found is None
        return
    observed = sum(sum(a != b for a in unit for b in unit) / (len(unit) - 1) for unit in pairable)
    size = len(values)
    assert found == pytest.approx(1 - (observed / size) / (expected / (size * (size - 1))))


@given(units)
def test_alpha_has_no_favourites(drawn: list[list[str]]) -> None:
    found = krippendorff_alpha(drawn)
    turned = krippendorff_alpha([unit[::-1] for unit in drawn[::-1]])
    renamed = krippendorff_alpha([["xyz"["abc".index(v)] for v in unit] for unit in drawn])
    assert found is None or (math.isclose(found, turned) and math.isclose(found, renamed))
    assert found is None or found <= 1
    assert krippendorff_alpha([*drawn, ["a"]]) == found  # one value has nothing to compare


@given(st.lists(labels, min_size=2), st.integers(2, 4))
def test_alpha_of_raters_who_agree_is_one(drawn: list[str], raters: int) -> None:
    assume(len(set(drawn)) > 1)
    assert krippendorff_alpha([[value] * raters for value in drawn]) == 1


# Cohen's kappa and the confusion matrix


def test_kappa_as_in_the_textbook() -> None:
    """Cohen (1960): 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no gives 0.4."""
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


@given(st.lists(st.tuples(labels, labels), min_size=1))
def test_confusion_counts_every_turn(drawn: list[tuple[str, str]]) -> None:
    first, second = ratings("".join(a for a, _ in drawn)), ratings("".join(b for _, b in drawn))
    found = compare(first, second, "abc")
    assert sum(map(sum, found.confusion)) == found.turns == len(drawn)
    diagonal = sum(found.confusion[index][index] for index in range(3))
    assert found.agreement == pytest.approx(diagonal / len(drawn))
    assert (found.kappa is None) == (len({x for pair in drawn for x in pair}) == 1)
    back = compare(second, first, "abc")
    assert back.confusion == tuple(zip(*found.confusion, strict=True))


def test_only_shared_turns_are_compared() -> None:
    found = compare(ratings("ab.c"), ratings("aa.."))
    assert (found.turns, found.agreement) == (2, 0.5)
    assert compare(ratings("a"), ratings(".b")).turns == 0
    assert compare(ratings("a"), ratings(".b")).kappa is None


# Rankings


def test_tau_against_rankings() -> None:
    judged = ratings("abc")
    assert against_rankings(judged, [[["0"], ["1"], ["2"]]]).mean_tau == 1
    assert against_rankings(judged, [[["2"], ["1"], ["0"]]]).mean_tau == -1
    both = [[["0"], ["1"]], [["1"], ["0"]], [["0"]], [["7"], ["8"]]]
    found = against_rankings(judged, both)
    assert (found.rankings, found.compared, found.mean_tau) == (4, 2, 0)


def test_an_answer_is_worth_the_mean_of_its_turns() -> None:
    judged = ratings("acb")  # 2, 0 and 1
    assert against_rankings(judged, [[["2"], ["0", "1"], ["1"]]]).mean_tau == pytest.approx(
        kendall_tau([0, -1, -2], [1, 1, 0]) or 0
    )


@given(st.lists(st.integers(0, 3), min_size=2))
def test_tau_is_one_with_itself(drawn: list[int]) -> None:
    expected = None if len(set(drawn)) == 1 else 1
    assert kendall_tau(drawn, drawn) == (None if expected is None else pytest.approx(1))


# Calibration


def test_calibration() -> None:
    judge = ratings("aaaa", confidence=0.75) | {"9": Rating("a", 0, 0.15), "x": Rating("a", 0, 1)}
    found = calibration(judge, ratings("aaab") | {"9": Rating("b")})
    assert found.turns == 5
    assert [(each.turns, each.right) for each in found.bins] == [(1, 0), (4, 0.75)]
    assert found.error == pytest.approx(0.2 * 0.15)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())))
def test_calibration_keeps_every_turn(drawn: list[tuple[float, bool]]) -> None:
    judge = {str(i): Rating("a", 0, confidence) for i, (confidence, _) in enumerate(drawn)}
    people = {str(i): Rating("a" if right else "b") for i, (_, right) in enumerate(drawn)}
    found = calibration(judge, people)
    assert found.turns == len(drawn)
    assert sum(each.turns * each.right for each in found.bins) == pytest.approx(
        sum(right for _, right in drawn)
    )
    assert found.error is None if not drawn else 0 <= (found.error or 0) <= 1


# Position and repetition


def test_a_judge_that_likes_what_it_reads_first() -> None:
    """Labels a, b, c; asked in both orders it takes the first of the two it wavers between."""
    found = position_bias(ratings("aabb"), ratings("bbcc"), "abc")
    assert (found.turns, found.flips, found.earlier) == (4, 1, 1)
    assert found.label_shift == {"a": -0.5, "b": 0, "c": 0.5}
    assert found.reward_shift == -1
    assert position_bias(ratings("cc"), ratings("aa"), "abc").earlier == 0


def test_a_judge_without_a_bias() -> None:
    found = position_bias(ratings("abcc"), ratings("abcc"), "abc")
    assert (found.flips, found.earlier, found.reward_shift) == (0, None, 0)
    assert position_bias({}, {}, "abc").flips is None


def test_repeated_runs() -> None:
    steady = repeatability([ratings("abc", confidence=0.9)] * 3)
    assert (steady.agreement, steady.alpha, steady.reward_variance) == (1, 1, 0)
    assert steady.confidence_deviation == 0
    wavering = repeatability([ratings("ab"), ratings("ba")])
    assert (wavering.runs, wavering.turns, wavering.agreement) == (2, 2, 0)
    assert wavering.reward_variance == 0.25
    assert wavering.confidence_deviation is None
    assert repeatability([ratings("a"), ratings(".b")]).agreement is None


def test_alpha_of_judges() -> None:
    assert alpha_of([ratings("abc"), ratings("abc")], "interval") == 1
    assert alpha_of([ratings("aaa"), ratings("aaa")]) is None


# Files


def test_majority_of_people() -> None:
    found = majority([ratings("aab"), ratings("ab."), ratings("bc.")])
    assert {key: rating.label for key, rating in found.items()} == {"0": "a", "2": "b"}


def test_people_are_worth_what_their_labels_are(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    rows = [{"id": "1", "label": "pos_praise", "rater": rater} for rater in ("ann", "bo")]
    write(path, [*rows, {"id": "2", "label": "neutral", "outcome": "parse_failure"}])
    found = read_ratings(path, seven_labels())
    assert set(found.raters) == {"people/ann", "people/bo"}
    assert found.raters["people/ann"]["1"] == Rating("pos_praise", 0.8)
    assert found.without == 1


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": "1"}, "row 2 has no 'id' or no 'label'"),
        ({"id": "0", "label": "a"}, "row 2 rates '0' a second time"),
        ({"id": "1", "label": "a", "reward": "x"}, "'reward' is no number"),
        ({"id": "1", "label": "a", "confidence": 2}, "'confidence' is not from 0 to 1"),
        ({"id": "1", "label": "a", "rater": 3}, "'rater' is no text"),
    ],
)
def test_ratings_that_cannot_be_read(tmp_path: Path, row: dict, problem: str) -> None:
    path = tmp_path / "rated.jsonl"
    write(path, [{"id": "0", "label": "a"}, row])
    with pytest.raises(DataError, match=problem):
        read_ratings(path, seven_labels())


@pytest.mark.parametrize("ranking", [None, "ab", [{}], [[1.5]]])
def test_rankings_that_cannot_be_read(tmp_path: Path, ranking: object) -> None:
    path = tmp_path / "ranked.jsonl"
    write(path, [{"ranking": ["a", ["b", 3]]}, {"ranking": ranking}])
    rankings = read_rankings(path)
    assert next(rankings) == [["a"], ["b", "3"]]
    with pytest.raises(DataError, match="row 2"):
        next(rankings)


def tree_message(role: str, name: str, *replies: dict, **more: object) -> dict:
    return {"message_id": name, "role": role, "text": name, "replies": list(replies), **more}


def test_rankings_of_a_tree(tmp_path: Path) -> None:
    """The better answer comes second; one has no follow-up, one no rank, one was deleted."""
    follow = [tree_message("prompter", f"f{n}") for n in range(5)]
    prompt = tree_message(
        "prompter",
        "q",
        tree_message("assistant", "worse", follow[0], follow[1], rank=1),
        tree_message("assistant", "better", follow[2], rank=0),
        tree_message("assistant", "silent", rank=2),
        tree_message("assistant", "unranked", follow[3]),
        tree_message("assistant", "deleted", follow[4], rank=3, deleted=True),
    )
    write(tmp_path / "trees.jsonl", [{"message_tree_id": "t", "prompt": prompt}])
    assert list(read_rankings(tmp_path / "trees.jsonl")) == [[["t:f2"], ["t:f0", "t:f1"]]]
    judged = {"t:f2": Rating("x", 0.8), "t:f0": Rating("x", 0.1), "t:f1": Rating("x", -0.6)}
    assert against_rankings(judged, read_rankings(tmp_path / "trees.jsonl")).mean_tau == 1
    write(tmp_path / "broken.jsonl", [{"message_tree_id": "t"}])
    with pytest.raises(DataError, match="row 1: 'prompt' is missing"):
        list(read_rankings(tmp_path / "broken.jsonl"))


# The command


def rewards(*labels: str, confidence: float = 0.9) -> list[dict]:
    worth = {label.name: label.reward for label in seven_labels().labels}
    return [
        {"id": f"t{index}", "label": label, "reward": worth[label], "confidence": confidence}
        | {"outcome": "judged"}
        for index, label in enumerate(labels)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "one.jsonl", rewards("pos_praise", "neutral", "neg_confusion"))
    write(tmp_path / "two.jsonl", rewards("pos_praise", "neg_correction", "neg_confusion"))
    write(tmp_path / "turned.jsonl", rewards("pos_praise", "topic_shift", "neg_confusion"))
    people = [{"id": "t0", "label": "pos_praise"}, {"id": "t1", "label": "neg_correction"}]
    write(tmp_path / "people.jsonl", people)
    write(tmp_path / "ranked.jsonl", [{"ranking": ["t0", "t1", "t2"]}])
    return tmp_path


ALL = ("--people", "people.jsonl", "--rankings", "ranked.jsonl", "--swapped", "turned.jsonl")


def test_report_for_machines(folder: Path) -> None:
    arguments = ("judge", "agreement", "one.jsonl", "two.jsonl", *ALL)
    done = ostraka(folder, *arguments, "--repeated", "two.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["raters"] == {"one": 3, "two": 3, "people:people": 2}
    assert report["pairs"]["one / two"]["agreement"] == pytest.approx(2 / 3)
    assert report["pairs"]["one / two"]["labels"] == list(LABELS)
    assert report["truth"]["two"]["agreement"] == 1
    assert report["truth"]["one"]["agreement"] == 0.5
    assert report["calibration"]["two"]["error"] == pytest.approx(0.1)
    assert report["rankings"]["one"]["mean_tau"] == pytest.approx(1)
    assert report["swapped"]["flips"] == pytest.approx(1 / 3)
    assert report["repeated"]["runs"] == 2
    assert report["without_opinion"]["one.jsonl"] == 0


def test_report_for_people(folder: Path) -> None:
    done = ostraka(folder, "judge", "agreement", "one.jsonl", "two.jsonl", *ALL)
    assert done.returncode == 0, done.stderr
    for words in ("Krippendorff's alpha", "Cohen's kappa", "Kendall's tau", "calibration error"):
        assert words in done.stdout
    assert "Labels turned round, 3 turns: 0.333 flipped" in done.stdout
    alone = ostraka(folder, "judge", "agreement", "one.jsonl")
    assert alone.stdout.split() == ["one", "3", "turns"]


def test_errors_are_clear(folder: Path) -> None:
    write(folder / "none.jsonl", [{"id": "1", "label": "x", "outcome": "parse_failure"}])
    (folder / "a").mkdir()
    write(folder / "a" / "one.jsonl", rewards("neutral"))
    for arguments, code, message in (
        (["missing.jsonl"], 1, "missing.jsonl cannot be read"),
        (["none.jsonl"], 1, "none.jsonl holds no opinion"),
        (["one.jsonl", "a/one.jsonl"], 2, "two raters are named 'one'"),
        (["one.jsonl", "--rankings", "two.jsonl"], 1, "two.jsonl: row 1 has no list 'ranking'"),
    ):
        done = ostraka(folder, "judge", "agreement", *arguments)
        assert done.returncode == code, done.stderr
        assert message in done.stderr
