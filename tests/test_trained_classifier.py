"""Training a lexical classifier, and what comes out: through the folder that is served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classifier_rows import FILLER, TONE, TOPIC, data, example, rows
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("sklearn", reason="needs the train extra")
pytest.importorskip("matplotlib", reason="needs the train extra")

from ostraka.assess.classifier import Classifier, load_model
from ostraka.assess.target_calibration import TargetCalibration
from ostraka.assess.targets import LossFunction, Target
from ostraka.errors import ArtefactError, DataError, UnknownModelError
from ostraka.train.classifier_fitting import choose_thresholds, fit_calibration, predictions
from ostraka.train.classifier_training import train_classifier
from ostraka.train.comparison import compare_classifiers
from ostraka.train.examples import Example
from ostraka.train.lexical_state import LexicalState
from ostraka.train.trainer import (
    ENCODER,
    LEXICAL,
    Checkpoint,
    Quiet,
    TrainingOptions,
    resolve_base,
    trainer_for,
)
from ostraka.train.training_data import TrainingData, hold_out


class Heard(Quiet):
    """Keeps what a training says; may stop it at a step, as a killed process would."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.checkpoints: list[Checkpoint] = []
        self.events: dict[str, Mapping[str, Any]] = {}
        self._stop_at = stop_at

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)
        if checkpoint.step == self._stop_at:
            raise KeyboardInterrupt

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        self.events[name] = data


def train(
    folder: Path,
    train: TrainingData,
    valid: TrainingData | None = None,
    *,
    test: TrainingData | None = None,
    options: TrainingOptions | None = None,
    heard: Heard | None = None,
    work: Path | None = None,
    known_steps: int = 0,
) -> tuple[Classifier, dict[str, Any]]:
    manifest = train_classifier(
        train,
        valid,
        test,
        LEXICAL,
        options or TrainingOptions(),
        work or folder / "work",
        folder / "model",
        heard or Heard(),
        {"files": {"train.jsonl": "0" * 64}},
        known_steps=known_steps,
    )
    return Classifier.load(folder / "model"), manifest


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Heard]:
    folder, heard = tmp_path_factory.mktemp("trained"), Heard()
    train(folder, data(rows(400)), data(rows(80, seed=2)), test=data(rows(80, seed=3)), heard=heard)
    return folder / "model", heard


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Heard]) -> Classifier:
    return Classifier.load(trained[0])


# Learning


def test_learns_labels_that_exclude_one_another_and_labels_that_do_not(
    classifier: Classifier,
) -> None:
    figures = classifier.manifest["metrics"]["test"]["targets"]
    assert figures["topic"]["macro_f1"] > 0.95
    assert figures["tone"]["macro_f1"] > 0.9
    (answer,) = classifier.predict(["thanks for the rose, but why is the hedge so annoying"])
    assert answer["topic"].predictions == ["garden"]
    assert set(answer["tone"].predictions) == {"grumpy", "grateful", "puzzled"}
    assert min(answer["tone"].scores.values()) > 0.5, "labels do not share one probability"


def test_learns_many_targets(tmp_path: Path) -> None:
    words = [f"word{letter}" for letter in "abcdefgh"]
    targets = [Target(f"has {word}", ("yes", "no"), LossFunction.SINGLE_CLASS) for word in words]
    random = np.random.default_rng(0)
    examples = []
    for _ in range(300):
        inside = random.random(len(words)) < 0.5
        text = " ".join(word for word, is_in in zip(words, inside, strict=True) if is_in) or "none"
        names = {
            target.name: "yes" if is_in else "no"
            for target, is_in in zip(targets, inside, strict=True)
        }
        examples.append(example(text, names))
    found, _ = train(tmp_path, data(examples, targets))
    (answer,) = found.predict(["worda wordc wordh"])
    told = {name: scores.predictions[0] for name, scores in answer.items()}
    yes = [name for name, said in told.items() if said == "yes"]
    assert yes == ["has worda", "has wordc", "has wordh"]


