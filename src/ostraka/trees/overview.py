"""What there is: trees by state and language, messages by role and language, contributors."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.errors import InvalidInputError
from ostraka.trees.loading import load
from ostraka.trees.states import WORKING, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeMessageRow, TreeRow
from ostraka.trees.tree import Tree

_TREES_AT_A_TIME: Final = 500
_NEWEST: Final = (TreeRow.created_at.desc(), TreeRow.id.desc())


@dataclass(frozen=True, slots=True)
class TreeCard:
    """One tree in a list."""

    id: str
    state: str
    language: str
    origin: str | None
    created_at: datetime
    goal_tree_size: int
    messages: int
    depth: int
    oldest: datetime
    youngest: datetime

    @property
    def completed(self) -> float:
        """The share of its goal that is there."""
        return self.messages / self.goal_tree_size if self.goal_tree_size else 0.0


@dataclass(frozen=True, slots=True)
class TreeFilter:
    """Which trees; None leaves everything in."""

    states: frozenset[State] | None = None
    language: str | None = None
    origin: str | None = None
    author: str | None = None
    """Whose prompt it is."""
    search: str | None = None
    """Words of the prompt."""


def list_trees(session: Session, wanted: TreeFilter, limit: int) -> list[TreeCard]:
    """Trees with the size of each, the newest first."""
    query = (
        select(
            TreeRow,
            func.count(TreeMessageRow.id),
            func.max(TreeMessageRow.depth),
            func.min(TreeMessageRow.created_at),
            func.max(TreeMessageRow.created_at),
        )
        .join(TreeMessageRow, TreeMessageRow.tree_id == TreeRow.id)
        .where(~TreeMessageRow.deleted, TreeRow.id.in_(_chosen(wanted, limit)))
        .group_by(TreeRow.id)
        .order_by(*_NEWEST)
    )
    return [
        TreeCard(
            id=row.id,
            state=row.state,
            language=row.language,
            origin=row.origin,
            created_at=row.created_at,
            goal_tree_size=row.goal_tree_size,
            messages=messages,
            depth=depth,
            oldest=oldest,
            youngest=youngest,
        )
        for row, messages, depth, oldest, youngest in session.execute(query)
    ]


def tree_ids(session: Session, wanted: TreeFilter) -> list[str]:
    """The ids of all trees that fit, in their order."""
    return list(session.scalars(_fitting(wanted).order_by(TreeRow.id)))


def every_tree(store: TreeStore, wanted: TreeFilter | None = None) -> Iterator[Tree]:
    """Trees whole, one after the other, each as it stands when its turn comes."""
    with store.database.reading() as session:
        ids = tree_ids(session, wanted or TreeFilter())
    for start in range(0, len(ids), _TREES_AT_A_TIME):
        with store.database.reading() as session:
            for tree_id in ids[start : start + _TREES_AT_A_TIME]:
                yield load(session, tree_id)
                session.expunge_all()


def counts_by_state(session: Session) -> dict[str, int]:
    """How many trees are in each state; every state is named."""
    found = session.execute(select(TreeRow.state, func.count()).group_by(TreeRow.state))
    return {**{str(state): 0 for state in State}, **{state: count for state, count in found}}


def system_counts(session: Session) -> dict[str, int]:
    """Messages in all, those that stand, those that are deleted; trees."""
    deleted, alive = (
        session.scalar(select(func.count()).where(TreeMessageRow.deleted.is_(is_deleted))) or 0
        for is_deleted in (True, False)
    )
    trees = session.scalar(select(func.count()).select_from(TreeRow)) or 0
    return {"all": deleted + alive, "active": alive, "deleted": deleted, "message_trees": trees}


def summary(session: Session, name: str) -> dict[str, Any]:
    """One of the summaries of Open-Assistant's statistics, counted now.

    Raises:
        InvalidInputError: there is none of this name.
    """
    if name not in SUMMARIES:
        raise InvalidInputError(
            f"There are no statistics '{name}'.", field="name", valid=list(SUMMARIES)
        )
    return SUMMARIES[name](session)


def _by_language(session: Session) -> dict[str, Any]:
    return _human_messages(session, TreeMessageRow.language)


def _by_role(session: Session) -> dict[str, Any]:
    return _human_messages(session, TreeMessageRow.role)


def _human_messages(session: Session, column: Any) -> dict[str, Any]:
    human = (~TreeMessageRow.deleted, ~TreeMessageRow.synthetic)
    found = session.execute(select(column, func.count()).where(*human).group_by(column))
    return {name: count for name, count in found}


def _states_by_language(session: Session) -> dict[str, Any]:
    found: dict[str, dict[str, int]] = {}
    for language, state, count in session.execute(
        select(TreeRow.language, TreeRow.state, func.count())
        .group_by(TreeRow.language, TreeRow.state)
        .order_by(TreeRow.language, TreeRow.state)
    ):
        found.setdefault(language, {})[state] = count
    return dict(found)


def _accepted_terms(session: Session) -> dict[str, Any]:
    accepted = select(func.count()).where(ContributorRow.terms_accepted_at.is_not(None))
    everybody = select(func.count()).select_from(ContributorRow)
    return {"accepted": session.scalar(accepted) or 0, "all": session.scalar(everybody) or 0}


SUMMARIES: Final = {
    "human_messages_by_lang": _by_language,
    "human_messages_by_role": _by_role,
    "message_trees_by_state": counts_by_state,
    "message_trees_states_by_lang": _states_by_language,
    "users_accepted_tos": _accepted_terms,
}
"""By the names that Open-Assistant's front ends ask for."""


def is_active(state: str) -> bool:
    """Whether work is done on trees in a state."""
    return State(state) in WORKING


def _fitting(wanted: TreeFilter) -> Any:
    query = select(TreeRow.id)
    if wanted.states is not None:
        query = query.where(TreeRow.state.in_([str(each) for each in wanted.states]))
    if wanted.language is not None:
        query = query.where(TreeRow.language == wanted.language)
    if wanted.origin is not None:
        query = query.where(TreeRow.origin == wanted.origin)
    if wanted.author is not None or wanted.search is not None:
        query = query.join(TreeMessageRow, TreeMessageRow.id == TreeRow.id)
    if wanted.author is not None:
        query = query.where(TreeMessageRow.author == wanted.author)
    if wanted.search is not None:
        query = query.where(TreeMessageRow.text.icontains(wanted.search, autoescape=True))
    return query


def _chosen(wanted: TreeFilter, limit: int) -> Any:
    return _fitting(wanted).order_by(*_NEWEST).limit(limit)
