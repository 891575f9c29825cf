"""The options of both recipes, and what they make of the rows of a source.

A source has published parts (train, validation, test), or it is one pool that is divided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostraka.errors import DataError
from ostraka.train.preparation import balanced, notebook
from ostraka.train.preparation.balanced import Balance, Chosen
from ostraka.train.preparation.files import PARTS
from ostraka.train.preparation.order import Order, drawn, streamed
from ostraka.train.preparation.pool import Pool
from ostraka.train.preparation.stratify import stratified
from ostraka.train.preparation.texts import usable_key

WHOLE: Final = "whole"
"""The name of the one pool of a source without parts."""

_NEAR: Final = 0.01
"""How far from the balance that was asked for a part may be, beside two rows, without a note."""

DIVIDED: Final = (20, 1, 1)
"""How one file is divided where no sizes are given: as the notebook's sizes are."""


class Recipe(StrEnum):
    """How rows are chosen."""

    BALANCED = "balanced"
    NOTEBOOK = "notebook"


@dataclass(frozen=True, slots=True)
class Options:
    """What a preparation is to do. `sizes` are rows to look at, not rows to keep."""

    recipe: Recipe = Recipe.BALANCED
    threshold: float = 0.5
    sizes: tuple[int | None, int | None, int | None] = (None, None, None)
    seed: int = 42
    target: str = "moderation"
    balance: Balance = field(default_factory=Balance)
    soft_labels: bool = True

    def to_json(self) -> dict[str, Any]:
        """What of it applies."""
        raw = asdict(self) | {
            "recipe": str(self.recipe),
            "sizes": dict(zip(PARTS, self.sizes, strict=True)),
        }
        if self.recipe is Recipe.NOTEBOOK:
            del raw["balance"], raw["soft_labels"]
        return raw


@dataclass(slots=True)
class Part:
    """The chosen rows of one part, in their final order, and what was found on the way."""

    pool: Pool
    labels: NDArray[np.bool_]
    rows: list[int]
    looked_at: int
    duplicates: int = 0
    reached: dict[str, float] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)
    """Why a share in `reached` is not the one that was wanted."""


@dataclass(slots=True)
class Selection:
    """What a recipe chose. `kept` are the numbers of the labels that the files will name."""

    parts: dict[str, Part]
    kept: list[int]
    frequent: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def select(pools: Mapping[str, Pool], options: Options) -> Selection:
    """The rows that the recipe takes of each part.

    Raises:
        DataError: there are fewer rows than were asked for, or none that is flagged.
    """
    for name, pool in pools.items():
        if not len(pool):
            raise DataError(f"the source has no rows (part: {name})")
    if options.recipe is Recipe.NOTEBOOK:
        return _notebook(pools, options)
    return _whole(pools[WHOLE], options) if WHOLE in pools else _balanced(pools, options)


# The notebook's recipe


def _notebook(pools: Mapping[str, Pool], options: Options) -> Selection:
    shuffler = Random(options.seed)
    parts: dict[str, Part] = {}
    for name, (pool, order) in _notebook_orders(pools, options).items():
        labels = notebook.labelled(pool.shares, options.threshold)
        rows = notebook.filtered(labels, order)
        shuffler.shuffle(rows)
        parts[name] = Part(pool, labels, rows, len(order))
    if not any(part.rows for part in parts.values()):
        raise DataError(f"no row has a share over the threshold {options.threshold}")
    kept = notebook.kept_labels([part.labels[part.rows] for part in parts.values()])
    selection = Selection(parts, kept)
    selection.notes.append(
        f"the notebook's last shuffle has no seed; here it has one ({options.seed})"
    )
    labels_of = next(iter(parts.values())).pool.labels
    for label in (each for index, each in enumerate(labels_of) if index not in kept):
        selection.notes.append(f"{label} is dropped: under 1 % of the rows of all parts have it")
    unusable = sum(
        usable_key(part.pool.encoded(row)) is None for part in parts.values() for row in part.rows
    )
    if unusable:
        selection.notes.append(f"{unusable} texts are empty or too long; a job may refuse them")
    return selection


