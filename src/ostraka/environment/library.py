"""The texts that episodes are made of, one library per split, read once from the data files."""

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec


class Split(StrEnum):
    """What an episode is for. No template, policy or author stands in two of them."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The texts about one clause of the policies.

    `lookalike` texts share its words and violate nothing; of `unclear` ones people disagree.
    """

    violating: tuple[str, ...]
    lookalike: tuple[str, ...]
    unclear: tuple[str, ...] = ()


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply whose meaning hangs on the thread it stands in."""

    clause: str
    reply: str
    friendly: tuple[str, ...]
    hostile: tuple[str, ...]


class Appeals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What authors say who appeal, with evidence and without."""

    plausible: tuple[str, ...]
    implausible: tuple[str, ...]


class Library(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that may be said in a split.

    `frames` hold a text at arm's length: they condemn, report or study it, and violate nothing.
    `instructions` are what authors write to whoever moderates them.
    """

    authors: tuple[str, ...]
    chatter: tuple[str, ...]
    openings: tuple[str, ...]
    instructions: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    frames: dict[str, tuple[str, ...]]
    clauses: dict[str, Clause]
    scenes: tuple[Scene, ...]
    appeals: Appeals

    def texts(self) -> tuple[str, ...]:
        """Every pattern of the library, for comparing one with another."""
        found = [
            *self.chatter,
            *self.openings,
            *self.instructions,
            *self.appeals.plausible,
            *self.appeals.implausible,
        ]
        for frames in self.frames.values():
            found += frames
        for clause in self.clauses.values():
            found += [*clause.violating, *clause.lookalike, *clause.unclear]
        for scene in self.scenes:
            found += [scene.reply, *scene.friendly, *scene.hostile]
        return tuple(found)


FRAMED: Final = ("spam", "insult", "harassment", "threat", "hate", "illicit", "misinformation")
"""Clauses whose texts may be quoted. To quote an address is to publish it, so others may not."""


def data_of(name: str) -> dict[str, Any]:
    """A data file of this package."""
    return tomllib.loads(files("ostraka.environment").joinpath("data", name).read_text("utf-8"))


@cache
def library(split: Split) -> Library:
    """The texts of `split`."""
    return msgspec.convert(data_of(f"{split}.toml"), Library)


@cache
def keywords() -> dict[str, tuple[str, ...]]:
    """What a simple filter looks for, by violation type."""
    return msgspec.convert(data_of("keywords.toml"), dict[str, tuple[str, ...]])
