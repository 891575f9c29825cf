"""`ostraka adapt` on rows of a made-up house style: a category learns what its house calls one."""

import json
from pathlib import Path

import numpy as np
import pytest
from running import ostraka

pytest.importorskip("sklearn", reason="needs the train extra")

from ostraka.assess.artefact import bundled_artefact_folder
from ostraka.errors import DataError
from ostraka.moderator import Moderator
from ostraka.taxonomy import Category
from ostraka.train.adapt import adapt, split
from ostraka.train.data import Row

RUDE = ["You are a stupid idiot", "What a pathetic loser you are", "Shut up, moron", "You fool"]
KIND = ["You are a wonderful friend", "What a lovely day", "Thank you, well done", "I like trees"]
NAMES = ("Ann", "Bob", "Cem", "Dee", "Eva", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Lea")
ENDINGS = [f", said {name}." for name in NAMES]


def rows() -> list[Row]:
    labelled = [(text, 1.0) for text in RUDE] + [(text, 0.0) for text in KIND]
    return [
        Row(f"{i}-{j}", "house", text + ending, {Category.HARASSMENT: label}, False, {})
        for i, (text, label) in enumerate(labelled)
        for j, ending in enumerate(ENDINGS)
    ]


def test_adapt_fits_what_is_labelled_and_keeps_the_rest(tmp_path: Path) -> None:
    fitted, held_out = split(rows(), 0.25, seed=1)
    done = adapt(bundled_artefact_folder(), fitted, tmp_path / "new", held_out=held_out)
    assert done.adapted == (Category.HARASSMENT,)
    assert done.after["harassment"]["roc_auc"] >= done.before["harassment"]["roc_auc"]
    assert done.after["harassment"]["f1"] > 0.9
    before, after = Moderator.default(), Moderator.load(tmp_path / "new")
    assert after.models[0].pinned_id != before.models[0].pinned_id
    model = before.models[-1].id
    old, new = (each.moderate("A fine idiot", model=model) for each in (before, after))
    assert new.scores[Category.SPAM] == pytest.approx(old.scores[Category.SPAM], abs=1e-4)
    assert after.moderate(RUDE[0]).flags[Category.HARASSMENT]
    assert not after.moderate(KIND[0]).flags[Category.HARASSMENT]


def test_adapt_gives_the_same_scores_for_the_same_rows(tmp_path: Path) -> None:
    pins = []
    for name in ("a", "b"):
        adapt(bundled_artefact_folder(), rows(), tmp_path / name, held_out=[])
        pins.append(Moderator.load(tmp_path / name).models[0].pinned_id)
    assert pins[0] == pins[1]


def test_what_was_adapted_can_be_adapted_again(tmp_path: Path) -> None:
    """Another category this time: the first one keeps what it learnt."""
    adapt(bundled_artefact_folder(), rows(), tmp_path / "once", held_out=[])
    others = [
        Row(row.id, row.source, row.text, {Category.HATE: label}, False, {})
        for row in rows()
        for label in row.labels.values()
    ]
    done = adapt(tmp_path / "once", others, tmp_path / "twice", held_out=[])
    assert done.adapted == (Category.HATE,)
    once, twice = (Moderator.load(tmp_path / name) for name in ("once", "twice"))
    for text in (RUDE[0], KIND[0], "Something else entirely, about trains."):
        old, new = (each.moderate(text, model=each.models[-1].id) for each in (once, twice))
        assert new.scores[Category.HARASSMENT] == pytest.approx(
            old.scores[Category.HARASSMENT], abs=1e-4
        )
    assert twice.moderate(RUDE[0]).flags[Category.HATE]
    assert not twice.moderate(KIND[0]).flags[Category.HATE]


def test_too_few_rows_change_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="10 positive and 10 negative"):
        adapt(bundled_artefact_folder(), rows()[:5], tmp_path / "new", held_out=[])
    assert not (tmp_path / "new").exists()


def test_split_keeps_the_share_of_each_label() -> None:
    fitted, held_out = split(rows(), 0.25, seed=3)
    assert len(held_out) == 24
    assert np.mean([row.labels[Category.HARASSMENT] for row in held_out]) == 0.5
    assert {row.id for row in fitted}.isdisjoint(row.id for row in held_out)


def test_the_command(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(
        "".join(json.dumps({"text": r.text, "labels": dict(r.labels)}) + "\n" for r in rows())
    )
    done = ostraka(tmp_path, "adapt", str(source), "--output", str(tmp_path / "new"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["adapted"] == ["harassment"]
    again = ostraka(tmp_path, "adapt", str(source), "--output", str(tmp_path / "new"))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    source.write_text('{"text": "x", "labels": {"nonsense": 1}}\n')
    wrong = ostraka(tmp_path, "adapt", str(source), "--output", str(tmp_path / "other"))
    assert wrong.returncode == 1
    assert "line 1" in wrong.stderr and "nonsense" in wrong.stderr
    assert "harassment" in wrong.stderr, "what would be valid"
