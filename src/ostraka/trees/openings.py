"""Openings: what there is to do in a tree, and for whom it is not. Worked out of the same rules
that accept work, so that what the database offers is what they accept.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.known import Rows
from ostraka.trees.permissions import Request, refusal
from ostraka.trees.selection import Candidate, work_in
from ostraka.trees.tables import TreeBarRow, TreeOpeningRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity

HELD: Final = "task_held"
"""Why an opening is not for somebody who has a task on it."""

_NOBODY: Final = ""
_OPENING_COLUMNS: Final = tuple(TreeOpeningRow.__table__.columns.keys())
_BAR_COLUMNS: Final = tuple(TreeBarRow.__table__.columns.keys())
_TABLES: Final[tuple[Any, ...]] = (TreeOpeningRow, TreeBarRow)
_OF_TREE: Final = {
    each: select(each.__table__).where(each.__table__.c.tree_id == bindparam("tree_id"))
    for each in _TABLES
}
_DELETES: Final = {
    each: delete(each.__table__).where(
        *(column == bindparam(f"old_{column.name}") for column in each.__table__.primary_key)
    )
    for each in _TABLES
}
_INSERTS: Final = {each: insert(each.__table__) for each in _TABLES}


@dataclass(frozen=True, slots=True)
class Opening:
    """Work on one message."""

    candidate: Candidate
    activity: Activity
    is_free: bool
    """Whether somebody new could begin now."""
    barred: Mapping[str, str]
    """For whom it is not, and why."""


def openings_of(tree: Tree, configuration: TreeConfiguration) -> list[Opening]:
    """All that there is to do in a tree, also where all places are held."""
    without_leases = replace(tree, leases=())
    found = []
    for candidate, activity in work_in(without_leases, configuration):
        new = Request(tree, activity, candidate.message_id, _NOBODY)
        is_free = refusal(new, configuration) is None
        barred = _barred(tree, without_leases, candidate.message_id, activity, configuration)
        found.append(Opening(candidate, activity, is_free, barred))
    return found


def save_openings(
    session: Session,
    tree: Tree,
    configuration: TreeConfiguration,
    there: tuple[Rows, Rows] | None = None,
) -> tuple[Rows, Rows]:
    """Bring the rows of a tree's openings and bars to what they are now; gives them.

    `there` has those that are there, where they are known; else they are read.
    """
    openings = openings_of(tree, configuration)
    wanted = [_opening_values(tree, each) for each in openings]
    bars = [
        {
            "message_id": each.candidate.message_id,
            "activity": str(each.activity),
            "contributor": who,
            "tree_id": tree.id,
            "why": why,
        }
        for each in openings
        for who, why in each.barred.items()
    ]
    old_openings, old_bars = there or (None, None)
    return (
        _bring(session, (TreeOpeningRow, _OPENING_COLUMNS, 2), tree.id, wanted, old_openings),
        _bring(session, (TreeBarRow, _BAR_COLUMNS, 3), tree.id, bars, old_bars),
    )


def shuffled_place(message_id: str) -> int:
    """Where a message stands in an order that means nothing, and is the same for ever."""
    return int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:6])


def _opening_values(tree: Tree, opening: Opening) -> dict[str, Any]:
    candidate = opening.candidate
    return {
        "message_id": candidate.message_id,
        "activity": str(opening.activity),
        "tree_id": tree.id,
        "kind": str(candidate.type),
        "language": tree.language,
        "is_free": opening.is_free,
        "lonely": candidate.lonely,
        "missing": candidate.missing,
        "shuffle": shuffled_place(candidate.message_id),
    }


def _barred(
    tree: Tree,
    without_leases: Tree,
    message_id: str,
    activity: Activity,
    configuration: TreeConfiguration,
) -> dict[str, str]:
    """Who of those that had to do with a message may not do this, but for want of places."""
    found = {
        who: str(why)
        for who in _people_near(tree, message_id)
        if (why := refusal(Request(without_leases, activity, message_id, who), configuration))
    }
    for lease in tree.leases:
        if lease.activity is activity and lease.message_id == message_id:
            found.setdefault(lease.contributor, HELD)
    return found


def _people_near(tree: Tree, message_id: str) -> set[str]:
    message = tree.messages[message_id]
    found = {review.contributor for review in message.reviews}
    found |= {mark.contributor for mark in message.marks}
    found |= {vote.contributor for vote in tree.votes if vote.parent_id == message_id}
    written = (message, *tree.children.get(message_id, ()))
    return found | {each.author for each in written if each.author is not None}


def _bring(
    session: Session,
    into: tuple[type[TreeOpeningRow] | type[TreeBarRow], tuple[str, ...], int],
    tree_id: str,
    wanted: list[dict[str, Any]],
    there: Rows | None,
) -> Rows:
    """Delete rows that are gone or changed, and put in new ones; gives those that are there now."""
    table, columns, key_length = into
    connection = session.connection()
    if there is None:
        read = connection.execute(_OF_TREE[table], {"tree_id": tree_id})
        there = frozenset(tuple(row) for row in read)
    needed = {tuple(row[name] for name in columns): row for row in wanted}
    gone = {row[:key_length] for row in there - needed.keys()}
    if gone:
        names = [f"old_{name}" for name in columns[:key_length]]
        keys = [dict(zip(names, key, strict=True)) for key in sorted(gone)]
        connection.execute(_DELETES[table], keys)
    fresh = [row for values, row in needed.items() if values not in there]
    if fresh:
        connection.execute(_INSERTS[table], fresh)
    return frozenset(needed)
