"""A share of a count, with the interval in which the true share lies."""

from dataclasses import dataclass
from math import sqrt
from typing import Final, Self

Z: Final = 1.959964
"""Intervals hold the true value nineteen times in twenty."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`. Value and interval are None where nothing was counted."""

    hits: int
    of: int
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def counted(cls, hits: int, of: int) -> Self:
        """The share with its interval by E. B. Wilson, which holds for small counts too."""
        if of == 0:
            return cls(hits, of, None, None, None)
        share, squared = hits / of, Z * Z
        middle = share + squared / (2 * of)
        reach = Z * sqrt(share * (1 - share) / of + squared / (4 * of * of))
        whole = 1 + squared / of
        low = 0.0 if hits == 0 else max(0.0, (middle - reach) / whole)
        high = 1.0 if hits == of else min(1.0, (middle + reach) / whole)
        return cls(hits, of, share, low, high)
