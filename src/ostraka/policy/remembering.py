"""Answers that are remembered for the facts they depend on: most items share the same few.

Evaluation is pure, so an answer found once holds for every item of which the same is true (no
report, no appeal, no strike).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from ostraka.policy.facts import Facts

REMEMBERED: Final = 4096
"""Answers of one kind; beyond, all of them are forgotten and it begins anew."""
LONGEST_KEY: Final = 200
"""Longer values (the caller's metadata, an author's reasons) come once and are not remembered."""
DEEPEST: Final = 32
"""Levels of nested metadata; CEL's library does not survive tens of thousands."""

Read = Callable[[Facts], Any]
T = TypeVar("T")


class Remembered(Generic[T]):
    """Answers by what `readers` find in the facts, and never None. Threads may share it."""

    def __init__(self, readers: Sequence[Read]) -> None:
        self._readers = tuple(readers)
        self._known: dict[tuple[Any, ...], T] = {}

    def answer(self, facts: Facts, find: Callable[..., T], *more: Any) -> T:
        """What `find(facts, *more)` says, which is asked only where it is not known."""
        # Values of one reader are of one type, so that its empty one can stand for itself as "".
        key = tuple([read(facts) or "" for read in self._readers])
        if more:
            key += tuple(repr(each) for each in more)
        try:
            known = self._known.get(key)
        except TypeError:  # a map or a list
            key = tuple(_part(value) for value in key)
            known = self._known.get(key)
        if known is None:
            known = find(facts, *more)
            if not any(type(part) is _Once or _is_long(part) for part in key):
                self._keep(key, known)
        return known

    def _keep(self, key: tuple[Any, ...], answer: T) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = answer


class _Once:
    """Stands for a value that cannot be written down; equal to nothing but itself."""


def _part(value: Any) -> Any:
    if type(value) is dict or type(value) is list:
        return repr(value) if is_flat(value, DEEPEST) else _Once()
    return value


def _is_long(part: Any) -> bool:
    return type(part) is str and len(part) > LONGEST_KEY


def is_flat(value: Any, levels: int = DEEPEST) -> bool:
    """Whether `value` nests no deeper than so many levels."""
    if isinstance(value, Mapping):
        return levels > 0 and all(is_flat(each, levels - 1) for each in value.values())
    if isinstance(value, list | tuple):
        return levels > 0 and all(is_flat(each, levels - 1) for each in value)
    return True
