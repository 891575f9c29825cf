"""Deadlines of many tasks with one timer.

`asyncio.timeout` sets and cancels a timer of the event loop for every request, which costs as much
as judging a short text. Nearly every request ends in time, so here a task is only noted, and one
timer wakes when the earliest of them may be late.
"""

import asyncio
import math
from types import TracebackType
from typing import Final, Self

_PAUSE: Final = 0.001


class Deadline:
    """A context manager: cancels the task that runs its block if it is not left in time.

    Raises:
        TimeoutError: it was late; nothing else had cancelled it.
    """

    __slots__ = ("_before", "_open", "expired", "seconds", "task", "when")

    def __init__(
        self, open_: "set[Deadline]", task: "asyncio.Task[object]", seconds: float, when: float
    ) -> None:
        self.task = task
        self.seconds = seconds
        self.when = when
        """The end of its `seconds`, by the event loop's clock."""
        self.expired = False
        self._before = task.cancelling()
        self._open = open_

    def __enter__(self) -> Self:
        self._open.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.discard(self)
        cancelled = self.expired and isinstance(error, asyncio.CancelledError)
        if cancelled and self.task.uncancel() <= self._before:
            raise TimeoutError from error


class Deadlines:
    """Cancels tasks that are late. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    def within(self, seconds: float) -> Deadline:
        """What the task that asks has to be done by."""
        task = asyncio.current_task()
        assert task is not None, "only tasks can be late"
        when = asyncio.get_running_loop().time() + seconds
        if when < self._wakes_at:
            self._wake_at(when)
        return Deadline(self._open, task, seconds, when)

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at = when
        self._timer = asyncio.get_running_loop().call_at(when, self._end_late_ones)

    def _end_late_ones(self) -> None:
        """Cancel what is late; wake again for the next, if there is one."""
        self._timer, self._wakes_at = None, math.inf
        now = asyncio.get_running_loop().time()
        for deadline in self._open:
            if deadline.when <= now and not deadline.expired:
                deadline.expired = True
                deadline.task.cancel()
        left = [deadline.when for deadline in self._open if not deadline.expired]
        if left:
            # A timer may fire a moment early: without a pause it would do so again and again.
            self._wake_at(max(min(left), now + _PAUSE))
