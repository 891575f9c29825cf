"""What a classifier was made from: sources, licences, label counts, digests."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ostraka.train.data import Row, find_parts
from ostraka.train.sources import digest_sources, is_public

_LINE: Final = re.compile(r"^- (origin|licence of the data): (.+)$", re.MULTILINE)
_UNKNOWN: Final = "not stated"


def describe_sources(
    sources: Sequence[Path], rows: Iterable[Row], *, exclude: frozenset[str]
) -> dict[str, Any]:
    """Per source its origin, licence, files with SHA-256, and labels seen as [positive, negative].

    Origin and licence come from the lines `- origin: …` and `- licence of the data: …` of the
    README beside the rows, where there is one.
    """
    labels: dict[str, Counter[tuple[str, bool]]] = {}
    for row in rows:
        counts = labels.setdefault(row.source, Counter())
        counts.update((str(category), value > 0.5) for category, value in row.labels.items())
    stated = _stated([source for source in sources if not is_public(source)])
    digests = digest_sources(sources, ("train", "dev"), exclude=exclude)
    return {
        name: {
            "origin": stated.get(name, {}).get("origin", _UNKNOWN),
            "licence": stated.get(name, {}).get("licence of the data", _UNKNOWN),
            "files": {
                path: value for path, value in digests.items() if path.startswith(f"{name}/")
            },
            "labels": {
                category: [counts[category, True], counts[category, False]]
                for category in sorted({category for category, _ in counts})
            },
        }
        for name, counts in sorted(labels.items())
    }


def _stated(folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in find_parts(folders, "train"):
        readme = path.parent / "README.md"
        if readme.is_file():
            found[path.parent.name] = dict(_LINE.findall(readme.read_text("utf-8")))
    return found


def notice(manifest: Mapping[str, Any]) -> str:
    """The attributions that go with a classifier, as text."""
    lines = [
        "Ostraka",
        "",
        "The classifier in src/ostraka/assess/bundled was trained on the public data sets below.",
        "No text of theirs is part of this package. Its encoder starts from all-MiniLM-L6-v2",
        "(Apache-2.0, sentence-transformers).",
        "",
    ]
    for name, source in manifest["provenance"]["sources"].items():
        lines += [name, f"  origin: {source['origin']}", f"  licence: {source['licence']}"]
        lines += [f"  {path} sha256 {digest}" for path, digest in source["files"].items()]
    return "\n".join(lines) + "\n"
