"""What the judge's counters mean, in words and colours."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.judge.standing import Condition, Standing


@dataclass(frozen=True, slots=True)
class Words:
    """A chip's word, colour and picture, and a sentence beside it."""

    word: str
    kind: str
    picture: str
    meaning: str


_GOOD: Final = ("approve", "check")
_DOUBT: Final = ("warn", "warning")
_BAD: Final = ("remove", "stop")

OUTCOMES: Final = MappingProxyType(
    {
        name: Words(word, *look, meaning)
        for name, word, look, meaning in (
            ("asked", "Answered", _GOOD, "Asked, and answered in a way that can be used."),
            ("cached", "From the cache", _GOOD, "Answered before; nobody was asked."),
            ("shared", "Shared", _GOOD, "The same was being asked already."),
            ("unsure", "Unsure", _DOUBT, "Answered, but a category is missing or contradictory."),
            ("refusal", "Refusal", _DOUBT, "The judge refused to answer, so the text is unsure."),
            ("empty", "Empty", _DOUBT, "The answer had no text."),
            ("cut", "Cut off", _DOUBT, "The answer was longer than judge_max_tokens."),
            ("unparsable", "Unreadable", _DOUBT, "The answer was no JSON, or two answers in one."),
            ("schema", "Wrong schema", _DOUBT, "The answer did not fit its schema."),
            ("forged", "Forged", _DOUBT, "The answer lacked its marker: content may have made it."),
            ("busy", "Busy", _BAD, "The server said 429 for too long."),
            ("timeout", "Too slow", _BAD, "No answer in judge_seconds."),
            ("unavailable", "No answer", _BAD, "The server was down or failing."),
            ("refused", "Refused", _BAD, "The server refused our key, model or options."),
            ("ok", "Answered", _GOOD, "The server answered with 200."),
        )
    }
)


def outcome(name: str) -> Words:
    """The words for an outcome; a new one is shown by its name."""
    return OUTCOMES.get(name) or Words(name, *_DOUBT, "")


def standing_words(standing: Standing) -> Words:
    """Whether the judge is up, in one sentence that says what happens now."""
    match standing.condition:
        case Condition.UP:
            return Words("Up", *_GOOD, "It answers; what it said is counted below.")
        case Condition.FAILING:
            failed = f"The last {_count(standing.failures, 'request')} failed: {standing.reason}."
            return Words("Failing", *_DOUBT, f"{failed} It is still asked.")
        case Condition.DOWN:
            trial = f"The next trial is in {standing.trial_in:.0f} s."
            failed = f"{_count(standing.failures, 'request')} in a row failed: {standing.reason}."
            return Words(
                "Down", *_BAD, f"{failed} Questions fail at once, and nothing passes. {trial}"
            )
    return Words("Not asked yet", "", "clock", "This process has asked it nothing so far.")


def _count(number: int, noun: str) -> str:
    return noun if number == 1 else f"{number:,} {noun}s"
