"""The statements of people's work, next to those of machines' in `statements`.

Nobody gets work about a subject that they are barred from, or that they hold another piece of. Both
are asked of one row after the other, in the order of the index `ready`, until one fits: written as
scalar subqueries, since a database may turn `NOT EXISTS` into a join of whole tables, which would
grow with the queue.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import JSON, Float, Integer, TextClause, TextualSelect, bindparam, text

from ostraka.storage.types import UtcDateTime
from ostraka.work.statements import WORDS

# `lease_until` stands for the state `leased`, whose index would lead through every lease there is;
# `coalesce` for `IS NULL`, which PostgreSQL believes to be so rare that it would compile the plan.
_FREE: Final = """
  coalesce((SELECT false FROM work_bars b
    WHERE b.subject = w.subject AND b.worker = {who} LIMIT 1), true)
  AND coalesce((SELECT false FROM work h
    WHERE h.subject = w.subject AND h.worker = {who} AND h.lease_until IS NOT NULL LIMIT 1), true)
"""

_FIRST = """
  SELECT id, subject, priority FROM (
    SELECT w.id, w.subject, w.priority FROM work w
    WHERE w.queue = :queue_{number} AND w.state = 'ready' {condition}
    ORDER BY w.priority DESC, w.id LIMIT :limit {lock}) first_{number}
"""

_TAKE = """
UPDATE work SET state = 'leased', token = work.token + 1, attempts = work.attempts + 1,
  lease_until = {later}, worker = {worker}, begun_at = {begun}
"""

_GIVEN = """
RETURNING work.id, work.queue, work.kind, work.payload, work.token, work.attempts, work.worker,
  work.begun_at
"""

_CLAIM = """
WITH picked AS MATERIALIZED (
  SELECT id FROM ({heads}) heads ORDER BY priority DESC, id LIMIT 1)
{take} FROM picked WHERE work.id = picked.id {given}
"""

# The first pieces of work to as many people, one each, whatever stands between some of them: those
# go away empty and ask alone.
_CLAIM_MANY = """
WITH picked AS MATERIALIZED (
  SELECT id, subject FROM ({heads}) heads ORDER BY priority DESC, id LIMIT :limit),
numbered AS (SELECT id, subject, row_number() OVER () AS number FROM picked),
matched AS MATERIALIZED (SELECT id, subject, {worker_number} AS person FROM numbered)
{take} FROM matched w WHERE work.id = w.id AND {free} {given}
"""

_TAKE_SUBJECT = """
WITH picked AS MATERIALIZED (
  SELECT w.id FROM work w WHERE w.subject = :subject AND w.state = 'ready' AND {free}
  ORDER BY w.id LIMIT 1 {lock})
{take} FROM picked WHERE work.id = picked.id {given}
"""

_REGAIN = """
WITH picked AS MATERIALIZED (
  SELECT w.id FROM work w WHERE w.subject = :subject AND w.state = 'ready'
    AND w.worker = :worker AND {free}
  ORDER BY w.id LIMIT 1 {lock})
{take} FROM picked WHERE work.id = picked.id {given}
"""

_FINISH = """
UPDATE work SET state = 'done', lease_until = NULL, finished_at = {now}
WHERE subject = :subject AND worker = :worker AND lease_until IS NOT NULL
RETURNING begun_at
"""

_HELD = """
SELECT id, queue, kind, payload, token, attempts, worker, begun_at FROM work
WHERE subject = :subject AND worker = :worker AND lease_until IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class PeopleStatements:
    """The statements for one kind of database and one number of queues."""

    claim: TextualSelect
    claim_many: TextualSelect
    take_subject: TextualSelect
    regain: TextualSelect
    held: TextualSelect
    finish: TextualSelect


@cache
def people_statements(dialect: str, queues: int = 1) -> PeopleStatements:
    """The statements as the database of this name wants them."""
    words = WORDS[dialect]

    def made(template: str, **parts: str) -> TextualSelect:
        take = _TAKE.format(
            later=words["later"],
            worker=parts.pop("worker", ":worker"),
            begun=parts.pop("begun", words["now"]),
        )
        statement = text(template.format(take=take, given=_GIVEN, lock=words["lock_w"], **parts))
        return _typed(statement.bindparams(bindparam("seconds", type_=Float)))

    free = _FREE.format(who=":worker")
    return PeopleStatements(
        claim=made(_CLAIM, heads=_heads(words["lock_w"], queues, f"AND {free}")),
        claim_many=made(
            _CLAIM_MANY,
            heads=_heads(words["lock_w"], queues, ""),
            worker_number=words["worker"],
            free=_FREE.format(who="w.person"),
            worker="w.person",
        ),
        take_subject=made(_TAKE_SUBJECT, free=free),
        regain=made(_REGAIN, free=free, begun="begun_at"),
        held=_typed(text(_HELD)),
        finish=text(_FINISH.format(now=words["now"])).columns(begun_at=UtcDateTime),
    )


def _heads(lock: str, queues: int, condition: str) -> str:
    return " UNION ALL ".join(
        _FIRST.format(number=number, condition=condition, lock=lock) for number in range(queues)
    )


def _typed(statement: TextClause) -> TextualSelect:
    return statement.columns(payload=JSON, attempts=Integer, begun_at=UtcDateTime)
