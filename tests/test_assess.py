import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.assess.artefact import bundled_artefact_folder
from ostraka.assess.cascade import Bands, Cascade
from ostraka.assess.lexical import LexicalModel
from ostraka.assess.normalize import normalize
from ostraka.errors import ArtefactError, InvalidInputError, UnknownModelError
from ostraka.moderator import Moderator
from ostraka.taxonomy import Category


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("You are an 1D10T", "you are an idiot"),
        ("i.d.i.o.t", "idiot"),
        ("s t u p i d", "stupid"),
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


@given(st.lists(st.text(max_size=80), min_size=1, max_size=8))
def test_lexical_scores_do_not_depend_on_the_batch(texts: list[str]) -> None:
    random = np.random.default_rng(0)
    model = LexicalModel(random.normal(size=(1024, 3)).astype(np.float32), np.zeros(3, np.float32))
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
