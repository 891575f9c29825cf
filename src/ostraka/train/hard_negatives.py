"""Harmless sentences that use the words of harmful ones, from the lists beside the recipe.

A classifier trained on harmful requests alone learns their verbs, and one trained on insults of
groups learns the groups' names; these rows show it the same verbs with harmless objects, anger at
things, talk *about* harm, and people named by what they are, in peace. Nothing here comes from an
evaluation set or from the templates of one.
"""

import itertools
import re
import tomllib
from importlib.resources import files
from typing import Any, Final

import numpy as np

from ostraka.taxonomy import Category
from ostraka.train.data import Row

SOURCE: Final = "hard-negatives"
MENTIONS: Final = "mentions"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_MOST_FILLED: Final = 40
"""Of one sentence, so that none with two placeholders drowns the others."""


def hard_negatives(count: int, categories: tuple[Category, ...], seed: int) -> list[Row]:
    """At most `count` different sentences, drawn evenly from both kinds; all labels are 0."""
    lists = _lists("hard_negatives.toml")
    random = np.random.default_rng(seed)
    acts = [o.format(a) for o, a in itertools.product(lists["openers"], lists["acts"])]
    sentences = _filled(lists, random)
    half = count // 2
    drawn = _draw(acts, half, random) + _draw(sentences, count - half, random)
    return _rows(SOURCE, drawn, categories)


def mentions(categories: tuple[Category, ...], seed: int) -> list[Row]:
    """Sentences about people, named by what they are; all labels are 0."""
    filled = _filled(_lists("mentions.toml"), np.random.default_rng(seed))
    return _rows(MENTIONS, filled, categories)


def _lists(name: str) -> dict[str, Any]:
    return tomllib.loads(files("ostraka.train").joinpath("recipes", name).read_text("utf-8"))


def _filled(lists: dict[str, Any], random: np.random.Generator) -> list[str]:
    return [
        filled
        for sentence in lists["sentences"]
        for filled in _draw(_fill(sentence, lists["placeholders"]), _MOST_FILLED, random)
    ]


def _rows(source: str, texts: list[str], categories: tuple[Category, ...]) -> list[Row]:
    labels = dict.fromkeys(categories, 0.0)
    return [
        Row(f"{source}-{index}", source, text, labels, False, {})
        for index, text in enumerate(texts)
    ]


def _fill(sentence: str, placeholders: dict[str, list[str]]) -> list[str]:
    """`sentence` with every combination of words for its placeholders, capitalised."""
    names = _PLACEHOLDER.findall(sentence)
    filled = [
        sentence.format(**dict(zip(names, words, strict=True)))
        for words in itertools.product(*(placeholders[name] for name in names))
    ]
    return [text[0].upper() + text[1:] for text in filled]


def _draw(texts: list[str], count: int, random: np.random.Generator) -> list[str]:
    chosen = random.permutation(len(texts))[:count]
    return [texts[i] for i in chosen]
