"""Many trees in a database at once: a few are grown by the rules, their rows are copied.

A copy has ids of its own and the contributors of its model, so that what is offered to whom looks
as it would after years of use.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.storage.tables import Base
from ostraka.trees.openings import shuffled_place
from ostraka.trees.tables import (
    TreeBarRow,
    TreeMarkRow,
    TreeMessageRow,
    TreeOpeningRow,
    TreeReviewRow,
    TreeRow,
    TreeTaskRow,
    TreeVoteRow,
)

Row = dict[str, Any]
AT_A_TIME = 5_000

_OWN_IDS = {TreeReviewRow: "review", TreeVoteRow: "vote", TreeTaskRow: "task"}
"""Rows with an id that nothing else refers to."""
_TABLES: tuple[type[Base], ...] = (
    TreeRow,
    TreeMessageRow,
    TreeReviewRow,
    TreeVoteRow,
    TreeMarkRow,
    TreeTaskRow,
    TreeOpeningRow,
    TreeBarRow,
)
"""In the order in which they refer to each other."""


@dataclass(frozen=True, slots=True)
class Model:
    """The rows of one tree, by table."""

    rows: Mapping[type[Base], list[Row]]

    @property
    def messages(self) -> int:
        """How many messages it has."""
        return len(self.rows[TreeMessageRow])

    def copies(self, count: int, language: str) -> Iterator[tuple[type[Base], Row]]:
        """The rows of so many trees like this one."""
        names = [row["id"] for row in self.rows[TreeMessageRow]]
        for _ in range(count):
            ids = {name: new_id("message") for name in names}
            for table, rows in self.rows.items():
                for row in rows:
                    yield table, _copied(table, row, ids, language)


def model_of(database: Database, tree_id: str) -> Model:
    """A tree as its rows."""
    with database.reading() as session:
        messages = select(TreeMessageRow.id).where(TreeMessageRow.tree_id == tree_id)
        names = list(session.scalars(messages))
        found = {}
        for each in _TABLES:
            table = _table(each)
            wanted = select(table).where(_belongs(table, tree_id, names))
            found[each] = [dict(row._mapping) for row in session.execute(wanted)]
    found[TreeMessageRow].sort(key=lambda row: row["depth"])
    return Model(found)


def fill(database: Database, wanted: Iterable[tuple[Model, int]], language: str = "en") -> None:
    """Put in copies of models."""
    rows: dict[type[Base], list[Row]] = {table: [] for table in _TABLES}
    for model, count in wanted:
        for table, row in model.copies(count, language):
            rows[table].append(row)
    with database.writing_statements() as connection:
        for each in _TABLES:
            _insert(connection, _table(each), rows[each])
    _tidy(database)


def _tidy(database: Database) -> None:
    with database.engine.connect() as connection:
        if database.location.file is None:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM ANALYZE")
        else:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    waiting = iter(rows)
    while some := list(islice(waiting, AT_A_TIME)):
        connection.execute(insert(table), some)


def _belongs(table: Table, tree_id: str, names: list[str]) -> Any:
    if table is _table(TreeRow):
        return table.c.id == tree_id
    if "tree_id" in table.c:
        return table.c.tree_id == tree_id
    return table.c["parent_id" if "parent_id" in table.c else "message_id"].in_(names)


def _copied(table: type[Base], row: Row, ids: Mapping[str, str], language: str) -> Row:
    copied = {name: _swapped(value, ids) for name, value in row.items()}
    if "language" in row:
        copied["language"] = language
    if table in _OWN_IDS:
        copied["id"] = new_id(_OWN_IDS[table])
    if "shuffle" in row:
        copied["shuffle"] = shuffled_place(copied["message_id"])
    return copied


def _swapped(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return ids.get(value, value)
    return [_swapped(each, ids) for each in value] if isinstance(value, list) else value


def _table(row: type[Base]) -> Table:
    table = row.__table__
    assert isinstance(table, Table)
    return table
