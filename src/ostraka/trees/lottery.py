"""How many prompts a language can take, and which waiting trees come next.

One function counts for every door: what is offered, what is drawn and what a page shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from ostraka.trees.configuration import TreeConfiguration


@dataclass(frozen=True, slots=True)
class LanguageCounts:
    """Trees of one language, by what they are at; prompts that are being written count."""

    growing: int = 0
    in_prompt_review: int = 0
    waiting: int = 0
    open_prompt_tasks: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A tree in the lottery."""

    tree_id: str
    author: str | None
    since: datetime
    author_enabled: bool = True
    has_grown: bool = False
    """It grew before, and waits for room to grow on."""


def room_to_grow(counts: LanguageCounts, configuration: TreeConfiguration) -> int:
    """How many trees may begin to grow."""
    return max(0, configuration.max_active_trees - counts.growing)


def missing_prompts(counts: LanguageCounts, language: str, configuration: TreeConfiguration) -> int:
    """How many prompts may be asked for; none in a language that is closed to them."""
    if language in configuration.init_prompt_disabled_langs:
        return 0
    in_review = counts.in_prompt_review + counts.open_prompt_tasks
    room_in_review = configuration.max_initial_prompt_review - in_review
    room_to_wait = configuration.max_prompt_lottery_waiting - counts.waiting
    # What room to grow has taken beyond the room in review is in review too, so it is not there
    # twice: without this, free places to grow would ask for prompts without end.
    wanted = room_to_grow(counts, configuration) + room_in_review
    return max(0, min(wanted, room_to_wait - counts.open_prompt_tasks))


def draw(
    waiting: Iterable[Waiting], growing_by_author: Mapping[str | None, int], room: int
) -> list[Waiting]:
    """The trees that begin to grow: of the author with the fewest growing ones, the longest wait.

    Those that had begun before come first, so that what is begun gets finished.

    Nothing is left to chance, so that everybody can be told where their prompt stands. Prompts of
    authors who are banned are never drawn.
    """
    left = sorted((each for each in waiting if each.author_enabled), key=_age)
    growing = Counter(dict(growing_by_author))
    drawn: list[Waiting] = []
    while left and len(drawn) < room:
        chosen = min(left, key=lambda it: (not it.has_grown, growing[it.author], *_age(it)))
        left.remove(chosen)
        growing[chosen.author] += 1
        drawn.append(chosen)
    return drawn


def place_in_line(
    tree_id: str, waiting: Iterable[Waiting], growing_by_author: Mapping[str | None, int]
) -> int | None:
    """Where a prompt stands, 1 being the next to be drawn; None if it does not wait."""
    entries = list(waiting)
    order = [each.tree_id for each in draw(entries, growing_by_author, len(entries))]
    return order.index(tree_id) + 1 if tree_id in order else None


def backlog_activations(
    incomplete_rankings: int, configuration: TreeConfiguration, random: Random
) -> int:
    """How many parked trees of a language come into ranking when a working tree of it ends."""
    lucky = int(random.random() < configuration.p_activate_backlog_tree)
    wanted = int(incomplete_rankings < configuration.min_active_rankings_per_lang)
    return lucky + wanted


def _age(entry: Waiting) -> tuple[datetime, str]:
    return entry.since, entry.tree_id
