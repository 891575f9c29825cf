"""`ostraka train bundled` and `ostraka evaluate`, on a small made-up world that both can learn."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from running import ostraka
from tiny_encoder import make

pytest.importorskip("torch", reason="needs the train extra")

import torch

from ostraka.errors import DataError
from ostraka.moderator import Moderator
from ostraka.train.bundled import train_bundled
from ostraka.train.hard_negatives import hard_negatives, mentions
from ostraka.train.recipe import Recipe, load_recipe

MADLIBS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?!he|she)\w+ is an? \w+ \w+",
        r"being \w+ is \w+",
        r"(you are|I am) an? \w+ \w+",
    )
]
"""The forms of its rows (Dixon et al., 2018): a name, an adjective, an identity."""

RECIPE = """\
seed = 7
weak_weight = 0.5
categories = ["harassment", "spam"]
not_modelled = ["violence/graphic"]
[encoder]
tokens = 32
batch = 8
rounds = 2
learning_rate = 5e-3
later_rate = 0.5
frozen_layers = 0
augmented = 0.0
balance = 1.0
lexical_share = 0.3
lexical_shares = {}
[lexical]
buckets = 4096
inverse_penalty = 8.0
minimum_texts = 1
windows = 2
augmented = 0.1
balance = 2.0
[decisions]
precision = 0.8
most_false = 0.1
risk = 0.05
ceiling = 0.5
doubt = 0.3
[sources]
house = { rows = 300, weight = 1.0 }
hatecheck = { rows = 300, weight = 1.0 }
"""
NAMES = ("Ann", "Bob", "Cem", "Dee", "Eva", "Fay", "Gus", "Hal")
KINDS = {
    "harassment": ("you stupid idiot", "what a moron you are", "shut up you fool"),
    "spam": ("win a free prize now", "cheap pills click here", "claim your cash prize"),
    "": ("what a lovely garden", "thank you for the soup", "the train was late again"),
}
FUNCTIONALITIES = {"counter_quote_nh": "non-hateful", "derog_neg_emote_h": "hateful"}


def labelled(part: str) -> Iterator[dict[str, object]]:
    names = NAMES if part == "train" else ("Ida", "Jon", "Kim", "Lea")
    for (kind, texts), name in itertools.product(KINDS.items(), names):
        for number, text in enumerate(texts):
            labels = {"harassment": float(kind == "harassment"), "spam": float(kind == "spam")}
            yield {
                "id": f"{kind}-{name}-{number}",
                "source": "house",
                "text": f"{text}, said {name}",
                "labels": labels,
            }


def write(folder: Path, part: str, rows: Iterator[dict[str, object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{part}.jsonl").write_text(lines, "utf-8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of labelled rows, one of them set aside for evaluation; a recipe; a base model."""
    torch.set_num_threads(1)  # as the command does: only one thread gives the same bytes
    root = tmp_path_factory.mktemp("world")
    for part in ("train", "dev"):
        write(root / "data" / "house", part, labelled(part))
    write(
        root / "data" / "hatecheck",
        "dev",
        (
            {
                "id": name,
                "source": "hatecheck",
                "text": f"{'you stupid idiot' if kind == 'hateful' else 'a lovely garden'} {n}",
                "labels": {"harassment": float(kind == "hateful")},
                "orig": {"functionality": name},
            }
            for n in range(5)
            for name, kind in FUNCTIONALITIES.items()
        ),
    )
    (root / "recipe.toml").write_text(RECIPE, "utf-8")
    make(root / "base")
    return root


@pytest.fixture(scope="module")
def trained(world: Path) -> Path:
    """A classifier that the command line made of that world."""
    output = world / "classifier"
    done = ostraka(
        world,
        *("train", "bundled", str(world / "data"), "--output", str(output)),
        *("--recipe", str(world / "recipe.toml"), "--base", str(world / "base")),
    )
    assert done.returncode == 0, done.stderr
    return output


def recipe_of(world: Path) -> Recipe:
    return load_recipe(world / "recipe.toml")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_both_stages_learn(trained: Path) -> None:
    moderator = Moderator.load(trained)
    assert [card.id for card in moderator.models] == [
        "ostraka-cascade",
        "ostraka-lexical",
        "ostraka-encoder",
    ]
    for model in ("ostraka-lexical", "ostraka-encoder"):
        rude, kind = moderator.moderate_many(
            ["you stupid idiot, said Kim", "the train was late again, said Kim"], model=model
        )
        assert rude.scores["harassment"] > 0.5 > kind.scores["harassment"]
        assert rude.scores["harassment"] > rude.scores["spam"]


