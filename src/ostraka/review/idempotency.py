"""Answers to writes, remembered under the caller's key: a request that is sent again does nothing.

The key is claimed in the transaction that does the write, so both are there or neither is. Who
sends the same request meanwhile waits for that transaction and gets its answer.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ostraka.errors import KeyReusedError
from ostraka.review.tables import AnswerRow

KEPT_FOR: Final = timedelta(hours=24)


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


def recall(session: Session, actor: str, key: str, fingerprint: str, now: datetime) -> Any | None:
    """The answer that `actor` got for `key`; None if the key was new, and is claimed now.

    Raises:
        KeyReusedError: the key came with another request.
    """
    session.execute(delete(AnswerRow).where(AnswerRow.created_at < now - KEPT_FOR))
    values = {
        "actor": actor,
        "key": key,
        "fingerprint": fingerprint,
        "answer": None,
        "created_at": now,
    }
    if _claim(session, values):
        return None
    known = session.get_one(AnswerRow, (actor, key))
    if known.fingerprint != fingerprint:
        raise KeyReusedError(field="Idempotency-Key")
    return known.answer


def remember(session: Session, actor: str, key: str, answer: Any) -> None:
    """Keep the answer for a key that `recall` claimed. It must not quote the text of an item."""
    session.get_one(AnswerRow, (actor, key)).answer = answer


def _claim(session: Session, values: dict[str, Any]) -> bool:
    postgres = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql if postgres else sqlite).insert(AnswerRow).values(values)
    done = session.execute(statement.on_conflict_do_nothing())
    return cast("CursorResult[Any]", done).rowcount == 1
