"""The table of this room."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ostraka.storage.tables import Base, Identified


class ApiKeyRow(Identified, Base):
    """One API key. Revoked ones stay: what they did must remain attributable."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
