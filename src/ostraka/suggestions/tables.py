"""The table of this room."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class SuggestionRow(Identified, Base):
    """One suggestion, as it came. `key_id` says who vouches for it."""

    __tablename__ = "suggestions"

    text: Mapped[str] = mapped_column(Text)
    scores: Mapped[dict[str, float]]
    languages: Mapped[list[str]]
    community_id: Mapped[str | None] = mapped_column(String(200), index=True)
    client_token: Mapped[str | None] = mapped_column(String(1000))
    key_id: Mapped[str | None] = mapped_column(String(64))
