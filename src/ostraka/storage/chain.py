"""The chain of the audit log: how an entry is hashed, and where a log is broken.

Each hash covers the entry, its place and the hash before it. Whoever changes, removes, inserts or
moves an entry has to write every later hash anew; who cuts off the end has not. Both are found by
an `Anchor`, a place and its hash that were noted elsewhere.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Literal, Self

from ostraka.errors import InvalidInputError

GENESIS: Final = "0" * 64
"""What stands before the first entry."""

_HEX_DIGITS: Final = frozenset("0123456789abcdef")

Damage = Literal["removed", "inserted", "changed", "moved", "replaced", "truncated", "rewritten"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, in its place."""

    sequence: int
    created_at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, Any] = field(hash=False)
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that has no place yet."""

    created_at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that waits for its place, with its detail and what is hashed written already."""

    draft: Draft
    detail: str
    said: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in the log and the hash that stood there; keep one outside of the database."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The anchor that `ostraka audit head` printed.

        Raises:
            InvalidInputError: it is none.
        """
        sequence, _, digest = text.strip().partition(":")
        digits = sequence.isascii() and sequence.isdigit() and len(sequence) < 19
        if not digits or len(digest) != len(GENESIS) or not _HEX_DIGITS.issuperset(digest):
            raise InvalidInputError(
                f"'{text}' is no head of a log; give what `ostraka audit head` printed: "
                "SEQUENCE:HASH, a number and 64 hexadecimal digits",
                field="head",
            )
        return cls(int(sequence), digest)


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a log is not what was written."""

    sequence: int
    damage: Damage
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: `head` is the last entry up to which all is well."""

    entries: int
    head: Anchor | None
    broken: Break | None

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return self.broken is None


def link(draft: Draft, before: Anchor) -> Entry:
    """The draft as the entry behind `before`."""
    sequence = before.sequence + 1
    return Entry(
        sequence,
        draft.created_at,
        draft.actor,
        draft.act,
        draft.subject,
        draft.detail,
        before.hash,
        _digest(draft, sequence, before.hash),
    )


def check(entries: Iterable[Entry], anchors: Sequence[Anchor] = ()) -> Verification:
    """Walk the log in its order up to the first place that is broken."""
    noted = {anchor.sequence: anchor for anchor in anchors}
    before = Anchor(0, GENESIS)
    for entry in entries:
        broken = _flaw(entry, before, noted.get(entry.sequence))
        if broken is not None:
            return Verification(before.sequence, _head(before), broken)
        before = Anchor(entry.sequence, entry.hash)
    return Verification(before.sequence, _head(before), _shortfall(before, anchors))


def _flaw(entry: Entry, before: Anchor, noted: Anchor | None) -> Break | None:
    place = before.sequence + 1
    if entry.sequence > place:
        until = "" if entry.sequence == place + 1 else f" to {entry.sequence - 1}"
        return Break(place, "removed", f"Entry {place}{until} is not there.")
    if entry.sequence < place:
        message = f"Entry {entry.sequence} stands behind entry {before.sequence}."
        return Break(entry.sequence, "inserted", message)
    draft = Draft(entry.created_at, entry.actor, entry.act, entry.subject, entry.detail)
    fits = _digest(draft, entry.sequence, entry.previous_hash) == entry.hash
    follows = entry.previous_hash == before.hash
    if not fits and follows:
        message = f"Entry {place} was changed: what it says does not give its hash."
        return Break(place, "changed", message)
    if not fits:
        message = f"Entry {place} was moved here or put in: it has neither its hash nor its place."
        return Break(place, "moved", message)
    if not follows:
        message = f"Entry {place} does not follow the one before it: one of them was replaced."
        return Break(place, "replaced", message)
    if noted is not None and noted.hash != entry.hash:
        message = f"Entry {place} is not the one that was noted: the log was written anew."
        return Break(place, "rewritten", message)
    return None


def _shortfall(last: Anchor, anchors: Sequence[Anchor]) -> Break | None:
    furthest = max((anchor.sequence for anchor in anchors), default=0)
    if furthest <= last.sequence:
        return None
    place = last.sequence + 1
    message = f"The log ends with entry {last.sequence}, but entry {furthest} was noted."
    return Break(place, "truncated", message)


def _head(anchor: Anchor) -> Anchor | None:
    return anchor if anchor.sequence else None


def _digest(draft: Draft, sequence: int, previous_hash: str) -> str:
    return digest_of(previous_hash, sequence, said_by(draft))


def digest_of(previous_hash: str, sequence: int, said: str) -> str:
    """The hash of an entry in its place."""
    return sha256(f'["{previous_hash}",{sequence},{said}'.encode("ascii")).hexdigest()


def said_by(draft: Draft) -> str:
    """What is hashed behind the hash before it and its place, to the end of the JSON array."""
    head = [
        draft.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        draft.actor,
        draft.act,
        draft.subject,
    ]
    return f"{json.dumps(head, separators=(',', ':'))[1:-1]},{written(draft.detail)}]"


def plain(detail: dict[str, Any]) -> dict[str, Any]:
    """The detail as it comes back from a database, so that its hash is the same then.

    Raises:
        ValueError: it cannot be written as JSON.
    """
    read: dict[str, Any] = json.loads(json.dumps(detail, allow_nan=False))
    return read


def written(detail: dict[str, Any]) -> str:
    """A plain detail as JSON, the one way in which it is hashed."""
    return json.dumps(detail, sort_keys=True, separators=(",", ":"), allow_nan=False)
