"""Mild texts to try, each with a point of its own."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Example:
    """A button of the page."""

    name: str
    title: str
    text: str


EXAMPLES: Final = (
    Example("kind", "Kind", "Thank you for your help, have a lovely day."),
    Example("rude", "Rude", "You are a stupid idiot and everybody laughs at you."),
    Example("disguised", "Disguised", "Y0u are a stu pid 1d1ot!!!"),
    Example("criticism", "Criticism", "I think this referee was blind and useless today."),
    Example("everyday", "Everyday", "How do I kill a Python process that hangs?"),
    Example("spam", "Spam", "Win a free prize now! Click the link below to claim your gift card."),
)
BY_NAME: Final = {example.name: example for example in EXAMPLES}
