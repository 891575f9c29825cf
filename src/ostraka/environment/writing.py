"""From a pattern to what somebody wrote: blanks filled, in a register, perhaps disguised."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ostraka.environment.randomness import Draw

_BLANK: Final = re.compile(r"\{(\w+)\}")
_WORD: Final = re.compile(r"[A-Za-z]{5,}")
_LOOKALIKES: Final = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"})


def filled(pattern: str, blanks: Mapping[str, Sequence[str]], draw: Draw) -> str:
    """`pattern` with each blank filled; one name stands for one thing throughout a text."""
    chosen: dict[str, str] = {}

    def fill(blank: re.Match[str]) -> str:
        name = blank[1]
        if name not in chosen:
            chosen[name] = draw.one(blanks[name])
        return chosen[name]

    return _BLANK.sub(fill, pattern)


def quoted(frame: str, core: str) -> str:
    """`core` held at arm's length by `frame`."""
    return frame.replace("{core}", core)


def in_register(text: str, draw: Draw, openings: Sequence[str]) -> str:
    """`text` as one of several people would have typed it. The register says nothing of guilt."""
    chance = draw.share()
    if chance < 0.15:
        return text.lower().rstrip(".!")
    if chance < 0.22:
        return text.upper()
    if chance < 0.5:
        return f"{draw.one(openings)} {text}"
    if chance < 0.58:
        return f"{text} :)"
    if chance < 0.64:
        return text.replace(".", "!!")
    return text


def disguised(text: str, draw: Draw) -> str:
    """`text` with its longer words spelled so that a simple filter misses them."""
    way = draw.one((_as_figures, _spaced, _dotted, _doubled))
    return _WORD.sub(lambda word: way(word[0]) if draw.share() < 0.6 else word[0], text)


def _as_figures(word: str) -> str:
    return word.translate(_LOOKALIKES)


def _spaced(word: str) -> str:
    return " ".join(word)


def _dotted(word: str) -> str:
    return f"{word[:2]}.{word[2:]}"


def _doubled(word: str) -> str:
    return f"{word[:2]}{word[1:]}"
