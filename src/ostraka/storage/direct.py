"""Statements that go to the driver as they were compiled once, for the few paths that are hot.

SQLAlchemy writes them and knows the types of their values; each time that one runs, it is asked
nothing more. On SQLite a statement takes the database ten microseconds, and its key among the
compiled ones, the objects for its values and the description of its rows took eighty.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Executable, bindparam
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import String, TypeDecorator, TypeEngine

Convert = Callable[[Any], Any]


class Names(TypeDecorator[list[str]]):
    """A list of strings as one value, so that a statement is the same for any number of them.

    In a statement it stands as `AMONG` of the dialect says.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        """As JSON for SQLite; PostgreSQL's driver takes lists."""
        return msgspec.json.encode(value).decode() if dialect.name == "sqlite" else value


AMONG: Final = {
    "sqlite": "IN (SELECT value FROM json_each(:names))",
    "postgresql": "= ANY(CAST(:names AS varchar[]))",
}
"""What a column is compared with to be one of a list; the list is the value `names`."""
NAMES: Final = bindparam("names", type_=Names)


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    binds: tuple[tuple[str, Convert | None], ...]
    is_positional: bool
    results: tuple[Convert | None, ...]

    def values(self, row: Mapping[str, Any]) -> Any:
        """A row as the driver takes it; what it lacks is NULL."""
        found = [
            row.get(name) if convert is None else convert(row.get(name))
            for name, convert in self.binds
        ]
        if self.is_positional:
            return found
        return dict(zip((name for name, _ in self.binds), found, strict=True))

    def row(self, found: Sequence[Any]) -> tuple[Any, ...]:
        """A row that the driver read, as the statement's columns are typed."""
        pairs = zip(found, self.results, strict=True)
        return tuple(each if convert is None else convert(each) for each, convert in pairs)


class Direct:
    """One statement, for both databases or for one. Threads may share it.

    `statement` has no lists that expand (see `Names`); an insert has no defaults made by Python,
    and a column's type does not look at what the driver says of it, as numbers do on PostgreSQL.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(
        self, connection: Connection, values: Mapping[str, Any] = MappingProxyType({})
    ) -> list[tuple[Any, ...]]:
        """What it finds."""
        compiled = self._for(connection.dialect)
        with _cursor(connection) as cursor:
            cursor.execute(compiled.text, compiled.values(values))
            found = cursor.fetchall()
        return [compiled.row(each) for each in found]

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row of values.

        Raises:
            IntegrityError: of SQLAlchemy's, as if it had run the statement.
        """
        compiled = self._for(connection.dialect)
        with _cursor(connection) as cursor:
            if len(rows) == 1:
                cursor.execute(compiled.text, compiled.values(rows[0]))
            elif rows:
                cursor.executemany(compiled.text, [compiled.values(each) for each in rows])

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return known


def _compile(statement: Executable, dialect: Dialect) -> _Compiled:
    compiled: Any = cast(Any, statement).compile(dialect=dialect)
    names = compiled.positiontup if compiled.positional else tuple(compiled.binds)
    columns = getattr(statement, "selected_columns", ())
    return _Compiled(
        text=compiled.string,
        binds=tuple((name, _bind(compiled.binds[name].type, dialect)) for name in names),
        is_positional=compiled.positional,
        results=tuple(_result(column.type, dialect) for column in columns),
    )


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """A cursor of the driver; its errors become SQLAlchemy's, without the values."""
    driver: Any = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(
            None, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()
