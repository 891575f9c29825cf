"""Real items, mixed into episodes: texts that people judged, with the share that saw a violation.

Only the text and the share are real. The author's record is the generator's, and what is right is
computed by the policy engine, as for every other item: the share stands for the score.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from ostraka.environment.items import CATEGORY_OF, Draft, Stance
from ostraka.environment.library import Split
from ostraka.environment.policies import Level
from ostraka.environment.randomness import Draw, digest
from ostraka.errors import DataError, InvalidInputError
from ostraka.taxonomy import Category, ViolationType

if TYPE_CHECKING:
    from ostraka.train.examples import Example

CLEARLY: Final = 0.9
"""From this share on, people agree; below what is left of 1, too. Others are doubtful."""
LONGEST: Final = 4000
_MOST_VOTES: Final = 1000
_NEVER: Final = "sexual/minors"
"""Real texts of this class are never dealt, to nobody."""

_CATEGORIES: Final = {
    **CATEGORY_OF,
    Category.SPAM: "spam",
    Category.INSULT: "insult",
    Category.HARASSMENT: "harassment",
    Category.HARASSMENT_THREATENING: "harassment/threatening",
    Category.HATE: "hate",
    Category.HATE_THREATENING: "hate",
    Category.ILLICIT: "illicit",
    Category.ILLICIT_VIOLENT: "illicit",
    Category.SELF_HARM: "self-harm/intent",
    Category.SELF_HARM_INTENT: "self-harm/intent",
    Category.SELF_HARM_INSTRUCTIONS: "self-harm/intent",
    "identity_attack": "hate",
    "threat": "harassment/threatening",
}
"""The category of the communities' policies that a label stands for, by the label's name: a
violation type, one of our categories, or a column of civil_comments."""

_REDACTED: Final = (
    ("[e-mail]", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")),
    ("[link]", re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)),
    ("[address]", re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b")),
    ("[name]", re.compile(r"(?<!\w)@\w+")),
    ("[number]", re.compile(r"\+?\d[\d\s().-]{5,}\d")),
)


class RealItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text with what `votes` people said: the `share` of them who saw `category` violated.

    `source` says which document it comes from; items of one source stand in one split.
    """

    text: str
    category: str
    share: float
    votes: int = 1
    source: str = ""

    @property
    def split(self) -> Split:
        """The split that it belongs to: 8 of 10 sources train, 1 validates, 1 tests."""
        place = int(digest("split", self.source or self.text)[:8], 16) % 10
        return (Split.VALIDATION, Split.TEST)[place] if place < 2 else Split.TRAIN

    @property
    def is_clear(self) -> bool:
        """Whether people agree."""
        return self.share >= CLEARLY or self.share <= 1 - CLEARLY


@dataclass(frozen=True, slots=True)
class Leftover:
    """How many rows could not be used, by the reason."""

    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, eq=False)
class RealItems:
    """The items of a file, and the share of an episode's items that they replace.

    `digest` is of both: episodes of other items are other episodes.
    """

    by_split: dict[Split, tuple[RealItem, ...]]
    share: float
    digest: str

    @classmethod
    def read(cls, path: Path, share: float = 0.3) -> Self:
        """The items that `write_items` wrote.

        Raises:
            DataError: the file cannot be read; names the line that is no item.
        """
        if not 0.0 < share <= 1.0:
            raise InvalidInputError("a share lies above 0 and is at most 1", field="--items-share")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        found = [_item_in(path, number, line) for number, line in _lines(content)]
        by_split = {split: tuple(e for e in found if e.split is split) for split in Split}
        return cls(by_split, share, digest(hashlib.sha256(content).hexdigest(), share))

    def replacement(self, draft: Draft, split: Split, level: Level, draw: Draw) -> Draft:
        """A real item instead of `draft`, as often as the share says; contrast pairs stay."""
        items = self.by_split[split]
        if draft.pair or draft.appeal is not None or not items or draw.share() >= self.share:
            return draft
        item = draw.one(items)
        if level is not Level.FULL and not item.is_clear:
            return draft
        return Draft(
            text=item.text,
            clause=f"real {item.category}" if item.category else "real, harmless",
            stance=_stance(item),
            family=f"real/{digest(item.text)[:12]}",
            record=draft.record,
            scores={item.category: item.share} if item.category else {},
            share=item.share,
            people=item.votes,
        )


def items_of(
    examples: Iterable[tuple["Example", int, str]], leftover: Leftover, *, redact: bool = False
) -> Iterator[RealItem]:
    """The items that labelled rows hold; each comes with its number of votes and its source."""
    for example, votes, source in examples:
        text = redacted(example.text) if redact else example.text
        if len(text) > LONGEST or example.is_conversation:
            leftover.counts["too long, or a conversation"] += 1
            continue
        shares = _shares(example)
        if shares is None:
            leftover.counts["labels that no policy here names"] += 1
            continue
        category, share = max(shares.items(), key=lambda each: each[1], default=("", 0.0))
        if category == _NEVER:
            leftover.counts["of a class that is never dealt"] += 1
            continue
        yield RealItem(text, category, share, min(max(votes, 1), _MOST_VOTES), source)


def redacted(text: str) -> str:
    """`text` without e-mail addresses, links, network addresses, @names and long numbers."""
    for mark, pattern in _REDACTED:
        text = pattern.sub(mark, text)
    return text


def _shares(example: "Example") -> dict[str, float] | None:
    """The share of people behind each category; None where a label means none of them."""
    found: dict[str, float] = {}
    for target, labels in example.labels.items():
        shares = example.soft_labels.get(target) or dict.fromkeys(labels, 1.0)
        for label, share in shares.items():
            if label == ViolationType.NONE:
                continue
            category = _CATEGORIES.get(label)
            if category is None:
                return None
            found[category] = max(found.get(category, 0.0), share)
    return found


def _stance(item: RealItem) -> Stance:
    if item.is_clear:
        return Stance.VIOLATING if item.share >= CLEARLY else Stance.CHATTER
    return Stance.UNCLEAR


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            yield number, line


def _item_in(path: Path, number: int, line: bytes) -> RealItem:
    try:
        item = msgspec.json.decode(line, type=RealItem)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, line {number}, is no item: {error}") from error
    if not 0.0 <= item.share <= 1.0 or not 1 <= item.votes <= _MOST_VOTES:
        raise DataError(f"{path}, line {number}: 'share' lies in [0, 1], 'votes' from 1 up")
    if item.category and item.category not in _CATEGORIES.values():
        known = ", ".join(sorted(set(_CATEGORIES.values()) - {_NEVER}))
        raise DataError(f"{path}, line {number}: 'category' is one of {known}")
    return item
