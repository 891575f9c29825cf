"""Trees that this process has read or written lately, so that they need not be read again.

To read a tree takes six statements and most of the time of a request. Whoever changes a tree gives
its row a new stamp, and whoever holds that row's lock sees which stamp it has: if it is the one of
a tree that is known here, nothing in it has changed, whichever process wrote last.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.trees.tree import Tree
from ostraka.trees.values import Message

MOST_TREES: Final = 500
"""So many are kept; one has some tens of kilobytes."""

_PLACE: Final = "trees"

Rows = frozenset[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class KnownTree:
    """A tree as it stands under a stamp."""

    stamp: str
    tree: Tree
    rows: tuple[Rows, Rows] | None = None
    """Those of its openings and of its bars, if they are known."""


class KnownTrees:
    """The trees of one database that were used last. Threads may share it."""

    def __init__(self, most: int = MOST_TREES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._trees: OrderedDict[str, KnownTree] = OrderedDict()

    def find(self, tree_id: str, stamp: str | None) -> KnownTree | None:
        """The tree under a stamp, None if another is known or none."""
        with self._lock:
            found = self._trees.get(tree_id)
            if found is None or found.stamp != stamp:
                return None
            self._trees.move_to_end(tree_id)
            return found

    def of(self, tree: Tree) -> KnownTree | None:
        """What is known of a tree that was found here, as long as nobody has put in another."""
        with self._lock:
            found = self._trees.get(tree.id)
            return found if found is not None and found.tree is tree else None

    def put(self, known: KnownTree) -> None:
        """Know a tree from now on, in the place of the one that has not been used for longest.

        It may be put in before its transaction ends: where that fails no row has its stamp.
        """
        with self._lock:
            self._trees[known.tree.id] = known
            self._trees.move_to_end(known.tree.id)
            while len(self._trees) > self._most:
                self._trees.popitem(last=False)

    def drop(self, tree_id: str) -> None:
        """Know a tree no longer."""
        with self._lock:
            self._trees.pop(tree_id, None)


def use(session: Session, trees: KnownTrees) -> None:
    """Let what is loaded and saved in a session be known."""
    session.info[_PLACE] = trees


def known_in(session: Session) -> KnownTrees | None:
    """The trees that are known in a session, if it uses any."""
    found: KnownTrees | None = session.info.get(_PLACE)
    return found


def as_read(before: Tree | None, after: Tree, now: datetime) -> Tree | None:
    """A tree that was just saved as it would be read again; None where that cannot be told.

    What was handed in has its moment by then, and everything stands in the order of its rows.
    """
    if before is None or after.votes[: len(before.votes)] != before.votes:
        return None
    messages: dict[str, Message] = {}
    for message in sorted(after.messages.values(), key=_place):
        old = before.messages.get(message.id)
        given = old.reviews if old else ()
        if message.reviews[: len(given)] != given:
            return None
        messages[message.id] = _with_moments(message, now) if message is not old else message
    return replace(
        after,
        messages=messages,
        votes=tuple(v if v.given_at else replace(v, given_at=now) for v in after.votes),
        leases=tuple(sorted(after.leases, key=lambda lease: lease.id)),
    )


def _place(message: Message) -> tuple[int, datetime, str]:
    return message.depth, message.created_at, message.id


def _with_moments(message: Message, now: datetime) -> Message:
    if all(each.given_at for each in message.reviews):
        return message
    reviews = (r if r.given_at else replace(r, given_at=now) for r in message.reviews)
    return replace(message, reviews=tuple(reviews))