def test_row_without_a_target_teaches_it_nothing(tmp_path: Path) -> None:
    whole = rows(300)
    topics_only = [
        Example(f"zebra {each.text}", {"topic": each.labels["topic"]}) for each in rows(300, seed=7)
    ]
    found, manifest = train(tmp_path, data(whole + topics_only), data(rows(60, seed=2)))
    assert manifest["provenance"]["rows"]["train"] == 600
    plain, marked = found.predict(["thanks for the soup", "zebra thanks for the soup"])
    for label, score in plain["tone"].scores.items():
        # Every row with the word is unlabelled: had it counted as "no tone", scores would sink.
        assert marked["tone"].scores[label] == pytest.approx(score, abs=0.15)
    assert marked["topic"].predictions == ["kitchen"]


def test_shares_of_annotators_are_learnt_as_shares(tmp_path: Path) -> None:
    target = Target("mood", ("mild", "sharp"), LossFunction.MULTI_CLASS)
    examples = [
        example(
            f"{word} {filler}", {"mood": ["mild"]}, {"mood": {"mild": mild, "sharp": 1.0 - mild}}
        )
        for word, mild in (("oats", 0.9), ("mustard", 0.6))
        for filler in map(str, range(150))
    ]
    found, _ = train(tmp_path, data(examples, [target]))
    oats, mustard = found.predict(["oats", "mustard"])
    assert oats["mood"].scores["mild"] == pytest.approx(0.9, abs=0.07)
    assert mustard["mood"].scores["mild"] == pytest.approx(0.6, abs=0.1)
    assert mustard["mood"].scores["sharp"] == pytest.approx(0.4, abs=0.1)


def test_weights_of_rows_count(tmp_path: Path) -> None:
    target = Target("side", ("left", "right"), LossFunction.SINGLE_CLASS)
    examples = [
        example(f"fork {FILLER[i // 2 % 10]}", {"side": "left" if i % 2 else "right"})
        for i in range(200)
    ]
    weights = np.where(np.arange(200) % 2, 9.0, 1.0).astype(np.float32)
    folder = tmp_path / "work"
    made = TrainingData(examples, weights, (target,))
    fitted = trainer_for(LEXICAL).fit(made, None, TrainingOptions(), folder, Heard())
    logits, _ = load_model(fitted.folder, fitted.model, 2, 1).window_logits(["fork"])
    left, right = logits[0].tolist()
    assert left - right == pytest.approx(np.log(9.0), abs=0.5)


# What a training says


def test_every_step_is_a_checkpoint_and_every_25th_is_evaluated(
    trained: tuple[Path, Heard],
) -> None:
    steps = trained[1].checkpoints
    assert [each.step for each in steps] == list(range(1, len(steps) + 1))
    evaluated = [each.step for each in steps if each.valid_loss]
    assert evaluated == sorted({*range(25, len(steps) + 1, 25), len(steps)})
    assert all(each.valid_accuracy == 0.0 for each in steps if not each.valid_loss)
    assert steps[-1].valid_loss < steps[24].valid_loss
    assert steps[-1].train_loss < steps[0].train_loss / 2
    assert steps[-1].valid_accuracy > 0.9


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (TrainingOptions(training_steps=7), 7),
        (TrainingOptions(training_steps=7, epochs=100.0), 7),
        (TrainingOptions(epochs=2.0), 8),
        (TrainingOptions(epochs=0.1), 1),
        (TrainingOptions(epochs=3.0, batch=32), 6),
        (TrainingOptions(), 200),
    ],
)
def test_hyperparameters_decide_the_length(
    tmp_path: Path, options: TrainingOptions, steps: int
) -> None:
    rows_64, heard = data(rows(64)), Heard()
    plan = trainer_for(LEXICAL).plan(rows_64, options)
    assert plan.steps == steps
    assert plan.data_tokens == sum(len(each.text.split()) for each in rows_64.examples)
    assert plan.train_tokens == plan.steps * plan.tokens_per_step
    assert plan.epochs == plan.train_tokens / plan.data_tokens
    fitted = trainer_for(LEXICAL).fit(rows_64, None, options, tmp_path, heard)
    assert fitted.steps == len(heard.checkpoints) == steps
    assert fitted.trained_tokens == plan.train_tokens
    chosen = heard.events["training-options"]
    assert chosen["training_steps"] == steps and chosen["batch"] > 0 and chosen["step_length"] > 0


