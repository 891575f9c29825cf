"""What taking items in asks of the database and writes, in one place.

They are SQL, or statements that are made once: on this path the making of a statement, its key
among those that were compiled and the objects for its rows took longer than the database.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Integer,
    String,
    TextualSelect,
    bindparam,
    insert,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import NullType

from ostraka.review.tables import AuthorRow, ItemRow, StrikeRow, VerdictRow
from ostraka.storage.direct import AMONG, NAMES, Direct
from ostraka.storage.types import UtcDateTime

BEGINNING: Final = Direct(
    text("""
SELECT max(id) AS id, count(*) AS steps, CAST(NULL AS json) AS events FROM policy_activations
UNION ALL
SELECT id, -1, events FROM webhooks WHERE disabled_at IS NULL AND removed_at IS NULL
""").columns(id=String, steps=Integer, events=JSON)
)
"""The newest activation and how many there are; then the webhooks that are alive, counted -1."""


def _taken(among: str) -> TextualSelect:
    statement = text(f"SELECT external_id FROM items WHERE external_id {among}")
    return statement.bindparams(NAMES).columns(external_id=String)


TAKEN: Final = {name: Direct(_taken(among)) for name, among in AMONG.items()}
"""Which of the caller's ids are known: mostly none is."""

_AUTHORS: Final = """
SELECT id, external_id, since, banned_until, banned_permanently FROM authors
WHERE external_id {among} ORDER BY external_id {lock}
"""


def _authors(among: str, lock: str) -> TextualSelect:
    statement = text(_AUTHORS.format(among=among, lock=lock)).bindparams(NAMES)
    return statement.columns(
        id=String,
        external_id=String,
        since=UtcDateTime,
        banned_until=UtcDateTime,
        banned_permanently=Boolean,
    )


_LOCKS: Final = {"postgresql": "FOR UPDATE", "sqlite": ""}
AUTHORS: Final = {name: Direct(_authors(among, _LOCKS[name])) for name, among in AMONG.items()}

CHANGE_AUTHOR: Final = text(
    "UPDATE authors SET since = :since, banned_until = :banned_until, "
    "banned_permanently = :banned_permanently WHERE id = :id"
).bindparams(
    bindparam("since", type_=UtcDateTime),
    bindparam("banned_until", type_=UtcDateTime),
    bindparam("banned_permanently", type_=Boolean),
)

ADD_AUTHORS: Final = {
    "postgresql": Direct(postgresql.insert(AuthorRow).on_conflict_do_nothing()),
    "sqlite": Direct(sqlite.insert(AuthorRow).on_conflict_do_nothing()),
}

_STRIKES: Final = """
SELECT author_id, action, violation, created_at, violations, weight FROM (
  SELECT author_id, action, violation, created_at,
    count(*) OVER (PARTITION BY author_id) AS violations,
    sum(CASE WHEN expires_at IS NULL OR expires_at > :now THEN weight ELSE 0.0 END)
      OVER (PARTITION BY author_id) AS weight,
    row_number() OVER (PARTITION BY author_id ORDER BY id DESC) AS place
  FROM strikes WHERE author_id {among} AND revoked_at IS NULL) ranked
WHERE place <= :most ORDER BY place
"""


def _strikes(among: str) -> TextualSelect:
    statement = text(_STRIKES.format(among=among))
    statement = statement.bindparams(NAMES, bindparam("now", type_=UtcDateTime))
    return statement.columns(
        author_id=String,
        action=String,
        violation=String,
        created_at=UtcDateTime,
        violations=Integer,
        weight=NullType,  # a number as the driver reads it
    )


STRIKES: Final = {name: Direct(_strikes(among)) for name, among in AMONG.items()}
"""The newest strikes of authors, each with what all of its author's come to."""

ADD_ITEMS: Final = Direct(insert(ItemRow))
ADD_VERDICTS: Final = Direct(insert(VerdictRow))
ADD_STRIKES: Final = Direct(insert(StrikeRow))
