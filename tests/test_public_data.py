"""Public data sets through the real library, from a local copy of the same columns."""

from pathlib import Path

import pytest

pytest.importorskip("datasets", reason="needs the datasets extra")

import datasets

from ostraka.errors import DataError
from ostraka.taxonomy import CIVIL_COMMENTS, Category
from ostraka.train.public import public_rows


def test_civil_comments(tmp_path: Path) -> None:
    shares = {name: [0.0, 0.8, 0.3] for name in CIVIL_COMMENTS.names}
    table = datasets.Dataset.from_dict({"text": ["Hello", "You fool", "Hm"]} | shares)
    table.to_parquet(tmp_path / "train-00000.parquet")
    rows = list(public_rows("civil_comments", "train", repository=str(tmp_path)))
    assert [row.text for row in rows] == ["Hello", "You fool", "Hm"]
    assert rows[0].labels[Category.HATE] == 0.0
    assert rows[1].labels[Category.PROFANITY] == 1.0
    assert rows[2].labels == {}


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown data set"):
        next(public_rows("nonsense", "train"))
    with pytest.raises(DataError, match="no part"):
        next(public_rows("civil_comments", "nonsense"))
    with pytest.raises(DataError, match="cannot load"):
        next(public_rows("civil_comments", "train", repository=str(tmp_path / "nowhere")))
    datasets.Dataset.from_dict({"text": ["Hello"]}).to_parquet(tmp_path / "train-0.parquet")
    with pytest.raises(DataError, match="no column 'toxicity'"):
        next(public_rows("civil_comments", "train", repository=str(tmp_path)))
