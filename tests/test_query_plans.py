"""What lists of items and cases cost: none of these filters may read a whole table.

SQLite's plans only: they are fixed by the indexes, where PostgreSQL's follow the number of rows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from ostraka.console.review.queues import CaseFilter, open_cases
from ostraka.review.search import ItemFilter, find
from ostraka.review.terms import Reviewer
from ostraka.storage.database import Database

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
LEAD = Reviewer("person_1", "person", lead=True)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = Database.at(f"sqlite:///{tmp_path / 'plans.db'}")
    database.prepare()
    with database.reading() as session:
        yield session
    database.close()


def plan_of(session: Session, ask: Any) -> list[str]:
    """How the database finds what the first statement of `ask` wants, step by step."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = asked[0]
    rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row[3] for row in rows]


@pytest.mark.parametrize(
    "wanted",
    [
        ItemFilter(action="remove"),
        ItemFilter(violation="spam"),
        ItemFilter(language="eo"),
        ItemFilter(source="forum"),
        ItemFilter(thread_id="thread-1"),
        ItemFilter(state="erased"),
        ItemFilter(state="open"),
        ItemFilter(state="appealed"),
    ],
)
def test_filters_of_items_have_an_index(session: Session, wanted: ItemFilter) -> None:
    plan = plan_of(session, lambda: find(session, wanted, 50))
    scans = [step for step in plan if step.startswith("SCAN") and "ix_items_erased" not in step]
    assert scans == []
    assert [step for step in plan if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize(
    "wanted",
    [
        ItemFilter(state="decided"),
        ItemFilter(state="decided", action="remove"),
        ItemFilter(state="decided", violation="spam", language="eo", source="forum"),
        ItemFilter(state="decided", since=NOW, until=NOW),
    ],
)
@pytest.mark.parametrize("after", [None, "item_z"])
def test_decided_items_are_read_by_their_decisions(
    session: Session, wanted: ItemFilter, after: str | None
) -> None:
    """Newest first by an index, so that it ends with the page, and no other item is read."""
    walk, *others = plan_of(session, lambda: find(session, wanted, 50, after))
    assert "ix_decisions_item" in walk
    assert [step for step in others if step.startswith("SCAN") or "TEMP B-TREE" in step] == []


def test_items_of_one_author_are_found_by_the_author(session: Session) -> None:
    wanted = ItemFilter(state="decided", author="user-1")
    assert any(
        "ix_items_author" in step for step in plan_of(session, lambda: find(session, wanted, 50))
    )


@pytest.mark.parametrize(
    "wanted",
    [
        CaseFilter(),
        CaseFilter(queue="general"),
        CaseFilter(severity="critical"),
        CaseFilter(kind="appeal"),
        CaseFilter(severity="low", overdue=True),
    ],
)
def test_filters_of_the_queue_have_an_index(session: Session, wanted: CaseFilter) -> None:
    plan = plan_of(session, lambda: open_cases(session, wanted, LEAD, NOW))
    assert [step for step in plan if step.startswith("SCAN")] == []
    # Cases that are due at the same moment may be sorted among themselves.
    sorts = [step for step in plan if "TEMP B-TREE" in step and "LAST" not in step]
    assert [step for step in sorts if "RIGHT PART" not in step] == []
