"""What the pages of the queue ask of the database: no statement reads a table that grows whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from review_rows import Seeds, doubtful_items
from sqlalchemy import Engine, event, select
from starlette.testclient import TestClient

from ostraka.console.mount import mount
from ostraka.console.review.case_view import last_decisions
from ostraka.review.tables import CaseRow
from ostraka.server.app import create_app
from ostraka.settings import Settings
from ostraka.storage.database import Database

GROWING = (
    *("items", "verdicts", "cases", "decisions", "reports", "appeals", "strikes"),
    *("authors", "audit_log", "work", "work_bars"),
)
Statements = list[tuple[str, Any]]


@contextmanager
def noted() -> Iterator[Statements]:
    """Every statement that is run meanwhile."""
    statements: Statements = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[TestClient, Database, dict[str, Any]]]:
    """The pages, what is behind them, and an item whose case waits."""
    settings = Settings(data_dir=tmp_path, workers=0)
    database = Database.at(settings.resolved_database_url)
    items = Seeds(database).items(*doubtful_items(12))
    app = create_app(settings)
    mount(app)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 5)) as pages:
        yield pages, database, items[0]


def test_pages_find_what_they_show_by_an_index(
    kept: tuple[TestClient, Database, dict[str, Any]],
) -> None:
    pages, database, item = kept
    with database.reading() as session:
        case_id = session.scalars(select(CaseRow.id)).first()
    addresses = (
        f"/cases/{case_id}",
        f"/items/{item['id']}",
        *("/queue", "/queue?queue=general&severity=high", "/appeals"),
        *("/items", "/items?action=escalate", "/items?author=author-1", "/items?search=nonsense"),
    )
    whole = []
    for address in addresses:
        with noted() as statements:
            pages.get(address).raise_for_status()
        assert statements
        for statement, parameters in statements:
            plan = _plan(database, statement, parameters)
            whole += [(address, line, statement) for line in plan if _is_whole(line, plan)]
    assert whole == []


def test_the_last_decisions_of_somebody_are_found_by_their_name(
    kept: tuple[TestClient, Database, dict[str, Any]],
) -> None:
    _, database, _ = kept
    with noted() as statements, database.reading() as session:
        assert last_decisions(session, "per_nobody") == []
    plan = _plan(database, *statements[-1])
    assert "ix_decisions_reviewer" in plan[0]
    assert not any("TEMP B-TREE" in line for line in plan)


def _plan(database: Database, statement: str, parameters: Any) -> list[str]:
    """The lines of SQLite's plan; none for what is no question."""
    if not statement.startswith(("SELECT", "WITH")):
        return []
    with database.reading() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in plan]


def _is_whole(line: str, plan: list[str]) -> bool:
    """Whether a line goes through a growing table from end to end.

    In the order of an index it stops where the page is full.
    """
    if not line.startswith("SCAN") or line.split()[1] not in GROWING:
        return False
    return "INDEX" not in line or any("TEMP B-TREE FOR ORDER BY" in other for other in plan)