def test_learning_rate_decides_how_far_a_step_goes(tmp_path: Path) -> None:
    losses = []
    for number, rate in enumerate((1e-7, 1e-5, 1e-4)):
        heard = Heard()
        options = TrainingOptions(training_steps=30, learning_rate=rate)
        trainer_for(LEXICAL).fit(data(rows(100)), None, options, tmp_path / str(number), heard)
        losses.append(heard.checkpoints[-1].train_loss)
    assert losses[0] > losses[1] > losses[2]


def test_highest_learning_rate_does_not_run_away(tmp_path: Path) -> None:
    _, manifest = train(
        tmp_path, data(rows(200)), data(rows(60, seed=2)), options=TrainingOptions(learning_rate=1)
    )
    assert manifest["metrics"]["validation"]["targets"]["topic"]["macro_f1"] > 0.9


def test_patience_ends_a_training_that_gains_nothing(tmp_path: Path) -> None:
    noise = [example(f"row {i}", {"topic": ["garden", "travel"][i % 2]}) for i in range(120)]
    heard = Heard()
    options = TrainingOptions(training_steps=2000, patience=2)
    fitted = trainer_for(LEXICAL).fit(
        data(noise[:80], [TOPIC]), data(noise[80:], [TOPIC]), options, tmp_path, heard
    )
    assert fitted.steps == heard.events["training-stopped-early"]["step"] < 2000


def test_long_texts_are_cut_for_training_alone(tmp_path: Path) -> None:
    tail = [
        example("the " * 120 + each.text, {"topic": each.labels["topic"][0]}) for each in rows(100)
    ]
    plan = trainer_for(LEXICAL).plan(data(tail, [TOPIC]), TrainingOptions(seq_len=100))
    assert plan.data_tokens == 100 * 100


# Going on, and the same again


def test_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    examples, valid = data(rows(200)), data(rows(50, seed=2))
    whole, _ = train(tmp_path / "whole", examples, valid)
    work, heard = tmp_path / "work", Heard()
    for stop_at in (30, 77, 160):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "part", examples, valid, work=work, heard=Heard(stop_at))
        assert not (tmp_path / "part" / "model" / "manifest.json").exists()
    resumed, _ = train(tmp_path / "part", examples, valid, work=work, heard=heard, known_steps=120)
    assert heard.events["training-resumed"] == {"step": 150}
    steps = [each.step for each in heard.checkpoints]
    assert steps == [*range(121, 161), *range(151, steps[-1] + 1)], "and tells what may be lost"
    assert resumed.digest == whole.digest
    pictures = [tmp_path / name / "model" / "report" / "loss.png" for name in ("whole", "part")]
    assert pictures[0].read_bytes() == pictures[1].read_bytes(), "the curve is whole too"


def test_state_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    heard = Heard()
    for seed in (1, 2):
        trainer_for(LEXICAL).fit(
            data(rows(60, seed=seed)), None, TrainingOptions(training_steps=60), tmp_path, heard
        )
    assert "training-resumed" not in heard.events
    assert len(heard.checkpoints) == 120


def test_damaged_state_is_begun_anew(tmp_path: Path) -> None:
    examples, heard = data(rows(60)), Heard(stop_at=55)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, examples, heard=heard)
    state = tmp_path / "work" / "lexical-state.npz"
    state.write_bytes(state.read_bytes()[:-1000])
    again, _ = train(tmp_path, examples, heard=(heard := Heard()))
    assert "training-resumed" not in heard.events
    whole, _ = train(tmp_path / "whole", examples)
    assert again.digest == whole.digest


