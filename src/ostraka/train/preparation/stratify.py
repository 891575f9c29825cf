"""Rows into parts whose labels are alike, by iterative stratification.

After Sechidis, Tsoumakas and Vlahavas (2011): the rarest label first, each of its rows goes to the
part that lacks it most; rows without a label go where rows are lacking.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified(
    labels: Sequence[Sequence[int]],
    shares: Sequence[float],
    seed: int,
    weights: Sequence[int] | None = None,
) -> NDArray[np.int8]:
    """The part of every unit.

    A unit is a row, or rows that stay together: `weights` says how many. `labels` holds the numbers
    of its labels, `shares` how much of the whole each part is to get.
    """
    # Lists, not arrays: they are looked at one number at a time.
    sizes = [1] * len(labels) if weights is None else [int(weight) for weight in weights]
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    columns = max((max(each, default=-1) for each in labels), default=-1) + 1
    totals = [0] * columns
    holders: list[list[int]] = [[] for _ in range(columns)]
    for unit in order:
        for label in labels[unit]:
            totals[label] += sizes[unit]
            holders[label].append(unit)
    whole = sum(sizes)
    room = [share * whole for share in shares]
    lacking = [[share * total for share in shares] for total in totals]
    assigned = [-1] * len(labels)
    left = {label: total for label, total in enumerate(totals) if total}

    def assign(unit: int, part: int) -> None:
        size = sizes[unit]
        assigned[unit] = part
        room[part] -= size
        for label in labels[unit]:
            lacking[label][part] -= size
            left[label] -= size

    parts = [part for part, share in enumerate(shares) if share > 0]
    while left:
        rarest = min(left, key=lambda label: (left[label], label))
        for unit in holders[rarest]:
            if assigned[unit] < 0:
                wants = lacking[rarest]
                assign(unit, max(parts, key=lambda part: (wants[part], room[part])))
        del left[rarest]
        for label in labels_of_none(left):
            del left[label]
    for unit in order:
        if assigned[unit] < 0:
            assign(unit, max(parts, key=lambda part: room[part]))
    return np.array(assigned, np.int8)


def labels_of_none(left: dict[int, int]) -> list[int]:
    """Labels all of whose rows have a part already."""
    return [label for label, count in left.items() if count <= 0]
