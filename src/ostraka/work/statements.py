"""Every statement of this room that has to be fast or fenced, in one place.

They are SQL rather than ORM, which would cost four times as much here, and the same on both
databases but for four words: what the clock is called, what time it will be in some seconds, how to
pass over rows that somebody else is about to change, and which of several workers gets a row.

Moments come from the database's clock: workers' own clocks may differ. States stand in the text
and not in parameters, because only so does a partial index serve them.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import JSON, Float, Integer, TextClause, TextualSelect, bindparam, text

from ostraka.storage.types import UtcDateTime

CHANNEL: Final = "ostraka_work"
"""Where PostgreSQL tells workers which queue has got something."""

WORDS: Final = {
    "postgresql": {
        "now": "statement_timestamp()",
        "later": "statement_timestamp() + make_interval(secs => :seconds)",
        "lock": "FOR UPDATE SKIP LOCKED",
        "lock_w": "FOR UPDATE OF w SKIP LOCKED",
        "worker": "CAST(:workers AS json) ->> CAST(number - 1 AS integer)",
    },
    "sqlite": {  # as text, the way SQLAlchemy keeps moments there
        "now": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
        "later": "strftime('%Y-%m-%d %H:%M:%f000', 'now', round(:seconds, 3) || ' seconds')",
        "lock": "",
        "lock_w": "",
        "worker": "json_extract(:workers, '$[' || (number - 1) || ']')",
    },
}

# A claim reads the first rows of the index `ready`. It does not look for expired leases: an OR
# would cost the index, so `sweep_leased` does that beside it.
_CLAIM = """
WITH picked AS MATERIALIZED (
  SELECT id FROM work WHERE queue = :queue AND state = 'ready'
  ORDER BY priority DESC, id LIMIT :limit {lock}),
numbered AS (SELECT id, row_number() OVER () AS number FROM picked)
UPDATE work SET state = 'leased', token = work.token + 1, attempts = work.attempts + 1,
  lease_until = {later}, worker = {worker}
FROM numbered WHERE work.id = numbered.id
RETURNING work.id, work.queue, work.kind, work.payload, work.token, work.attempts, work.priority,
  work.worker
"""

# The fence: what follows has an effect only for the holder of the newest token. It locks the row
# until the transaction ends, so that nobody takes it meanwhile.
_HELD = "WHERE id = :id AND token = :token AND state = 'leased'"

_EXTEND = f"UPDATE work SET lease_until = {{later}} {_HELD}"

_COMPLETE = f"""
UPDATE work SET state = 'done', lease_until = NULL, finished_at = {{now}} {_HELD}
"""

_RELEASE = f"""
UPDATE work SET state = 'ready', attempts = attempts - 1, lease_until = NULL {_HELD}
"""

_POSTPONE = f"""
UPDATE work SET state = 'waiting', attempts = attempts - 1, lease_until = NULL, run_at = {{later}}
{_HELD}
"""

_RETRY = f"""
UPDATE work SET last_error = :error, lease_until = NULL, run_at = {{later}},
  state = CASE WHEN attempts < max_attempts THEN 'waiting' ELSE 'dead' END,
  finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE {{now}} END
{_HELD}
"""

_BURY = f"""
UPDATE work SET state = 'dead', last_error = :error, lease_until = NULL, finished_at = {{now}}
{_HELD}
"""

_SWEEP_LEASED = """
WITH picked AS MATERIALIZED (
  SELECT id FROM work WHERE state = 'leased' AND lease_until <= {now}
  ORDER BY lease_until LIMIT :limit {lock})
UPDATE work SET lease_until = NULL,
  state = CASE WHEN attempts < max_attempts THEN 'ready' ELSE 'dead' END,
  finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE {now} END,
  last_error = 'The lease ran out: worker ' || worker || ' did not extend it.'
FROM picked WHERE work.id = picked.id
RETURNING work.queue
"""

_SWEEP_WAITING = """
WITH picked AS MATERIALIZED (
  SELECT id FROM work WHERE state = 'waiting' AND run_at <= {now}
  ORDER BY run_at LIMIT :limit {lock})
