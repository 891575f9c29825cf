"""Prompts that say nearly the same as an earlier one.

A prompt's MinHash is kept in bands: two prompts that share one are compared by the pieces of five
characters that they have in common. What is found is told to moderators and decides nothing, since
whether two questions are one is theirs to say.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.trees.background_tables import TreeNearDuplicateRow, TreePromptBandRow
from ostraka.trees.tables import TreeMessageRow
from ostraka.trees.values import Message

SIMILAR: Final = 0.7
"""The share of pieces in common from which two prompts are nearly the same."""
_PIECE: Final = 5
_BANDS, _ROWS = 16, 4
_HASHES: Final = np.random.default_rng(20230412).integers(
    1, 2**63, size=(2, _BANDS * _ROWS), dtype=np.uint64
)
_CANDIDATES: Final = 100


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A prompt, and the earlier one that it is nearly the same as."""

    message_id: str
    of_message_id: str
    similarity: float
    found_at: datetime


def pieces(text: str) -> frozenset[str]:
    """What two texts are compared by: case, punctuation and blanks make no difference."""
    plain = " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
    last = max(1, len(plain) - _PIECE + 1)
    return frozenset(plain[start : start + _PIECE] for start in range(last))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of pieces that two texts have in common (Jaccard)."""
    return len(one & other) / len(one | other)


def bands(text: str) -> list[int]:
    """The MinHash of a text, cut into bands; texts of like pieces share some."""
    hashed = np.array([zlib.crc32(piece.encode()) for piece in pieces(text)], dtype=np.uint64)
    factor, offset = _HASHES[0] | np.uint64(1), _HASHES[1]
    with np.errstate(over="ignore"):
        mixed = (hashed[:, None] * factor + offset) >> np.uint64(32)
    least = mixed.min(axis=0).reshape(_BANDS, _ROWS)
    return [
        int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), signed=True)
        for row in least
    ]


def compare_prompt(session: Session, prompt: Message, now: datetime) -> NearDuplicate | None:
    """Keep a prompt's bands, and say which earlier prompt of its language it is most like.

    Doing it again for the same text changes nothing; another text replaces what was kept.
    """
    forget_prompt(session, prompt.id)
    own, digests = pieces(prompt.text), bands(prompt.text)
    best: NearDuplicate | None = None
    for other_id, other_text in _candidates(session, prompt, digests):
        alike = similarity(own, pieces(other_text))
        if alike >= SIMILAR and (best is None or alike > best.similarity):
            best = NearDuplicate(prompt.id, other_id, alike, now)
    session.add_all(
        TreePromptBandRow(message_id=prompt.id, band=band, digest=digest)
        for band, digest in enumerate(digests)
    )
    if best is not None:
        session.add(
            TreeNearDuplicateRow(
                message_id=prompt.id,
                of_message_id=best.of_message_id,
                similarity=best.similarity,
                created_at=now,
            )
        )
    session.flush()
    return best


def list_near_duplicates(session: Session, limit: int) -> list[NearDuplicate]:
    """What was found, the newest first; deleted prompts are left out."""
    found = session.scalars(
        select(TreeNearDuplicateRow)
        .join(TreeMessageRow, TreeMessageRow.id == TreeNearDuplicateRow.message_id)
        .where(~TreeMessageRow.deleted)
        .order_by(TreeNearDuplicateRow.created_at.desc(), TreeNearDuplicateRow.message_id)
        .limit(limit)
    )
    return [
        NearDuplicate(row.message_id, row.of_message_id, row.similarity, row.created_at)
        for row in found
    ]


def forget_prompt(session: Session, message_id: str) -> None:
    """Drop what is kept of a prompt's text."""
    for table in (TreePromptBandRow, TreeNearDuplicateRow):
        for row in session.scalars(select(table).where(table.message_id == message_id)):
            session.delete(row)
    session.flush()


def _candidates(session: Session, prompt: Message, digests: list[int]) -> Iterator[tuple[str, str]]:
    """Earlier prompts that share a band, the oldest first."""
    found: set[str] = set()
    for band, digest in enumerate(digests):
        rows = select(TreePromptBandRow.message_id).where(
            TreePromptBandRow.band == band, TreePromptBandRow.digest == digest
        )
        found.update(session.scalars(rows.limit(_CANDIDATES)))
    yield from session.execute(
        select(TreeMessageRow.id, TreeMessageRow.text)
        .where(
            TreeMessageRow.id.in_(found - {prompt.id}),
            TreeMessageRow.language == prompt.language,
            ~TreeMessageRow.deleted,
            TreeMessageRow.created_at <= prompt.created_at,
        )
        .order_by(TreeMessageRow.created_at, TreeMessageRow.id)
    )
