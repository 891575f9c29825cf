"""Evasion variants: a text as somebody would write it to get past a filter.

Used twice: to augment training rows, and to make the robustness test set out of held-out rows.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

_LEET: Final = str.maketrans("aeiost", "431057")
_HOMOGLYPHS: Final = str.maketrans("aeopcyx", "аеорсух")
_ZERO_WIDTH: Final = "\u200b"


def random_case(text: str, random: np.random.Generator) -> str:
    """Letters in upper or lower case at random."""
    upper = random.random(len(text)) < 0.5
    return "".join(c.upper() if u else c.lower() for c, u in zip(text, upper, strict=True))


def leetspeak(text: str, random: np.random.Generator) -> str:
    """Half of the words with digits for letters, first letters kept."""
    words = text.split(" ")
    return " ".join(
        word[:1] + word[1:].translate(_LEET) if len(word) > 3 and random.random() < 0.5 else word
        for word in words
    )


def spaced(text: str, random: np.random.Generator) -> str:
    """A third of the longer words with a space between their letters."""
    words = text.split(" ")
    return " ".join(
        " ".join(word) if 3 < len(word) < 12 and word.isalpha() and random.random() < 0.33 else word
        for word in words
    )


def zero_width(text: str, random: np.random.Generator) -> str:
    """A zero-width character inside half of the longer words."""
    words = text.split(" ")
    return " ".join(
        word[: len(word) // 2] + _ZERO_WIDTH + word[len(word) // 2 :]
        if len(word) > 3 and random.random() < 0.5
        else word
        for word in words
    )


def homoglyphs(text: str, random: np.random.Generator) -> str:
    """Half of the words with Cyrillic letters that look Latin."""
    return " ".join(
        word.translate(_HOMOGLYPHS) if random.random() < 0.5 else word for word in text.split(" ")
    )


def elongated(text: str, random: np.random.Generator) -> str:
    """A vowel of a third of the longer words repeated."""
    words = text.split(" ")
    return " ".join(
        _stretch(word) if len(word) > 3 and random.random() < 0.33 else word for word in words
    )


def dropped_letter(text: str, random: np.random.Generator) -> str:
    """A third of the longer words without one inner letter."""
    words = text.split(" ")
    out = []
    for word in words:
        if len(word) > 4 and random.random() < 0.33:
            cut = int(random.integers(1, len(word) - 1))
            word = word[:cut] + word[cut + 1 :]
        out.append(word)
    return " ".join(out)


def with_emoji(text: str, random: np.random.Generator) -> str:
    """Neutral emoji between the words."""
    words = text.split(" ")
    picture = "🙂😂🔥👍✨"[int(random.integers(5))]
    return " ".join(f"{word} {picture}" if random.random() < 0.2 else word for word in words)


def _stretch(word: str) -> str:
    for index, character in enumerate(word):
        if character in "aeiou":
            return word[:index] + character * 4 + word[index + 1 :]
    return word


VARIANTS: Final[dict[str, Callable[[str, np.random.Generator], str]]] = {
    "case": random_case,
    "leetspeak": leetspeak,
    "spacing": spaced,
    "zero-width": zero_width,
    "homoglyphs": homoglyphs,
    "elongation": elongated,
    "dropped letter": dropped_letter,
    "emoji": with_emoji,
}


def augment(text: str, random: np.random.Generator) -> str:
    """`text` in one variant, chosen at random."""
    variants = list(VARIANTS.values())
    return variants[int(random.integers(len(variants)))](text, random)
