"""Which windows of a long text the encoder reads, with the encoder that ships."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ostraka.assess.artefact import Artefact, bundled_artefact_folder
from ostraka.assess.encoder import Doubt, EncoderModel
from ostraka.assess.pooling import Pooling
from ostraka.moderator import Moderator
from ostraka.taxonomy import Category

CALM = "The weather was fine and we walked along the river to the old mill. "
LONG = f"{CALM * 9}Nobody asked you, fool. {CALM * 9}"
VOTES = 1


def encoder(doubt: Doubt | None) -> EncoderModel:
    folder = bundled_artefact_folder()
    return EncoderModel(
        folder / "encoder.onnx",
        folder / "tokenizer.json",
        tokens=64,
        pooling=Pooling(averaged=(VOTES,)),
        doubt=doubt,
    )


def doubt_of(word: str, column: int = 0, *, shortest: int = 0) -> Doubt:
    """Doubt of one category wherever a word stands in a text of at least so many characters."""

    def doubt(texts: Sequence[str]) -> NDArray[np.bool_]:
        table = np.zeros((len(texts), 2), np.bool_)
        table[:, column] = [word in text and len(text) >= shortest for text in texts]
        return table

    return doubt


@pytest.fixture(scope="module")
def whole() -> NDArray[np.float32]:
    """The logits of all windows."""
    logits, counts = encoder(None).window_logits([LONG])
    assert counts.tolist() == [len(logits)]
    assert len(logits) >= 5
    return logits


def test_windows_without_doubt_are_not_read(whole: NDArray[np.float32]) -> None:
    read, counts = encoder(doubt_of("fool")).window_logits(["Thank you.", LONG, CALM])
    assert counts[0] == counts[2] == 1  # what is asked of a short text is answered
    assert 1 <= counts[1] < len(whole)
    places = [
        next(i for i, row in enumerate(whole) if np.array_equal(row, each)) for each in read[1:-1]
    ]
    assert places == list(range(places[0], places[0] + len(places)))


@pytest.mark.parametrize(
    "doubt",
    [
        pytest.param(doubt_of("fool", VOTES), id="windows-vote"),
        pytest.param(doubt_of("nothing"), id="no-doubt"),
        pytest.param(doubt_of("fool", shortest=1000), id="only-the-whole"),
    ],
)
def test_all_windows_are_read_where_doubt_names_none(
    doubt: Doubt, whole: NDArray[np.float32]
) -> None:
    read, _ = encoder(doubt).window_logits([LONG])
    assert np.array_equal(read, whole)


def test_what_is_read_is_part_of_the_version(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_artefact_folder(), folder)
    before = Artefact.load(folder).stages
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["stages"][0]["bands"]["low"][0] /= 2
    (folder / "manifest.json").write_text(json.dumps(manifest))
    after = Artefact.load(folder).stages
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [True, False]


def test_what_hides_in_a_long_text_is_read(moderator: Moderator) -> None:
    calm, rude = moderator.moderate_many(
        [CALM * 30, f"{CALM * 15}You are a stupid worthless idiot. {CALM * 15}"]
    )
    assert rude.stage == "encoder"
    assert rude.scores[Category.INSULT] > max(0.6, 10 * calm.scores[Category.INSULT])
    assert not calm.flagged
