"""The recipe of a bundled classifier: which sources, how many rows, which weights."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostraka.assess.pooling import Pooling
from ostraka.errors import DataError
from ostraka.taxonomy import Category
from ostraka.train.data import Row, Table, tabulate


@dataclass(frozen=True, slots=True)
class SourceRecipe:
    """One source: the most rows the encoder sees of it, and the weight of its loss."""

    rows: int
    weight: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out of a training run, besides the data."""

    seed: int
    weak_weight: float
    categories: tuple[Category, ...]
    not_modelled: tuple[Category, ...]
    averaged: tuple[Category, ...]
    discounted: tuple[Category, ...]
    length_discount: float
    ceilings: dict[str, float]
    encoder: dict[str, Any]
    lexical: dict[str, Any]
    decisions: dict[str, float]
    sources: dict[str, SourceRecipe]

    @property
    def pooling(self) -> Pooling:
        """How windows become texts, by column."""
        averaged, discounted = (
            tuple(self.categories.index(each) for each in among)
            for among in (self.averaged, self.discounted)
        )
        return Pooling(averaged, discounted, self.length_discount)


def load_recipe(path: Path | None = None) -> Recipe:
    """The recipe at `path`, or the one that ships.

    Raises:
        DataError: the file is no recipe; says which key is wrong.
    """
    try:
        text = (
            path.read_text("utf-8")
            if path
            else files("ostraka.train").joinpath("recipes/bundled.toml").read_text("utf-8")
        )
        raw = tomllib.loads(text)
        decisions = raw["decisions"]
        return Recipe(
            seed=int(raw["seed"]),
            weak_weight=float(raw["weak_weight"]),
            categories=tuple(Category(name) for name in raw["categories"]),
            not_modelled=tuple(Category(name) for name in raw["not_modelled"]),
            averaged=tuple(Category(name) for name in raw.get("averaged", ())),
            discounted=tuple(Category(name) for name in raw.get("discounted", ())),
            length_discount=float(raw.get("length_discount", 0.0)),
            ceilings={
                Category(name): float(value)
                for name, value in decisions.pop("ceilings", {}).items()
            },
            encoder=raw["encoder"],
            lexical=raw["lexical"],
            decisions={name: float(value) for name, value in decisions.items()},
            sources={
                name: SourceRecipe(int(source["rows"]), float(source["weight"]))
                for name, source in raw["sources"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"not a recipe: {path or 'bundled.toml'} ({error!r})") from error


def weigh(rows: list[Row], recipe: Recipe) -> Table:
    """Rows as a table whose weights include their source's; unnamed sources weigh 1."""
    table = tabulate(rows, recipe.categories, recipe.weak_weight)
    scale = [recipe.sources[r.source].weight if r.source in recipe.sources else 1.0 for r in rows]
    weights = table.weights * np.array(scale, np.float32)[:, None]
    return Table(table.rows, table.categories, table.labels, weights)


def balance(table: Table, most: float) -> Table:
    """The table with the positives of rare categories weighing more.

    A category's positives weigh as many times more as the square root of how often its negatives
    outweigh them, `most` at most. Calibration on held-out rows undoes the shift in probability.
    """
    positive = np.nan_to_num(table.labels) > 0.5
    for_positives = (table.weights * positive).sum(axis=0)
    for_negatives = (table.weights * ~positive).sum(axis=0)
    factor = np.sqrt(for_negatives / np.maximum(for_positives, 1e-6)).clip(1.0, most)
    weights = np.where(positive, table.weights * factor, table.weights).astype(np.float32)
    return Table(table.rows, table.categories, table.labels, weights)


def sample(table: Table, recipe: Recipe, number: int = 0) -> Table:
    """At most `rows` of each source, rare positives first; in shuffled order.

    Seeded by the recipe and `number`: each draw of a large source brings other rows of it.
    """
    random = np.random.default_rng(recipe.seed + number)
    by_source: dict[str, list[int]] = {}
    for index, row in enumerate(table.rows):
        by_source.setdefault(row.source, []).append(index)
    known_positive = np.nansum(table.labels > 0.5, axis=0)
    rarity = 1.0 / np.maximum(known_positive, 1)
    chosen: list[NDArray[np.int64]] = []
    for source, indices in sorted(by_source.items()):
        limit = recipe.sources[source].rows if source in recipe.sources else len(indices)
        pool = np.array(indices, dtype=np.int64)
        if len(pool) > limit:
            labels = np.nan_to_num(table.labels[pool])
            interest = 1.0 + 1e4 * (labels * rarity).max(axis=1)
            keys = random.random(len(pool)) ** (1.0 / np.minimum(interest, 6.0))
            pool = pool[np.argsort(-keys)[:limit]]
        chosen.append(pool)
    picked = np.concatenate(chosen)
    return table.take(picked[random.permutation(len(picked))])
