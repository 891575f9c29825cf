"""A weight table is trained on these hashes: what they are may not change under it."""

import threading

import numpy as np
import pytest

from ostraka.assess import lexical
from ostraka.assess.calibration import Calibration, CategoryMap
from ostraka.assess.features import extract
from ostraka.assess.lexical import LexicalModel, LexicalWeights, windows
from ostraka.assess.normalize import normalize

BUCKETS, WIDTH = 4096, 3
TEXTS = [
    "You are all wonderful.",
    "a",
    "",
    "...",
    "Don't s t o p me now!!! It's 5pm, M\u00fcnchen \u65e5\u672c\u8a9e \U0001f44d",
    "What a l0vely day " * 400,
]
LOGITS = [
    [-1.158944, 0.048914, 0.582054],
    [-0.799242, -0.085592, 0.627896],
    [-1.0, 0.0, 0.5],
    [-1.0, 0.0, 0.5],
    [-0.842116, -0.180282, 0.61164],
    [-1.35274, 0.251229, 1.714579],
]


def table() -> np.ndarray:
    rows, columns = np.ogrid[:BUCKETS, :WIDTH]
    scrambled = (rows * 2654435761 + columns * 40503 * 65536) % 2**32
    return (scrambled / 2**32 - 0.5).astype(np.float32)


BIAS = np.array([-1.0, 0.0, 0.5], np.float32)
FREQUENCIES = (1 + np.arange(BUCKETS) % 7).astype(np.float32)
LEARNT = LexicalWeights.quantised(table(), BIAS, FREQUENCIES)


@pytest.fixture
def model() -> LexicalModel:
    return LexicalModel(LEARNT)


def by_definition(text: str) -> np.ndarray:
    """Sum every feature's row, one after the other."""
    highest = np.full(WIDTH, -np.inf)
    for window in windows(normalize(text)):
        total = BIAS.astype(np.float64)
        for features in extract([window]):
            if len(features.hashes):
                buckets = features.hashes & np.uint32(BUCKETS - 1)
                rows = LEARNT.weights[buckets].astype(np.float64) * LEARNT.scale
                length = np.sqrt(np.square(FREQUENCIES[buckets].astype(np.float64)).sum())
                total = total + rows.sum(axis=0) / length
        highest = np.maximum(highest, total)
    return highest


def test_hashes_are_frozen() -> None:
    words, grams = extract(["you are all", "a"])
    assert words.counts.tolist() == [5, 1]
    assert grams.counts.tolist() == [18, 1]
    assert words.hashes.tolist() == [
        1338196082,
        686162068,
        3630901016,
        591546587,
        3333635591,
        3761708825,
    ]
    assert int(np.bitwise_xor.reduce(grams.hashes)) == 3853626599


def test_logits_are_frozen(model: LexicalModel) -> None:
    assert model.logits(TEXTS) == pytest.approx(np.array(LOGITS), abs=1e-5)


@pytest.mark.parametrize("text", TEXTS)
def test_logits_are_the_sums_of_the_features(model: LexicalModel, text: str) -> None:
    assert model.logits([text])[0] == pytest.approx(by_definition(text), abs=1e-4)


def test_a_full_vocabulary_changes_no_score(
    model: LexicalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model.logits(TEXTS)
    monkeypatch.setattr(lexical, "_KEPT_BYTES", 200)
    small = LexicalModel(LEARNT)
    alone = np.concatenate([small.logits([text]) for text in TEXTS * 2])
    assert np.array_equal(alone, np.concatenate([before, before]))


def test_threads_see_the_same_scores(model: LexicalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"word{number} and word{number + 1} meet" for number in range(400)]
    expected = model.logits(texts)
    monkeypatch.setattr(lexical, "_KEPT_BYTES", 500)
    small = LexicalModel(LEARNT)
    wrong: list[str] = []

    def work(offset: int) -> None:
        for number in range(len(texts)):
            row = (number * 7 + offset) % len(texts)
            if not np.array_equal(small.logits([texts[row]])[0], expected[row]):
                wrong.append(texts[row])

    threads = [threading.Thread(target=work, args=(offset * 50,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_calibration_in_one_pass_is_that_of_each_map() -> None:
    random = np.random.default_rng(0)
    maps = [
        CategoryMap(
            np.sort(random.normal(scale=scale, size=size)).astype(np.float32),
            np.sort(random.random(size)).astype(np.float32),
        )
        for scale, size in ((1, 1), (3, 2), (20, 40), (0.01, 5))
    ]
    logits = random.normal(scale=10, size=(500, len(maps))).astype(np.float32)
    together = Calibration(maps)(logits)
    for column, category_map in enumerate(maps):
        assert together[:, column] == pytest.approx(category_map(logits[:, column]), abs=1e-5)