@given(st.floats(0, 1), st.integers(1, 255), st.booleans())
def test_no_damage_to_a_state_ends_a_training(
    tmp_path_factory: pytest.TempPathFactory, place: float, change: int, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("state") / "state.npz"
    fresh = LexicalState.fresh(4, np.ones(3, np.float32), "a fingerprint")
    state = LexicalState.fresh(4, np.ones(3, np.float32), "a fingerprint")
    state.step = 7
    state.save(path)
    assert LexicalState.load(path, fresh).step == 7
    damaged = bytearray(path.read_bytes())
    where = int(place * (len(damaged) - 1))
    damaged[where] ^= change
    path.write_bytes(damaged[:where] if cut else damaged)
    found = LexicalState.load(path, fresh)
    assert found is fresh or (found.step == 7 and not cut), "all of it or nothing"


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> bytes:
        options = TrainingOptions(training_steps=40, seed=seed)
        found, _ = train(tmp_path / name, data(rows(120)), options=options)
        digests.append(found.digest)
        return (tmp_path / name / "model" / "lexical.npz").read_bytes()

    digests: list[str] = []
    assert weights("one", 3) == weights("two", 3) != weights("three", 4)
    assert digests[0] == digests[1] != digests[2]


# The folder


def test_folder_holds_all_that_a_reader_needs(trained: tuple[Path, Heard]) -> None:
    folder = trained[0]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*manifest["files"], "manifest.json"}
    assert {"lexical.npz", "metrics.json", "model-card.md", "report/loss.png"} <= there
    assert any(name.startswith("report/confusion-1") for name in there)
    for name in there:
        if name.endswith(".png"):
            assert (folder / name).read_bytes().startswith(b"\x89PNG")
    provenance = manifest["provenance"]
    assert provenance["files"] == {"train.jsonl": "0" * 64}
    assert provenance["rows"] == {"train": 400, "validation": 80, "test": 80}
    assert provenance["options"]["seed"] == 0 and provenance["libraries"]["numpy"]
    card = (folder / "model-card.md").read_text("utf-8")
    for word in ("## On 80 test rows", "`grumpy`", "macro F1", "0" * 64, "report/loss.png"):
        assert word in card


def test_names_in_the_data_do_not_break_the_card(tmp_path: Path) -> None:
    target = Target("a|b <img src=x>", ("x`|$y$", "line\nbreak"), LossFunction.SINGLE_CLASS)
    examples = [
        example(f"{'rose' if i % 2 else 'soup'} {i}", {target.name: target.labels[i % 2]})
        for i in range(60)
    ]
    train(tmp_path, data(examples, [target]), options=TrainingOptions(training_steps=20))
    card = (tmp_path / "model" / "model-card.md").read_text("utf-8")
    tables = [line for line in card.splitlines() if line.startswith("| `x'")]
    assert tables and all(line.count("|") - line.count("\\|") >= 3 for line in tables)
    assert "\n### a\\|b \\<img src=x\\>\n" in card


@pytest.mark.parametrize("name", ["lexical.npz", "model-card.md", "metrics.json"])
def test_changed_file_is_refused(trained: tuple[Path, Heard], tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "model")
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtefactError, match="was changed"):
        Classifier.load(folder)
    path.unlink()
    with pytest.raises(ArtefactError, match="is no classifier"):
        Classifier.load(folder)


def _change(manifest: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        manifest = manifest[parent]
    if value is None:
        del manifest[last]
    else:
        manifest[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 99),
        ("kind", "cascade"),
        ("targets", None),
        ("targets", []),
        ("model", {"kind": "pickle"}),
        ("model", []),
        ("files", {}),
        ("files/..", "0" * 64),
        ("thresholds/tone/grumpy", 1.5),
        ("thresholds/tone/grumpy", None),
        ("calibration/topic/temperature", -1.0),
        ("calibration/tone/grumpy/slope", float("nan")),
        ("calibration/tone", None),
    ],
)
def test_manifest_that_cannot_be_is_refused(
    trained: tuple[Path, Heard], tmp_path: Path, path: str, value: Any
) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "model")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    _change(manifest, path, value)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ArtefactError):
        Classifier.load(folder)


def test_thresholds_are_part_of_the_digest(trained: tuple[Path, Heard], tmp_path: Path) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "model")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    before = Classifier.load(folder)
    manifest["thresholds"]["tone"]["grumpy"] = 0.0
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    after = Classifier.load(folder)
    assert after.digest != before.digest
    assert "grumpy" in after.predict(["soup"])[0]["tone"].predictions


# Scores


