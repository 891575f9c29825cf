"""Labelled rows from wherever the caller names: folders of JSONL, or public data sets."""

from collections.abc import Sequence
from pathlib import Path

from ostraka.train.data import Row, digest_files, find_parts, read_folder
from ostraka.train.public import PUBLIC_SETS, public_rows


def is_public(source: Path) -> bool:
    """Whether `source` names a public data set; a folder of that name comes first."""
    return str(source) in PUBLIC_SETS and not source.is_dir()


def read_sources(
    sources: Sequence[Path], part: str, *, exclude: frozenset[str] = frozenset()
) -> list[Row]:
    """Every row of one part of `sources`, without the sources in `exclude`.

    Raises:
        DataError: a folder or data set is not there, or a row is no labelled row.
        MissingExtraError: a public data set without the `datasets` library.
    """
    rows = read_folder([each for each in sources if not is_public(each)], part, exclude=exclude)
    for source in filter(is_public, sources):
        rows.extend(public_rows(str(source), part))
    return rows


def digest_sources(
    sources: Sequence[Path], parts: Sequence[str], *, exclude: frozenset[str] = frozenset()
) -> dict[str, str]:
    """SHA-256 of every file that `read_sources` reads; public data sets by their repository."""
    folders = [each for each in sources if not is_public(each)]
    files = [path for part in parts for path in find_parts(folders, part)]
    digests = digest_files(path for path in files if path.parent.name not in exclude)
    return digests | {str(s): PUBLIC_SETS[str(s)].repository for s in sources if is_public(s)}
