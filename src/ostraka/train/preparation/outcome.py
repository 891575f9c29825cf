"""A selection written down: three JSONL files, and a report for machines and for people."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ostraka.train.preparation.files import FILE_NAMES, sha256, written_together
from ostraka.train.preparation.notebook import SAFE
from ostraka.train.preparation.pool import Pool
from ostraka.train.preparation.recipe import Options, Part, Recipe, Selection

REPORT: Final = "preparation.json"
READABLE: Final = "preparation.md"
OUTPUTS: Final = (*FILE_NAMES.values(), REPORT, READABLE)
_DIGITS: Final = 4
_KEPT_ENDINGS: Final = 1 << 16


def write(
    folder: Path,
    selection: Selection,
    pools: Mapping[str, Pool],
    options: Options,
    source: Mapping[str, Any],
    *,
    replace: bool = False,
) -> dict[str, Any]:
    """Write files and report into `folder`; the report. `source` says where the rows are from.

    Raises:
        DataError: they are there already, or cannot be written.
    """
    names = [FILE_NAMES[part] for part in selection.parts]
    with written_together(folder, [*names, REPORT, READABLE], replace=replace) as scratch:
        for name, part in selection.parts.items():
            with (scratch / FILE_NAMES[name]).open("wb") as file:
                file.writelines(_lines(part, selection, options))
        outcome = _report(scratch, selection, pools, options, source)
        (scratch / REPORT).write_text(json.dumps(outcome, indent=1) + "\n", "utf-8")
        (scratch / READABLE).write_text(readable(outcome), "utf-8")
    return outcome


def _lines(part: Part, selection: Selection, options: Options) -> Iterator[bytes]:
    """A line for each row. Annotators are few, so that few rows differ in more than their text."""
    names = part.pool.labels
    kept = [names[label] for label in selection.kept]
    labels = part.labels[part.rows][:, selection.kept]
    shares = part.pool.shares[part.rows]
    is_notebook = options.recipe is Recipe.NOTEBOOK
    encode = _as_notebook if is_notebook else msgspec.json.Encoder().encode
    opening, separator = (b'{"text": ', b", ") if is_notebook else (b'{"text":', b",")

    @lru_cache(_KEPT_ENDINGS)
    def ending(held: bytes, share: bytes) -> bytes:
        carried = list(compress(kept, held))
        rest: dict[str, Any] = {"labels": {options.target: carried or [SAFE] * is_notebook}}
        if options.soft_labels and not is_notebook:
            rounded = (round(each, _DIGITS) for each in np.frombuffer(share, np.float32).tolist())
            rest["soft_labels"] = {options.target: dict(zip(names, rounded, strict=True))}
        return separator + encode(rest)[1:] + b"\n"

    for row, held, share in zip(part.rows, _raw(labels), _raw(shares), strict=True):
        yield opening + encode(part.pool.text(row)) + ending(held, share)


def _as_notebook(value: Any) -> bytes:
    return json.dumps(value).encode()


def _raw(rows: NDArray[Any]) -> Iterator[bytes]:
    """The bytes of each row."""
    whole, width = rows.tobytes(), rows.itemsize * rows.shape[1]
    return (whole[start : start + width] for start in range(0, len(whole), width))


def _report(
    scratch: Path,
    selection: Selection,
    pools: Mapping[str, Pool],
    options: Options,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    labels = next(iter(pools.values())).labels
    outcome: dict[str, Any] = {
        "options": options.to_json(),
        "source": dict(source)
        | {
            "parts": {
                name: {"rows": len(pool), "left_out": pool.left_out, "rows_sha256": pool.digest}
                for name, pool in pools.items()
            }
        },
        "labels": [labels[index] for index in selection.kept],
        "files": {
            FILE_NAMES[name]: _described(part, selection, scratch / FILE_NAMES[name])
            for name, part in selection.parts.items()
        },
        "notes": selection.notes + [line for pool in pools.values() for line in pool.problems],
    }
    if options.recipe is Recipe.BALANCED:
        outcome["frequent_labels"] = [labels[index] for index in selection.frequent]
    return outcome


def _described(part: Part, selection: Selection, file: Path) -> dict[str, Any]:
    chosen = part.labels[part.rows][:, selection.kept]
    flagged = int(chosen.any(axis=1).sum())
    counts = chosen.sum(axis=0).tolist()
    return {
        "rows": len(part.rows),
        "looked_at": part.looked_at,
        "flagged": flagged,
        "not_flagged": len(part.rows) - flagged,
        "duplicates_left_out": part.duplicates,
        "reached": {name: round(share, 4) for name, share in part.reached.items()},
        "labels": {
            part.pool.labels[label]: count
            for label, count in zip(selection.kept, counts, strict=True)
        },
        "bytes": file.stat().st_size,
        "sha256": sha256(file),
    }


def readable(outcome: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    options = outcome["options"]
    files = outcome["files"]
    rule = "over" if options["recipe"] == Recipe.NOTEBOOK else "from"
    lines = [
        "# Preparation",
        "",
        f"Source: {outcome['source']['name']}. Recipe: {options['recipe']}. "
        f"Labels {rule} {options['threshold']} of the annotators. Seed: {options['seed']}.",
        "",
        f"| | {' | '.join(files)} |",
        f"|---|{'--:|' * len(files)}",
    ]

    def line(name: str, values: list[str]) -> None:
        lines.append(f"| {name} | {' | '.join(values)} |")

    for key, name in (
        ("looked_at", "rows looked at"),
        ("rows", "rows"),
        ("flagged", "flagged"),
        ("not_flagged", "not flagged"),
    ):
        line(name, [f"{file[key]:,}" for file in files.values()])
    for label in outcome["labels"]:
        line(f"`{label}`", [f"{file['labels'][label]:,}" for file in files.values()])
    if balance := options.get("balance"):
        for key, name in (("clean_share", "clean"), ("frequent_share", "frequent labels only")):
            reached = [f"{file['reached'][key]:.1%}" for file in files.values()]
            line(f"{name}, {balance[key]:.1%} wanted", reached)
    line("SHA-256", [f"`{file['sha256'][:16]}…`" for file in files.values()])
    if outcome.get("frequent_labels"):
        lines += ["", f"Frequent labels: {', '.join(outcome['frequent_labels'])}."]
    if outcome["notes"]:
        lines += ["", *(f"- {note}" for note in outcome["notes"])]
    return "\n".join(lines) + "\n"
