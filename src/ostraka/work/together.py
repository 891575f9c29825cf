"""Threads of one process that want the same kind of thing at the same time are served together.

While one call to the database is under way the others gather, and the next one of them asks for
all. A thread that is alone never waits for company.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ostraka.errors import StorageError


@dataclass(slots=True, eq=False, kw_only=True)
class Wanted:
    """What one caller wants; its kinds say what, and what it got."""

    error: StorageError | None = None
    answered: bool = False
    woken: threading.Event = field(default_factory=threading.Event)
    """Set when it is answered, or when its thread has to answer for all."""


W = TypeVar("W", bound=Wanted)


class Together(Generic[W]):
    """Gathers wishes, and lets one of their threads answer those that there are."""

    def __init__(self, answer: Callable[[list[W]], None]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._busy = False
        self._wishes: list[W] = []

    def ask(self, wish: W) -> None:
        """Come back when the wish is answered.

        Raises:
            StorageError: the database does not answer.
        """
        with self._lock:
            self._wishes.append(wish)
            leads, self._busy = not self._busy, True
        if not leads:
            wish.woken.wait()
        if not wish.answered:
            self._lead()
        if wish.error is not None:
            raise StorageError(wish.error.message) from wish.error

    def _lead(self) -> None:
        """Answer all wishes that have gathered; then it is the turn of one that came meanwhile."""
        with self._lock:
            wishes, self._wishes = self._wishes, []
        try:
            self._answer(wishes)
        finally:
            for wish in wishes:
                wish.answered = True
            with self._lock:
                self._busy = bool(self._wishes)
                following = self._wishes[:1]
            for wish in (*wishes, *following):
                wish.woken.set()