def test_text_has_the_same_scores_in_any_batch(classifier: Classifier) -> None:
    texts = [each.text for each in rows(70, seed=9)]
    texts += ["", "\0", "🌹" * 40, "rose " * 700, " ".join(texts)]
    together = classifier.probabilities(texts)
    assert together.shape == (len(texts), 6)
    alone = np.concatenate([classifier.probabilities([text]) for text in texts])
    assert (together == alone).all()
    assert classifier.predict([]) == []
    assert classifier.probabilities([]).shape == (0, 6)


def test_long_text_hides_nothing_and_its_windows_vote(classifier: Classifier) -> None:
    hidden = "the soup is in the oven " * 60 + "rubbish useless annoying " * 20
    (answer,) = classifier.predict([hidden + "the soup is in the oven " * 60])
    assert "grumpy" in answer["tone"].predictions
    assert answer["topic"].predictions == ["kitchen"]


LOGITS = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.just(6)),
    elements=st.floats(-1e4, 1e4, width=32),
)
ANSWERS = arrays(np.float32, (12, 6), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]))


@given(LOGITS, ANSWERS)
@settings(max_examples=60, deadline=None)
def test_scores_are_probabilities(logits: np.ndarray, answers: np.ndarray) -> None:
    labels = answers[: len(logits)].copy()
    labels[:, :3] = np.eye(3, dtype=np.float32)[np.nan_to_num(labels[:, 0] * 2).astype(int) % 3]
    targets = (TOPIC, TONE)
    fitted = fit_calibration(logits, labels, targets)
    for calibration in (TargetCalibration.identity(targets), fitted):
        p = calibration(logits)
        assert ((p >= 0.0) & (p <= 1.0)).all()
        np.testing.assert_allclose(p[:, :3].sum(axis=1), 1.0, atol=1e-5)
        changed = logits.copy()
        changed[:, 3] += 5.0
        assert (calibration(changed)[:, [0, 1, 2, 4, 5]] == p[:, [0, 1, 2, 4, 5]]).all()
        again = TargetCalibration.from_json(json.loads(json.dumps(calibration.to_json())), targets)
        np.testing.assert_allclose(again(logits), p, atol=1e-6)


