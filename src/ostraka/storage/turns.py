"""One thread after the other, in the order in which they asked.

A plain lock has no order. Whoever lets go of it is running, and mostly has it again before those
who wait have woken up; of 64 that write at once some would wait until they are refused.
"""

import threading
from collections import deque


class Turns:
    """A lock that is handed to whoever has waited for longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for one's turn, so long at most; False if it did not come."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._guard:
            if mine not in self._waiting:  # it came at the last moment
                return True
            self._waiting.remove(mine)
            return False

    def pass_on(self) -> None:
        """End one's turn: the next one has it from now on."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
