"""Which rows our recipe takes.

Every row with a rare label stays. Rows whose labels are all frequent are drawn until they make up a
stated share of the flagged rows, and clean rows until they make up a stated share of all. Of texts
that count as the same, one stays. Nothing depends on the order of the source but through the seed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ostraka.train.preparation.order import Order

TOO_RARE: Final = 0.01
"""Where fewer of the flagged rows have a rare label, holding frequent rows to them would leave next
to nothing: then all flagged rows stay."""

IsNew = Callable[[int], bool]
"""Whether a row's text has not been taken before; asking takes it."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Shares to reach. A label is frequent from `frequent_from` of the flagged rows on."""

    clean_share: float = 0.5
    frequent_share: float = 0.5
    frequent_from: float = 0.2


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows by kind, in the order of drawing."""

    rare: list[int]
    frequent_only: list[int]
    clean: list[int]
    is_balanced: bool = True
    """Whether rare labels were enough to hold rows with frequent ones to them."""

    @property
    def rows(self) -> list[int]:
        """All of them."""
        return self.rare + self.frequent_only + self.clean

    @property
    def clean_share(self) -> float:
        """Clean rows among all."""
        return len(self.clean) / max(len(self.rows), 1)

    @property
    def frequent_share(self) -> float:
        """Rows whose labels are all frequent among the flagged."""
        return len(self.frequent_only) / max(len(self.rare) + len(self.frequent_only), 1)


def labelled(shares: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """From the threshold on, as those who publish the data do."""
    return shares >= np.float32(threshold)


def frequent_labels(labels: NDArray[np.bool_], order: Order, balance: Balance) -> NDArray[np.bool_]:
    """Which labels are frequent among the flagged rows of `order`."""
    flagged = order[_any(labels)[order]]
    if not len(flagged):
        return np.zeros(labels.shape[1], np.bool_)
    return labels[flagged].mean(axis=0) >= balance.frequent_from


def choose(
    labels: NDArray[np.bool_],
    order: Order,
    frequent: NDArray[np.bool_],
    balance: Balance,
    is_new: IsNew,
) -> Chosen:
    """Rows of `order` in the stated balance, as near as the source allows."""
    has_rare = _any(labels[:, ~frequent])[order]
    flagged = _any(labels)[order]
    rare = _first(order[has_rare], None, is_new)
    balances = bool(has_rare.sum() >= TOO_RARE * flagged.sum() and has_rare.any())
    wanted = _beside(len(rare), balance.frequent_share) if balances else None
    frequent_only = _first(order[flagged & ~has_rare], wanted, is_new)
    wanted = _beside(len(rare) + len(frequent_only), balance.clean_share)
    clean = _first(order[~flagged], wanted, is_new)
    return Chosen(rare, frequent_only, clean, balances)


def _any(labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each row, in the order of the source: memory is read as it lies."""
    return np.asarray(labels.any(axis=1))


def _beside(others: int, share: float) -> int | None:
    """How many rows are `share` of the whole when the rest of it is `others`; None: all."""
    return None if share >= 1.0 else round(others * share / (1.0 - share))


def _first(rows: Iterable[np.int64], wanted: int | None, is_new: IsNew) -> list[int]:
    kept: list[int] = []
    for row in rows:
        if wanted is not None and len(kept) >= wanted:
            break
        if is_new(int(row)):
            kept.append(int(row))
    return kept
