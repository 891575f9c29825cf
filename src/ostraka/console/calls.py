"""The call that a page just made, as the code that makes it again from elsewhere."""

from dataclasses import dataclass
from typing import Final

from ostraka.console.pages import Pages
from ostraka.console.vocabularies import Row, Vocabulary
from ostraka.moderator import DEFAULT_MODEL

LONGEST_TEXT: Final = 2_000
"""Longer texts are read from a file: nobody wants to paste them into a terminal."""

LANGUAGES: Final = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))


@dataclass(frozen=True, slots=True)
class Call:
    """One language: its code, as a template under `calls/` gives it."""

    language: str
    title: str
    code: str


def calls(
    pages: Pages,
    vocabulary: Vocabulary,
    *,
    address: str,
    text: str,
    model: str,
    answered: list[Row],
    needs_key: bool,
) -> list[Call]:
    """The call in each language. `address` is the server's own, without a slash at its end."""
    context = {
        "address": address,
        "text": text,
        "from_file": len(text) > LONGEST_TEXT,
        "model": None if model == DEFAULT_MODEL else model,
        "attributes": {row.name: {} for row in sorted(answered, key=lambda row: row.name)},
        "needs_key": needs_key,
    }
    return [
        Call(
            language, title, pages.text(f"calls/{vocabulary.api}/{language}.txt", **context).strip()
        )
        for language, title in LANGUAGES
    ]


def remarks(vocabulary: Vocabulary, *, text: str, model: str) -> list[str]:
    """What the code does not show."""
    found = []
    if vocabulary.name == "everything":
        found.append(
            "This call answers OpenAI's 13 names. The others, toxicity and spam among them, "
            "are answered in Perspective's words."
        )
    if vocabulary.api == "perspective" and model != DEFAULT_MODEL:
        found.append(f"Perspective's API names no model: it always asks {DEFAULT_MODEL}.")
    if len(text) > LONGEST_TEXT:
        found.append("Your text is long, so the code reads it from text.txt.")
    return found
