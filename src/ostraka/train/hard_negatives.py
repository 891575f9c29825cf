"""Harmless sentences that use the words of harmful ones, from the lists beside the recipe.

A classifier trained on harmful requests alone learns their verbs; these rows show it the same
verbs with harmless objects, identities mentioned in peace, anger at things, and talk *about*
harm. Nothing here comes from an evaluation set or from the templates of one.
"""

import itertools
import re
import tomllib
from importlib.resources import files
from typing import Final

import numpy as np

from ostraka.taxonomy import Category
from ostraka.train.data import Row

SOURCE: Final = "hard-negatives"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_MOST_FILLED: Final = 40
"""Of one sentence, so that none with two placeholders drowns the others."""


def hard_negatives(count: int, categories: tuple[Category, ...], seed: int) -> list[Row]:
    """At most `count` different sentences, drawn evenly from both kinds; all labels are 0."""
    text = files("ostraka.train").joinpath("recipes/hard_negatives.toml").read_text("utf-8")
    lists = tomllib.loads(text)
    random = np.random.default_rng(seed)
    acts = [o.format(a) for o, a in itertools.product(lists["openers"], lists["acts"])]
    sentences = [
        filled
        for sentence in lists["sentences"]
        for filled in _draw(_fill(sentence, lists["placeholders"]), _MOST_FILLED, random)
    ]
    half = count // 2
    drawn = _draw(acts, half, random) + _draw(sentences, count - half, random)
    labels = dict.fromkeys(categories, 0.0)
    return [
        Row(f"{SOURCE}-{index}", SOURCE, sentence, labels, False, {})
        for index, sentence in enumerate(drawn)
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