def _notebook_orders(pools: Mapping[str, Pool], options: Options) -> dict[str, tuple[Pool, Order]]:
    if WHOLE not in pools:
        sizes = dict(zip(PARTS, options.sizes, strict=True))
        defaults = dict(zip(PARTS, notebook.TAKEN, strict=True))
        orders = {}
        for name, pool in pools.items():
            orders[name] = pool, streamed(len(pool), sizes[name] or defaults[name], options.seed)
        return orders
    pool = pools[WHOLE]
    ends = np.cumsum(_sizes_of_whole(len(pool), options.sizes))
    order = streamed(len(pool), int(ends[-1]), options.seed)
    return {
        name: (pool, part) for name, part in zip(PARTS, np.split(order, ends[:-1]), strict=True)
    }


# Our recipe


def _balanced(pools: Mapping[str, Pool], options: Options) -> Selection:
    """The parts that were published; a text of the test part is in no other, and so on."""
    sizes = dict(zip(PARTS, options.sizes, strict=True))
    prepared: dict[str, tuple[NDArray[np.bool_], Order]] = {}
    for name, pool in pools.items():
        wanted = sizes[name]
        if wanted is not None and wanted > len(pool):
            raise DataError(f"{name} has {len(pool):,} rows, {wanted:,} were asked for")
        order = drawn(len(pool), wanted, options.seed, PARTS.index(name))
        labels = balanced.labelled(pool.shares, options.threshold)
        prepared[name] = labels, order
    first = next(iter(pools))
    frequent = balanced.frequent_labels(*prepared[first], options.balance)
    seen: set[bytes] = set()
    parts: dict[str, Part] = {}
    for name in reversed(list(pools)):
        part = _chosen(pools[name], *prepared[name], frequent, options, seen)
        _shuffle(part, options.seed, PARTS.index(name))
        parts[name] = part
    return _described({name: parts[name] for name in pools}, frequent, options)