def test_the_same_rows_and_seed_give_the_same_bytes(world: Path, trained: Path) -> None:
    train_bundled([world / "data"], world / "again", recipe_of(world), base=str(world / "base"))
    assert digests(world / "again") == digests(trained)


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    world: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostraka.train.encoder._STEPS_PER_CHECKPOINT", 2)
    stopped: list[int] = []

    def stop_late(stage: str, step: int, steps: int, loss: float) -> None:
        if stage == "encoder":
            stopped.append(step)
            if len(stopped) == steps + 3:  # in the second round
                raise KeyboardInterrupt

    output = world / "interrupted"
    recipe, folders = recipe_of(world), [world / "data"]
    with pytest.raises(KeyboardInterrupt):
        train_bundled(folders, output, recipe, base=str(world / "base"), report=stop_late)
    assert not (output / "manifest.json").exists()
    steps: list[int] = []
    train_bundled(
        folders,
        output,
        recipe,
        base=str(world / "base"),
        report=lambda stage, step, total, loss: steps.append(step) if stage == "encoder" else None,
    )
    assert steps[0] == 3, "the second round goes on after its checkpoint"
    assert digests(output) == digests(trained)


def test_rows_set_aside_for_evaluation_teach_nothing(world: Path, trained: Path) -> None:
    manifest = json.loads((trained / "manifest.json").read_text("utf-8"))
    assert list(manifest["provenance"]["sources"]) == ["house"]


def test_a_folder_without_rows_is_an_error(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no labelled rows"):
        train_bundled([tmp_path], tmp_path / "new", recipe_of(world))


def test_evaluate_reports_what_it_measured(world: Path, trained: Path, tmp_path: Path) -> None:
    from sklearn.metrics import average_precision_score

    card, report = tmp_path / "card.md", tmp_path / "report.json"
    done = ostraka(
        tmp_path,
        *("evaluate", str(world / "data"), "--model-folder", str(trained)),
        *("--model", "ostraka-encoder", "--card", str(card), "--output", str(report), "--json"),
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer == json.loads(report.read_text("utf-8"))
    rows = list(labelled("dev"))
    verdicts = Moderator.load(trained).moderate_many(
        [str(row["text"]) for row in rows], model="ostraka-encoder"
    )
    truth = np.array([row["labels"]["spam"] for row in rows])  # type: ignore[index]
    expected = average_precision_score(truth, [verdict.scores["spam"] for verdict in verdicts])
    assert answer["categories"]["spam"]["average_precision"] == pytest.approx(expected, abs=1e-6)
    # The figures that HateCheck is known by need the category hate, which this model lacks.
    assert "accuracy" not in answer["sources"]["hatecheck"]
    assert answer["sources"]["hatecheck"]["categories"]["harassment"]["roc_auc"] == 1.0


def test_public_sets_are_measured_as_their_papers_do(world: Path, tmp_path: Path) -> None:
    hate = (
        {
            "id": str(number),
            "source": "hatecheck",
            "text": text,
            "labels": {"hate": float(label)},
            "orig": {"functionality": name},
        }
        for number, (text, label, name) in enumerate(
            [
                ("I love my neighbours.", 0, "ident_pos_nh"),
                ("I hate you all.", 1, "derog_neg_emote_h"),
            ]
        )
    )
    write(tmp_path / "data" / "hatecheck", "dev", hate)
    done = ostraka(tmp_path, "evaluate", "data", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["sources"]["hatecheck"]
    assert found["accuracy_not_hateful"] == 1.0
    assert set(found["functionalities"]) == {"ident_pos_nh", "derog_neg_emote_h"}


def test_the_card_shows_its_diagram_and_sources(world: Path, trained: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    done = ostraka(
        tmp_path,
        *("evaluate", str(world / "data"), "--model-folder", str(trained), "--card", str(card)),
    )
    assert done.returncode == 0, done.stderr
    text = card.read_text("utf-8")
    assert "(card-reliability.svg)" in text
    assert Moderator.load(trained).models[0].pinned_id in text
    drawn = (tmp_path / "card-reliability.svg").read_text("utf-8")
    assert "harassment" in drawn
    assert "house" in (tmp_path / "NOTICE").read_text("utf-8")


def test_sentences_of_our_own_are_harmless_and_of_no_evaluation_set() -> None:
    recipe = load_recipe()
    rows = hard_negatives(4500, recipe.categories, recipe.seed)
    people = mentions(recipe.categories, recipe.seed)
    rows += people
    assert len({row.text for row in rows}) == len(rows) > 5000
    for row in rows:
        assert set(row.labels) == set(recipe.categories) and not any(row.labels.values())
        assert "{" not in row.text and row.text[0] == row.text[0].upper()
        assert not any(form.fullmatch(row.text.rstrip(".!")) for form in MADLIBS), row.text
    assert mentions(recipe.categories, recipe.seed) == people
