"""Sessions of the environment: isolated, limited in number, ended when nobody comes back.

A session that had to make room keeps its log, from which it is played again when it is asked for.
With a store its log is on disk as well, and the session goes on after a restart.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ostraka.environment.environment import Environment, Log
from ostraka.environment.real import RealItems
from ostraka.errors import NotFoundError
from ostraka.server.environment.store import SessionStore, StoredSession

IDLE_SECONDS: Final = 3600.0
"""For how long a session waits for a slow model."""
ALIVE: Final = 1000
KEPT: Final = 20_000


@dataclass(slots=True)
class _Kept:
    used: float
    caller: str
    environment: Environment | None
    log: Log | None = None


class Sessions:
    """Environments by session id. `clock` gives seconds, with a `store` those since 1970.

    `secret` is the server's own, `real` are the items that it mixes in.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        secret: str = "",
        *,
        alive: int = ALIVE,
        kept: int = KEPT,
        idle_seconds: float = IDLE_SECONDS,
        store: SessionStore | None = None,
        real: RealItems | None = None,
    ) -> None:
        self._clock, self._secret, self._real = clock, secret, real
        self._limits = alive, kept
        self._idle_seconds = idle_seconds
        self._sessions: OrderedDict[str, _Kept] = OrderedDict()
        self._alive: OrderedDict[str, None] = OrderedDict()
        self._last: dict[str, str] = {}
        self._store = store
        if store is not None:
            for each in store.load(clock() - idle_seconds):
                self._sessions[each.id] = _Kept(each.used, each.caller, None, each.log)
                self._remember_last(each.caller, each.id)
            self._make_room()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def alive(self) -> int:
        """How many are held in memory; the others are logs."""
        return len(self._alive)

    def environment(self) -> Environment:
        """An environment of this server, without a session."""
        return Environment(self._secret, self._real)

    def add(self, environment: Environment, caller: str) -> str:
        """Keep an environment; returns its session id, which nobody can guess.

        A caller without a name can only come back by that id.
        """
        session_id = secrets.token_urlsafe(18)
        self._sessions[session_id] = _Kept(self._clock(), caller, environment)
        self._remember_last(caller, session_id)
        self._use(session_id)
        self._make_room()
        self.note(session_id)
        return session_id

    def note(self, session_id: str) -> None:
        """Write down how a session stands, where sessions are kept on disk.

        Raises:
            StorageError: it cannot be written.
        """
        kept = self._sessions.get(session_id)
        if self._store is None or kept is None or kept.environment is None:
            return
        if kept.environment.has_begun:
            log = kept.environment.log()
            self._store.save(StoredSession(session_id, kept.caller, kept.used, log))

    def last_of(self, caller: str) -> str | None:
        """The session that `caller` began last; None where it has ended."""
        session_id = self._last.get(caller)
        return session_id if session_id in self._sessions else None

    def get(self, session_id: str) -> Environment:
        """The environment of a session.

        Raises:
            NotFoundError: there is none, or it has expired.
        """
        self._expire()
        kept = self._sessions.get(session_id)
        if kept is None:
            raise NotFoundError(
                "no such session, or it has expired; POST /reset begins one",
                field="session_id",
                code="unknown_session",
            )
        if kept.environment is None:
            assert kept.log is not None
            restored = Environment.restore(kept.log, self._secret, self._real)
            kept.environment, kept.log = restored, None
        kept.used = self._clock()
        self._use(session_id)
        self._make_room()
        return kept.environment

    def _remember_last(self, caller: str, session_id: str) -> None:
        if caller:
            self._last[caller] = session_id

    def _use(self, session_id: str) -> None:
        self._sessions.move_to_end(session_id)
        self._alive[session_id] = None
        self._alive.move_to_end(session_id)

    def _make_room(self) -> None:
        self._expire()
        alive, kept = self._limits
        while len(self._alive) > alive:
            oldest, _ = self._alive.popitem(last=False)
            session = self._sessions[oldest]
            if session.environment is not None:
                session.log, session.environment = session.environment.log(), None
        while len(self._sessions) > kept:
            self._drop(next(iter(self._sessions)))

    def _expire(self) -> None:
        before = self._clock() - self._idle_seconds
        while self._sessions:
            oldest = next(iter(self._sessions))
            if self._sessions[oldest].used >= before:
                return
            self._drop(oldest)

    def _drop(self, session_id: str) -> None:
        caller = self._sessions.pop(session_id).caller
        self._alive.pop(session_id, None)
        if self._store is not None:
            self._store.delete(session_id)
        if self._last.get(caller) == session_id:
            del self._last[caller]
