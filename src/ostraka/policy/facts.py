"""What a policy may know of an item: a plain value, gathered before it is evaluated.

The text itself is not among the facts, so that a verdict's facts can stay when a text is erased.
They are structs of msgspec's, since a backtest reads millions of them.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from ostraka.errors import InvalidInputError

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A table of facts. It holds what JSON can hold, so nothing in it refers back to it."""


class PriorAction(_Part, frozen=True):
    """What was done to an earlier item of the same author."""

    action: str
    violation: str
    days_ago: Amount


class AuthorFacts(_Part, frozen=True):
    """The author's record. An item without a known author has this one's defaults.

    `strikes` is the sum of the weights of those that have not expired; `violations` counts every
    upheld violation, expired or not. `age_days` is None where nobody knows.
    """

    strikes: Amount = 0.0
    violations: Count = 0
    prior_actions: tuple[PriorAction, ...] = ()
    banned: bool = False
    age_days: Amount | None = None
    known: bool = False


class ItemFacts(_Part, frozen=True):
    """What the caller said of the item."""

    language: str = ""
    source: str = ""
    reach: Count = 0
    has_parent: bool = False
    metadata: Mapping[str, Any] = msgspec.field(default_factory=dict)


class ThreadFacts(_Part, frozen=True):
    """The thread that the item stands in: how many items, and how many of them were violations."""

    items: Count = 0
    violations: Count = 0


class ReportFacts(_Part, frozen=True):
    """How many people reported the item, in all and for each violation type."""

    count: Count = 0
    violations: Mapping[str, Count] = msgspec.field(default_factory=dict)


class AppealFacts(_Part, frozen=True):
    """An open appeal. `plausible` is None while nobody has looked at its evidence."""

    reason: str = ""
    plausible: bool | None = None


class Facts(_Part, frozen=True):
    """Everything that rules can ask about.

    `scores` holds what was scored and nothing else: a category that no assessor models is absent,
    never 0. `sure` is false where the last assessor was in doubt. `msgspec.structs.replace` makes
    changed copies.
    """

    scores: Mapping[str, Score] = msgspec.field(default_factory=dict)
    text_length: Count = 0
    sure: bool = True
    stage: str = ""
    author: AuthorFacts = AuthorFacts()
    item: ItemFacts = ItemFacts()
    thread: ThreadFacts = ThreadFacts()
    reports: ReportFacts = ReportFacts()
    appeal: AppealFacts | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON; `from_dict` makes the same facts of it."""
        written: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        written["author"]["prior_actions"] = list(written["author"]["prior_actions"])
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Facts":
        """The facts that `as_dict` wrote, or a part of them: what is left out has its default.

        Raises:
            InvalidInputError: an unknown fact, or a value of the wrong type.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise _explained(error) from error

    @classmethod
    def from_json(cls, data: str | bytes) -> "Facts":
        """`from_dict` of JSON as it is stored, without a detour."""
        try:
            return _DECODER.decode(data)
        except msgspec.DecodeError as error:  # a ValidationError is one too
            raise _explained(error) from error


_DECODER: Final = msgspec.json.Decoder(Facts)
_PLACE: Final = re.compile(r"(.*?) - at `(?:key in )?\$\.?(.*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


def _explained(error: msgspec.DecodeError) -> InvalidInputError:
    """The library's complaint, with the name of the fact and what would be valid."""
    placed = _PLACE.match(str(error))
    message, place = (placed[1], placed[2]) if placed else (str(error), "")
    place = place.removesuffix("[...]")
    if unknown := _UNKNOWN.match(message):
        known = ", ".join(_known(place))
        place = f"{place}.{unknown[1]}".lstrip(".")
        return InvalidInputError(f"'{place}' is no fact; known here: {known}", field=place)
    wanted = message.replace("Expected ", "expected ").replace("Object ", "object ")
    return InvalidInputError(f"'{place}': {wanted}" if place else wanted, field=place or None)


def _known(place: str) -> tuple[str, ...]:
    """The facts of the table at `place`."""
    tables: dict[str, type[msgspec.Struct]] = {
        "": Facts,
        "author": AuthorFacts,
        "author.prior_actions": PriorAction,
        "item": ItemFacts,
        "thread": ThreadFacts,
        "reports": ReportFacts,
        "appeal": AppealFacts,
    }
    return tables[re.sub(r"\[.*?\]", "", place)].__struct_fields__