UPDATE work SET state = 'ready'
FROM picked WHERE work.id = picked.id
RETURNING work.queue
"""

# Reads only: what a worker asks before it takes SQLite's one write lock.
_IS_READY = """
SELECT EXISTS (SELECT 1 FROM work WHERE queue IN :queues AND state = 'ready')
"""

_IS_DUE = """
SELECT EXISTS (SELECT 1 FROM work WHERE state = 'leased' AND lease_until <= {now})
  OR EXISTS (SELECT 1 FROM work WHERE state = 'waiting' AND run_at <= {now})
"""

_LEASED = "SELECT id, token FROM work WHERE id IN :ids AND state = 'leased'"

_ENQUEUE = """
INSERT INTO work (id, created_at, queue, kind, state, priority, payload, key, run_at, attempts,
  max_attempts, token, subject)
VALUES (:id, {now}, :queue, :kind, CASE WHEN :run_at > {now} THEN 'waiting' ELSE 'ready' END,
  :priority, :payload, :key, coalesce(:run_at, {now}), 0, :max_attempts, 0, :subject)
ON CONFLICT (key) DO NOTHING
RETURNING state
"""

_CANCEL = """
UPDATE work SET state = 'cancelled', lease_until = NULL, finished_at = {now}
WHERE id = :id AND state IN ('waiting', 'ready', 'leased')
"""

# Of work that was never begun: whoever takes it up counts an attempt.
_WITHDRAW = """
UPDATE work SET state = 'cancelled', finished_at = {now}
WHERE id = :id AND state IN ('waiting', 'ready') AND attempts = 0
"""

_REVIVE = """
UPDATE work SET state = 'ready', attempts = 0, finished_at = NULL, run_at = {now}
WHERE id = :id AND state IN ('dead', 'cancelled')
RETURNING queue
"""

_FORGET = """
DELETE FROM work WHERE id IN (
  SELECT id FROM work WHERE state IN ('done', 'cancelled') AND finished_at <= :before LIMIT :limit)
"""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements for one kind of database."""

    claim: TextualSelect
    extend: TextClause
    complete: TextClause
    release: TextClause
    postpone: TextClause
    retry: TextClause
    bury: TextClause
    sweep_leased: TextClause
    sweep_waiting: TextClause
    is_ready: TextClause
    is_due: TextClause
    leased: TextClause
    enqueue: TextClause
    cancel: TextClause
    withdraw: TextClause
    revive: TextClause
    forget: TextClause


@cache
def statements(dialect: str) -> Statements:
    """The statements as the database of this name wants them."""

    def made(template: str) -> TextClause:
        return text(template.format(**WORDS[dialect]))

    seconds = bindparam("seconds", type_=Float)
    moment = bindparam("run_at", type_=UtcDateTime)
    return Statements(
        claim=made(_CLAIM).bindparams(seconds).columns(payload=JSON, priority=Integer),
        extend=made(_EXTEND).bindparams(seconds),
        complete=made(_COMPLETE),
        release=made(_RELEASE),
        postpone=made(_POSTPONE).bindparams(seconds),
        retry=made(_RETRY).bindparams(seconds),
        bury=made(_BURY),
        sweep_leased=made(_SWEEP_LEASED),
        sweep_waiting=made(_SWEEP_WAITING),
        is_ready=made(_IS_READY).bindparams(bindparam("queues", expanding=True)),
        is_due=made(_IS_DUE),
        leased=made(_LEASED).bindparams(bindparam("ids", expanding=True)),
        enqueue=made(_ENQUEUE).bindparams(moment, bindparam("payload", type_=JSON)),
        cancel=made(_CANCEL),
        withdraw=made(_WITHDRAW),
        revive=made(_REVIVE),
        forget=made(_FORGET).bindparams(bindparam("before", type_=UtcDateTime)),
    )
