"""Where in a TOML text something stands: a parsed document no longer knows its lines."""

import re
from collections.abc import Sequence
from typing import Final

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(
    r"^\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*="
)
_PART: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)")
_MULTILINE: Final = re.compile(r"\"\"\"|'''")

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table and key: `("rules", 2, "when")` and the like."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    closing = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            closing = "" if closing in line else closing
            continue
        if header := _HEADER.match(line):
            table = _table(_parts(header[2]), header[1] == "[[", counts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + _parts(key[1]), number)
            closing = _opened(line[key.end() :])
    return found


def line_of(found: dict[Path, int], path: Sequence[str | int]) -> int | None:
    """The line of the nearest thing around `path` that has one."""
    for length in range(len(path), 0, -1):
        if (line := found.get(tuple(path[:length]))) is not None:
            return line
    return None


def _parts(dotted: str) -> Path:
    return tuple(double or single or bare for double, single, bare in _PART.findall(dotted))


def _table(names: Path, is_array: bool, counts: dict[Path, int]) -> Path:
    """The path of a header; within an array of tables it goes through the newest one."""
    path: Path = ()
    for name in names[:-1]:
        path += (name,)
        if path in counts:
            path += (counts[path],)
    path += (names[-1],)
    if is_array:
        counts[path] = counts.get(path, -1) + 1
        path += (counts[path],)
    elif path in counts:
        path += (counts[path],)
    return path


def _opened(value: str) -> str:
    """The quotes of a string over several lines that begins here and does not end here."""
    opening = _MULTILINE.search(value)
    if opening is None:
        return ""
    return "" if opening[0] in value[opening.end() :] else opening[0]
