"""Labelled rows from folders of JSONL, as one table with a mask for what is unknown.

A row is `{"id", "source", "text", "labels": {category: 0|1}, "orig": {…}}`. A category that is
absent from `labels` is *unknown*, never 0: it is masked out of every loss and every metric.
`orig.weak` marks labels that were inferred (from the place a text was found, say).
"""

import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.errors import DataError
from ostraka.taxonomy import Category

_JIGSAW_COLUMNS: Final = (
    Category.TOXICITY,
    Category.SEVERE_TOXICITY,
    Category.PROFANITY,
    Category.HARASSMENT_THREATENING,
    Category.INSULT,
    Category.HATE,
)
_SPAN_TYPES: Final = {"Insult": Category.INSULT, "Profane/Obscene": Category.PROFANITY}
_PERSPECTIVE_COLUMNS: Final = {
    "profanity": Category.PROFANITY,
    "insult": Category.INSULT,
    "severe_toxicity": Category.SEVERE_TOXICITY,
}

EVALUATION_ONLY: Final = frozenset(
    {"openai-moderation", "hatecheck", "hatecheck-multilingual", "xstest", "simple-safety-tests"}
    | {"madlibs-bias"}
)
"""Sources that are never trained on, nor templates made from them."""

SET_ASIDE: Final = EVALUATION_ONLY | {"germeval2018", "hh-harmless-test"}
"""Those, and sources that are not English or not labelled: left out of training, of calibration
and of the figures over all sources; each still gets figures of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. `labels` holds the known categories only, as probabilities."""

    id: str
    source: str
    text: str
    labels: dict[Category, float]
    weak: bool
    origin: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as arrays, both float32 (n, categories): `labels`, NaN where unknown, and `weights`."""

    rows: Sequence[Row]
    categories: tuple[Category, ...]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [row.text for row in self.rows]

    def take(self, indices: NDArray[np.int64]) -> "Table":
        """The rows at `indices`, in that order."""
        return Table(
            [self.rows[i] for i in indices],
            self.categories,
            self.labels[indices],
            self.weights[indices],
        )


def open_text(path: Path) -> IO[str]:
    """`path` as UTF-8 text, decompressed by its suffix (`.gz`, `.zst`)."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    if path.suffix == ".zst":
        import zstandard

        raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"))
        return io.TextIOWrapper(raw, encoding="utf-8")
    return path.open(encoding="utf-8")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of one JSONL file.

    Raises:
        DataError: a line is no JSON object of the row shape; names file and line.
    """
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _parse_row(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                what = f"no {error}" if isinstance(error, KeyError) else error
                raise DataError(
                    f"{path}, line {number}: not a labelled row ({what}); one has a 'text', and "
                    f"'labels' with 0 or 1 for categories: {', '.join(Category)}"
                ) from error


def _parse_row(raw: dict[str, Any]) -> Row:
    origin = raw.get("orig") or {}
    source = raw.get("source", "")
    labels = {Category(name): float(value) for name, value in raw["labels"].items()}
    labels.update(_derived_labels(source, origin, labels))
    text = raw["text"]
    if not isinstance(text, str):
        raise TypeError("text must be a string")
    return Row(str(raw.get("id", "")), source, text, labels, bool(origin.get("weak")), origin)


def _derived_labels(
    source: str, origin: dict[str, Any], labels: dict[Category, float]
) -> dict[Category, float]:
    """Perspective's finer labels, where a source carries them in its own columns."""
    derived: dict[Category, float] = {}
    if source == "jigsaw-wiki" and "six" in origin:
        derived = {c: float(v) for c, v in zip(_JIGSAW_COLUMNS, origin["six"], strict=True)}
    elif source == "toxic-spans-civil" and "types" in origin:
        for name, category in _SPAN_TYPES.items():
            share = origin["types"].get(name, 0.0)
            if share >= 0.5 or share == 0.0:
                derived[category] = float(share >= 0.5)
    elif source == "rtp-prompts":
        for name, category in _PERSPECTIVE_COLUMNS.items():
            value = origin.get(name)
            if value is not None and (value >= 0.7 or value <= 0.3):
                derived[category] = float(value >= 0.7)
    if labels.get(Category.TOXICITY) == 0.0:
        for category in (Category.INSULT, Category.PROFANITY, Category.SEVERE_TOXICITY):
            derived.setdefault(category, 0.0)
    return {category: value for category, value in derived.items() if category not in labels}


def find_parts(roots: Iterable[Path], part: str) -> list[Path]:
    """The files `part.jsonl[.gz|.zst]` in the folders `roots` and one level below, sorted."""
    found: set[Path] = set()
    for root in roots:
        if not root.is_dir():
            raise DataError(f"{root} is not a folder")
        for pattern in (f"{part}.jsonl*", f"*/{part}.jsonl*"):
            found.update(root.glob(pattern))
    return sorted(found)


def digest_files(paths: Iterable[Path]) -> dict[str, str]:
    """`{folder/name: sha256}` of each file's bytes."""
    return {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def tabulate(
    rows: Sequence[Row], categories: tuple[Category, ...], weak_weight: float = 0.3
) -> Table:
    """Rows as arrays; unknown labels weigh 0, inferred ones `weak_weight`, all others 1."""
    labels = np.full((len(rows), len(categories)), np.nan, dtype=np.float32)
    column = {category: index for index, category in enumerate(categories)}
    for i, row in enumerate(rows):
        for category, value in row.labels.items():
            if category in column:
                labels[i, column[category]] = value
    trust = np.array([weak_weight if row.weak else 1.0 for row in rows], dtype=np.float32)
    return Table(rows, categories, labels, trust[:, None] * ~np.isnan(labels))


def read_folder(
    roots: Iterable[Path], part: str, *, exclude: frozenset[str] = frozenset()
) -> list[Row]:
    """Every row of `part` under `roots` but those of the sources in `exclude`."""
    paths = [path for path in find_parts(roots, part) if path.parent.name not in exclude]
    return [row for path in paths for row in read_rows(path) if row.source not in exclude]
