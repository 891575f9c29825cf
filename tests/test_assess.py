import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.assess.artefact import bundled_artefact_folder
from ostraka.assess.cascade import Bands, Cascade
from ostraka.assess.lexical import WINDOW, LexicalModel, LexicalWeights, windows
from ostraka.assess.normalize import normalize
from ostraka.assess.pooling import SHORT, Pooling
from ostraka.errors import ArtefactError, InvalidInputError, UnknownModelError
from ostraka.moderator import Moderator
from ostraka.taxonomy import Category


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("You are an 1D10T", "you are an idiot"),
        ("i.d.i.o.t", "idiot"),
        ("s t u p i d", "stupid"),
        ("so  l.o.*n g", "so long"),
        ("I a m", "i a m"),
        ("sooo good, good!!!!", "soo good, good!!"),
        ("\0\0\0 no", "\0\0\0 no"),
        ("stu\u200bpid", "stupid"),
        ("stuрid", "stupid"),
        ("mp3 and covid19 at 5pm", "mp3 and covid19 at 5pm"),
        ("Привет", "привет"),
    ],
)
def test_normalize(written: str, read: str) -> None:
    assert normalize(written) == read


@given(st.text(max_size=200))
def test_normalize_is_total(text: str) -> None:
    assert isinstance(normalize(text), str)


@given(st.text("aab?~ .-_*\n", max_size=30))
def test_ascii_is_read_as_beside_other_scripts(text: str) -> None:
    assert normalize(f"{text} яя").removesuffix("яя").rstrip() == normalize(text)


def small_lexical_model(pooling: Pooling | None = None) -> LexicalModel:
    random = np.random.default_rng(0)
    weights = random.normal(size=(1024, 3)).astype(np.float32)
    frequencies = random.uniform(1, 9, 1024).astype(np.float32)
    learnt = LexicalWeights.quantised(weights, np.zeros(3, np.float32), frequencies)
    return LexicalModel(learnt, pooling)


def test_lexical_weights_survive_the_disk(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(64, 2)).astype(np.float32)
    learnt = LexicalWeights.quantised(weights, np.ones(2, np.float32), np.ones(64, np.float32))
    learnt.save(tmp_path / "a.npz")
    learnt.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = LexicalWeights.load(tmp_path / "a.npz")
    assert np.array_equal(loaded.weights, learnt.weights)
    assert np.abs(loaded.weights * loaded.scale - weights).max() < 0.02


@given(st.text(max_size=3000))
def test_windows_cover_the_text(text: str) -> None:
    parts = windows(text)
    assert all(len(part) <= WINDOW for part in parts)
    assert all(part in text for part in parts)
    assert text.startswith(parts[0]) and text.endswith(parts[-1])
    assert sum(map(len, parts)) >= len(text)


def test_what_hides_in_a_long_text_is_found(moderator: Moderator) -> None:
    filler = "The weather was fine and we walked along the river. " * 40
    hidden = moderator.moderate(f"{filler} You are a stupid worthless idiot. {filler}")
    assert hidden.scores[Category.INSULT] > 5 * moderator.moderate(filler).scores[Category.INSULT]


@given(
    st.lists(st.text("ab ", max_size=3000), min_size=1, max_size=5),
    st.floats(0.1, 1.0, allow_subnormal=False),
)
def test_length_is_discounted_up_to_a_limit(texts: list[str], rate: float) -> None:
    logits = np.random.default_rng(0).standard_normal((len(texts), 3)).astype(np.float32)
    less = logits - Pooling(discounted=(0, 2), rate=rate).discount(logits, texts)
    assert np.array_equal(less[:, 1], np.zeros(len(texts)))
    for text, by in zip(texts, less[:, 0].tolist(), strict=True):
        assert (by > 0) == (len(text) > SHORT) or len(text) - SHORT <= 1
        assert by <= rate * np.log(8) + 1e-5
    order = np.argsort([len(text) for text in texts])
    assert (np.diff(less[order, 2]) >= -1e-5).all()


def test_discounted_scores_do_not_depend_on_the_batch() -> None:
    plain, model = small_lexical_model(), small_lexical_model(Pooling((0,), (1, 2), 0.5))
    texts = ["fool", "nice day " * 100, "a fool " * 900, "nice"]
    together = model.logits(texts)
    assert np.array_equal(together, np.concatenate([model.logits([text]) for text in texts]))
    assert (together[2, 1:] < plain.logits([texts[2]])[0, 1:]).all()
    assert np.array_equal(together[3], plain.logits(["nice"])[0])


@given(st.lists(st.text(max_size=700), min_size=1, max_size=8))
def test_lexical_scores_do_not_depend_on_the_batch(texts: list[str]) -> None:
    model = small_lexical_model()
    together = model.logits(texts)
    alone = np.concatenate([model.logits([text]) for text in texts])
    assert np.array_equal(together, alone)


def test_any_string_is_scored(moderator: Moderator) -> None:
    for verdict in moderator.moderate_many(["", " ", "\ud800", "\x00", "a" * 10_000, "👍"]):
        assert set(verdict.scores) == set(moderator.categories)
        assert all(0.0 <= score <= 1.0 for score in verdict.scores.values())


class FixedStage:
    def __init__(self, name: str, scores: list[float]) -> None:
        self.name = name
        self.digest = "00"
        self.categories = (Category.HATE,)
        self._scores = scores
        self.asked: list[str] = []

    def assess(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[self._scores[int(text)]] for text in texts], np.float32)


def test_cascade_asks_the_next_stage_only_where_unsure() -> None:
    first, second = FixedStage("a", [0.1, 0.5, 0.9]), FixedStage("b", [0.0, 0.7, 0.0])
    band = Bands(np.array([0.3], np.float32), np.array([0.6], np.float32))
    cascade = Cascade("c", (first, second), {"a": band, "b": band}, "")
    judged = cascade.judge(["0", "1", "2"])
    assert second.asked == ["1"]
    assert [(each.stage, each.sure) for each in judged] == [("a", True), ("b", True), ("a", True)]
    assert [round(float(each.scores[0]), 1) for each in judged] == [0.1, 0.7, 0.9]


def test_explanation_finds_the_word(moderator: Moderator) -> None:
    text = "What a lovely idiot"
    spans = moderator.explain(text, "insult")
    strongest = max(spans, key=lambda span: span.weight)
    assert text[strongest.begin : strongest.end] == "idiot"
    with pytest.raises(InvalidInputError):
        moderator.explain(text, "nonsense")


def test_pins(moderator: Moderator) -> None:
    pinned = moderator.models[0].pinned_id
    assert moderator.moderate("hello", model=pinned).model == pinned
    with pytest.raises(UnknownModelError):
        moderator.moderate("hello", model="ostraka-cascade@sha256:abc")


def test_changed_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_artefact_folder(), folder)
    weights = folder / "lexical.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtefactError, match="was changed"):
        Moderator.load(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ArtefactError, match="format 99"):
        Moderator.load(folder)
    with pytest.raises(ArtefactError):
        Moderator.load(tmp_path / "nowhere")
