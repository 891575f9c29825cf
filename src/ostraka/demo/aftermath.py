"""What follows two weeks of work: shadows have looked at all of it, and the draft was replayed."""

import threading
from datetime import datetime
from typing import Final

from ostraka.moderator import Moderator
from ostraka.review.backtest import backtest, keep
from ostraka.review.policies import PolicyStore
from ostraka.review.replaying import Window
from ostraka.review.shadow_work import shadow_handlers
from ostraka.review.shadowing import LOOK, QUEUE
from ostraka.storage.database import Database
from ostraka.work.leases import Leases
from ostraka.work.worker import WorkContext

_AT_A_TIME: Final = 50
_LEASE_SECONDS: Final = 60.0


def look_in_shadow(database: Database, moderator: Moderator) -> None:
    """Do at once what a worker would do beside the server."""
    handler = shadow_handlers(
        database, lambda texts, model: moderator.moderate_many(texts, model=model)
    )[LOOK]
    leases = Leases(database)
    while waiting := leases.claim([QUEUE], "demo", _LEASE_SECONDS, _AT_A_TIME):
        for lease in waiting:
            context = WorkContext(database, leases, lease, threading.Event(), threading.Event())
            handler(lease, context)


def replay_draft(
    database: Database, policies: PolicyStore, digest: str, actor: str, now: datetime
) -> None:
    """Backtest a draft on everything that is there."""
    with database.writing() as session:
        draft, active = policies.get(session, digest), policies.active(session)
        keep(session, backtest(session, draft, active, Window()), actor, now)
