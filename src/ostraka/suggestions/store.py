"""Suggestions in the database, and out of it as labelled rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.storage.ids import new_id
from ostraka.suggestions.tables import SuggestionRow
from ostraka.taxonomy import PERSPECTIVE

SOURCE: Final = "suggestions"
"""The source that exported rows name."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a client says of a text: a score in [0, 1] by attribute, of any name."""

    text: str
    scores: dict[str, float]
    languages: Sequence[str] = field(default=())
    community_id: str | None = None
    client_token: str | None = None
    key_id: str | None = None


def keep(session: Session, suggestion: Suggestion, now: datetime) -> str:
    """Keep a suggestion; returns its id."""
    row = SuggestionRow(
        id=new_id("suggestion"),
        created_at=now,
        text=suggestion.text,
        scores=suggestion.scores,
        languages=list(suggestion.languages),
        community_id=suggestion.community_id,
        client_token=suggestion.client_token,
        key_id=suggestion.key_id,
    )
    session.add(row)
    session.flush()
    return row.id


def labelled_rows(session: Session, community: str | None = None) -> Iterator[dict[str, Any]]:
    """Suggestions in the format that training reads, oldest first.

    `labels` holds what Perspective's attributes mean in our categories; attributes of other names
    label nothing and stay, with everything else that came, in `orig`.
    """
    wanted = select(SuggestionRow).order_by(SuggestionRow.id)
    if community is not None:
        wanted = wanted.where(SuggestionRow.community_id == community)
    for row in session.scalars(wanted.execution_options(yield_per=500)):
        yield {
            "id": row.id,
            "source": SOURCE,
            "text": row.text,
            "labels": labels_of(row.scores),
            "orig": {
                "scores": row.scores,
                "languages": row.languages,
                "community": row.community_id,
                "client_token": row.client_token,
                "key": row.key_id,
                "created_at": row.created_at.isoformat(),
            },
        }


def labels_of(scores: dict[str, float]) -> dict[str, float]:
    """Attribute scores as scores of our categories; of two names for one, the higher counts."""
    labels: dict[str, float] = {}
    for name, score in scores.items():
        for category in PERSPECTIVE.mapping.get(name, ()):
            labels[category] = max(score, labels.get(category, 0.0))
    return labels