def _whole(pool: Pool, options: Options) -> Selection:
    """One pool: chosen as a whole, then divided so that all parts have the same balance."""
    sizes = _sizes_of_whole(len(pool), options.sizes)
    order = drawn(len(pool), sum(sizes), options.seed, len(PARTS))
    labels = balanced.labelled(pool.shares, options.threshold)
    frequent = balanced.frequent_labels(labels, order, options.balance)
    whole = _chosen(pool, labels, order, frequent, options, set())
    chosen = labels[whole.rows]
    only_frequent = chosen.any(axis=1) & ~chosen[:, ~frequent].any(axis=1)
    # Kinds of rows are strata like labels, so that every part has the balance of the whole.
    strata = np.column_stack([chosen, only_frequent, ~chosen.any(axis=1)])
    numbers, ends = strata.nonzero()[1].tolist(), strata.sum(axis=1).cumsum().tolist()
    carried = [numbers[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assigned = stratified(carried, [size / sum(sizes) for size in sizes], options.seed)
    rows = np.array(whole.rows, np.int64)
    parts: dict[str, Part] = {}
    for number, name in enumerate(PARTS):
        own = rows[assigned == number].tolist()
        part = Part(pool, labels, own, sizes[number])
        part.reached = _reached(labels[own], frequent)
        part.missed = whole.missed or dict.fromkeys(
            part.reached, "the parts are divided by their labels, as near as whole rows allow"
        )
        _shuffle(part, options.seed, number)
        parts[name] = part
    selection = _described(parts, frequent, options)
    if whole.duplicates:
        selection.notes.append(f"{whole.duplicates:,} rows repeat the text of another: left out")
    return selection


def _sizes_of_whole(rows: int, sizes: Sequence[int | None]) -> list[int]:
    given = [size for size in sizes if size is not None]
    if not given:
        small = [rows * share // sum(DIVIDED) for share in DIVIDED[1:]]
        return [rows - sum(small), *small]
    if len(given) < len(sizes):
        raise DataError("one file is divided into three: give all three sizes, or none")
    if sum(given) > rows:
        raise DataError(f"the source has {rows:,} rows, {sum(given):,} were asked for")
    return given


def _chosen(
    pool: Pool,
    labels: NDArray[np.bool_],
    order: Order,
    frequent: NDArray[np.bool_],
    options: Options,
    seen: set[bytes],
) -> Part:
    duplicates = 0

    def is_new(row: int) -> bool:
        nonlocal duplicates
        key = usable_key(pool.encoded(row))
        if key is None:
            return False
        if key in seen:
            duplicates += 1
            return False
        seen.add(key)
        return True

    chosen: Chosen = balanced.choose(labels, order, frequent, options.balance, is_new)
    part = Part(pool, labels, chosen.rows, len(order), duplicates)
    part.reached = _reached(labels[part.rows], frequent)
    part.missed = {
        key: reason
        for key, (share, _) in _wanted(options).items()
        if abs(part.reached[key] - share) > _near(part)
        and (reason := _reason(key, share, part, chosen))
    }
    return part


def _reason(key: str, wanted: float, part: Part, chosen: Chosen) -> str:
    """Why rows of one kind are not the share that was wanted of them."""
    if key == "frequent_share" and not chosen.is_balanced:
        return "too few rows have a rare label to hold the others to them, so all flagged rows stay"
    if wanted >= 1.0:
        return "rows of the other kind are not left out"
    doubles = f", {part.duplicates:,} of which repeat a text" if part.duplicates else ""
    return f"there are no others among the rows looked at{doubles}"


def _shuffle(part: Part, seed: int, number: int) -> None:
    part.rows = np.random.default_rng([seed, number, 1]).permutation(part.rows).tolist()


def _reached(labels: NDArray[np.bool_], frequent: NDArray[np.bool_]) -> dict[str, float]:
    flagged = labels.any(axis=1)
    only = flagged & ~labels[:, ~frequent].any(axis=1)
    return {
        "clean_share": float((~flagged).sum() / max(len(labels), 1)),
        "frequent_share": float(only.sum() / max(flagged.sum(), 1)),
    }


def _described(parts: dict[str, Part], frequent: NDArray[np.bool_], options: Options) -> Selection:
    if not any(part.labels[part.rows].any() for part in parts.values()):
        raise DataError(f"no row has a share of {options.threshold} or more")
    numbers = list(range(len(frequent)))
    selection = Selection(parts, numbers, np.flatnonzero(frequent).tolist())
    for key, (share, what) in _wanted(options).items():
        for reason, reached in _missed(parts, key, share).items():
            note = f"{what}: {', '.join(reached)}; {share:.1%} were wanted"
            selection.notes.append(f"{note} ({reason})" if reason else note)
    return selection


def _missed(parts: Mapping[str, Part], key: str, share: float) -> dict[str | None, list[str]]:
    """What was reached instead of `share`, by the reason: parts often share theirs."""
    missed: dict[str | None, list[str]] = {}
    for name, part in parts.items():
        if abs(part.reached[key] - share) > _near(part):
            reached = f"{part.reached[key]:.1%} in {name}"
            missed.setdefault(part.missed.get(key), []).append(reached)
    return missed


def _wanted(options: Options) -> dict[str, tuple[float, str]]:
    """The shares to reach, and of what they are shares."""
    return {
        "clean_share": (options.balance.clean_share, "clean rows"),
        "frequent_share": (
            options.balance.frequent_share,
            "rows with frequent labels only, of those flagged",
        ),
    }


def _near(part: Part) -> float:
    return _NEAR + 2 / max(len(part.rows), 1)
