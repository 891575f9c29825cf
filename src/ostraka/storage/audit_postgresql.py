"""Chain entries of the audit log within PostgreSQL, in the round trip that commits.

The lock that keeps the chain from forking is held until the commit, and everybody else who writes
an entry waits for it. Were the last hash fetched, the next one made here and the entry sent back,
they would wait for two round trips and for this process to get its turn. So the database makes the
hash, and lock, entries and commit travel together. `chain` says what is hashed, and verifies it.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from ostraka.storage.chain import GENESIS, Pending

_ADD: Final = """
INSERT INTO audit_log (sequence, created_at, actor, act, subject, detail, previous_hash, hash)
SELECT place, {created_at}, {actor}, {act}, {subject}, {detail}, before,
  encode(sha256(convert_to('["' || before || '",' || place || ',' || {said}, 'UTF8')), 'hex')
FROM (SELECT coalesce(newest.sequence, 0) + 1 AS place, coalesce(newest.hash, {genesis}) AS before
  FROM (SELECT 1) AS once LEFT JOIN
    (SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1) AS newest ON true) AS last
"""


def link_and_commit(connection: Connection, lock: int, entries: Sequence[Pending]) -> None:
    """Add entries behind the last one and commit the transaction; its owner finds nothing left.

    If anything fails nothing is committed, and the transaction is to be rolled back as ever.
    """
    psycopg: Any = connection.dialect.loaded_dbapi  # an extra, and loaded by now
    driver = connection.connection.driver_connection

    def quoted(text: str) -> str:
        return str(psycopg.sql.Literal(text).as_string(driver))

    statements = [f"SELECT pg_advisory_xact_lock({lock})"]
    statements += [
        _ADD.format(
            created_at=f"CAST({quoted(entry.draft.created_at.isoformat())} AS timestamptz)",
            actor=quoted(entry.draft.actor),
            act=quoted(entry.draft.act),
            subject=quoted(entry.draft.subject),
            detail=f"CAST({quoted(entry.detail)} AS json)",
            said=quoted(entry.said),
            genesis=quoted(GENESIS),
        )
        for entry in entries
    ]
    together = ";".join([*statements, "COMMIT"])
    connection.exec_driver_sql(together, execution_options={"no_parameters": True}).close()
