"""How grave a violation is."""

from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """Four degrees, each graver than the one before it; `rank` compares them."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low, 3 for critical."""
        return _RANKS[self]


_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}