@given(
    arrays(np.float32, (30, 6), elements=st.floats(0, 1, width=32)),
    arrays(np.float32, (30, 6), elements=st.sampled_from([0.0, 0.3, 1.0, np.nan])),
    st.sampled_from([None, 0.5, 0.9, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_thresholds_lie_between_0_and_1(
    p: np.ndarray, labels: np.ndarray, precision: float | None
) -> None:
    found = choose_thresholds(p, labels, (TOPIC, TONE), precision=precision)
    assert set(found) == {"tone"} and list(found["tone"]) == list(TONE.labels)
    assert all(0.0 <= threshold <= 1.0 for threshold in found["tone"].values())
    made = predictions(p, (TOPIC, TONE), found)
    assert (made[:, :3].sum(axis=1) == 1).all()


def test_threshold_keeps_a_stated_precision() -> None:
    random = np.random.default_rng(1)
    p = random.random((4000, 6)).astype(np.float32)
    labels = (random.random((4000, 6)) < p).astype(np.float32)
    found = choose_thresholds(p, labels, (TOPIC, TONE), precision=0.9)["tone"]
    best = choose_thresholds(p, labels, (TOPIC, TONE))["tone"]
    for column, label in enumerate(TONE.labels, start=3):
        assert labels[p[:, column] >= found[label], column].mean() >= 0.89
        assert found[label] == pytest.approx(0.8, abs=0.08)
        assert best[label] < found[label]


def test_calibration_undoes_what_is_too_sure() -> None:
    random = np.random.default_rng(1)
    truth = random.normal(size=(3000, 6))
    chance = 1 / (1 + np.exp(-truth))
    labels = (random.random(truth.shape) < chance).astype(np.float32)
    powers = np.exp(truth[:, :3])
    shares = powers / powers.sum(axis=1, keepdims=True)
    labels[:, :3] = [random.multinomial(1, share) for share in shares]
    fitted = fit_calibration((4 * truth + 1).astype(np.float32), labels, (TOPIC, TONE))
    np.testing.assert_allclose(fitted.slopes, 0.25, atol=0.05)
    np.testing.assert_allclose(fitted.shifts[3:], -0.25, atol=0.15)


# Rows and names


def test_without_validation_rows_a_tenth_is_held_out(tmp_path: Path) -> None:
    heard = Heard()
    _, manifest = train(tmp_path, data(rows(100)), heard=heard)
    assert heard.events["validation-held-out"] == {"rows": 10, "of": 100}
    assert manifest["provenance"]["validation_held_out"] is True
    assert "held out by the seed" in (tmp_path / "model" / "model-card.md").read_text("utf-8")
    kept, out = hold_out(data(rows(100)), seed=0)
    assert {id(each) for each in kept.examples}.isdisjoint(id(each) for each in out.examples)
    assert [each.text for each in hold_out(data(rows(100)), seed=1)[1].examples] != [
        each.text for each in out.examples
    ]


def test_rows_that_cannot_teach_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 2 rows"):
        train(tmp_path, data(rows(1)))
    with pytest.raises(DataError, match="no rows"):
        trainer_for(LEXICAL).fit(data([]), None, TrainingOptions(), tmp_path, Heard())
    stranger = data([example("a fjord", {"topic": "boating"})])
    with pytest.raises(DataError, match="'topic' has no label 'boating'"):
        train(tmp_path, data(rows(20)), stranger)


def test_names_of_base_models() -> None:
    assert resolve_base(LEXICAL) == (LEXICAL, None)
    assert resolve_base(ENCODER) == (ENCODER, None)
    assert resolve_base("owner/some-encoder") == ("owner/some-encoder", None)
    for alias in ("ministral-3b-latest", "ministral-8b-latest", "open-mistral-nemo"):
        base, note = resolve_base(alias)
        assert base == LEXICAL and alias in (note or "")
        assert resolve_base(alias, default=ENCODER)[0] == ENCODER
    for name in ("", "gpt-4o", "../../etc", "a/b/c", "ft:classifier:x"):
        with pytest.raises(UnknownModelError, match="Valid are"):
            resolve_base(name)


def test_local_folder_is_a_base_model_where_folders_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_base(str(tmp_path)) == (str(tmp_path), None)
    with pytest.raises(UnknownModelError):
        resolve_base(str(tmp_path), allow_folders=False)


# Two of them


def test_comparison_says_which_is_better_and_where(classifier: Classifier, tmp_path: Path) -> None:
    weak, _ = train(tmp_path, data(rows(30, seed=4)), options=TrainingOptions(training_steps=2))
    judged = data(rows(150, seed=5))
    topic, tone = compare_classifiers(weak, classifier, judged, draws=200)
    for compared in (topic, tone):
        assert compared.rows == 150
        assert compared.macro_f1.is_beyond_chance and compared.macro_f1.difference > 0.1
        assert compared.macro_f1.low <= compared.macro_f1.difference <= compared.macro_f1.high
        assert compared.disagreeing_rows >= len(compared.disagreements) > 0
        distances = [each.distance for each in compared.disagreements]
        assert distances == sorted(distances, reverse=True)
        for each in compared.disagreements:
            assert each.text == judged.examples[each.row].text and each.first != each.second
    assert set(topic.labels) == set(TOPIC.labels)
    again = compare_classifiers(weak, classifier, judged, draws=200)
    assert [each.to_json() for each in again] == [topic.to_json(), tone.to_json()]
    json.dumps(topic.to_json(), allow_nan=False)


def test_a_classifier_equals_itself(classifier: Classifier) -> None:
    for compared in compare_classifiers(classifier, classifier, data(rows(60, seed=6)), draws=50):
        assert compared.disagreeing_rows == 0 and compared.disagreements == ()
        assert compared.macro_f1.low == compared.macro_f1.high == 0.0
        assert not compared.macro_f1.is_beyond_chance


def test_comparison_needs_something_in_common(classifier: Classifier) -> None:
    other = Target("colour", ("red", "blue"), LossFunction.SINGLE_CLASS)
    with pytest.raises(DataError, match="no target in common"):
        compare_classifiers(
            classifier, classifier, data([example("x", {"colour": "red"})], [other])
        )
    with pytest.raises(DataError, match="no row labels"):
        unlabelled = data([example("x", {"colour": "red"})])
        compare_classifiers(classifier, classifier, unlabelled)
