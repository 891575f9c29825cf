"""Work that meets a conflict is done again, and none is lost."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest
from growing import GOOD, NOW
from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, StorageError
from ostraka.trees.loading import load
from ostraka.trees.retrying import ATTEMPTS, retried
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeRow
from ostraka.trees.values import Activity


def twice(store: TreeStore, tree_id: str) -> None:
    """Put in a row that is there."""
    with store.database.writing() as session:
        row = session.scalar(select(TreeRow).where(TreeRow.id == tree_id))
        assert row is not None
        values = {name: getattr(row, name) for name in TreeRow.__table__.columns.keys()}  # noqa: SIM118
        session.expunge(row)
        session.add(TreeRow(**values))


def test_r6_a_unit_is_done_again_until_it_meets_no_conflict(store: TreeStore) -> None:
    tree_id = store.plant("a prompt", "ada", "en", NOW, Random(0)).id
    tries, pauses = [], []

    def unit() -> str:
        tries.append(1)
        if len(tries) < 3:
            twice(store, tree_id)
        return "done"

    assert retried(unit, Random(1), pauses.append) == "done"
    assert len(pauses) == 2
    assert 0 < pauses[0] < pauses[1] * 3
    tries.clear()
    with pytest.raises(ConflictError, match="nothing was done") as refused:
        retried(lambda: (tries.append(1), twice(store, tree_id)), Random(1), pauses.append)
    assert refused.value.code == "busy"
    assert len(tries) == ATTEMPTS
    tries.clear()
    moments = iter([0.0, 20.0, 40.0])
    with pytest.raises(ConflictError):
        retried(
            lambda: (tries.append(1), twice(store, tree_id)),
            Random(1),
            pauses.append,
            lambda: next(moments),
        )
    assert len(tries) == 2


def test_what_is_no_conflict_is_not_tried_again() -> None:
    tries = []

    def unit() -> None:
        tries.append(1)
        raise StorageError

    with pytest.raises(StorageError):
        retried(unit, Random(1), lambda seconds: None)
    assert len(tries) == 1


def test_two_who_lock_trees_crosswise_both_get_through(store: TreeStore) -> None:
    """On PostgreSQL one of them is rolled back by a deadlock first; SQLite has one writer."""
    trees = [store.plant(f"prompt {n}", f"author {n}", "en", NOW, Random(n)).id for n in (1, 2)]
    together = Barrier(2)
    is_postgresql = store.database.engine.dialect.name == "postgresql"

    def crosswise(order: list[str]) -> int:
        met = []

        def unit(session: Session) -> int:
            load(session, order[0], lock=True)
            if is_postgresql and not met:
                met.append(1)
                together.wait(20)
            load(session, order[1], lock=True)
            return len(met)

        return store.write(unit)

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(crosswise, (trees, trees[::-1])))) == 2


def test_reviews_handed_in_at_the_same_moment_are_all_kept(store: TreeStore) -> None:
    tree_id = store.plant("a prompt", "ada", "en", NOW, Random(0)).id
    tasks = [store.take(tree_id, Activity.REVIEW, tree_id, who, NOW) for who in "xyz"]
    together = Barrier(3)

    def hand_in(number: int) -> None:
        together.wait(20)
        store.review(tasks[number].id, GOOD, tasks[number].contributor, NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(hand_in, range(3)))
    tree = store.read(tree_id)
    assert len(tree.root.reviews) == 3
    assert tree.root.accepted
