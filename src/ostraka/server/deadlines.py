"""Deadlines of many tasks with one timer.

`asyncio.timeout` sets and cancels a timer of the event loop for every request, which costs as much
as judging a short text. Nearly every request ends in time, so here a task is only noted, and one
timer wakes when the earliest of them may be late.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Deadline:
    """When a task must be done, by the event loop's clock."""

    __slots__ = ("expired", "task", "when")

    def __init__(self, task: "asyncio.Task[object]", when: float) -> None:
        self.task = task
        self.when = when
        self.expired = False


class Deadlines:
    """Cancels tasks that are late. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[Deadline]:
        """Cancel the task that runs this block if it is not left within `seconds`.

        Raises:
            TimeoutError: it was late; nothing else had cancelled it.
        """
        task = asyncio.current_task()
        assert task is not None, "only tasks can be late"
        deadline = Deadline(task, asyncio.get_running_loop().time() + seconds)
        before = task.cancelling()
        self._open.add(deadline)
        if self._timer is None or deadline.when < self._timer.when():
            self._wake_at(deadline.when)
        try:
            yield deadline
        except asyncio.CancelledError as error:
            if deadline.expired and task.uncancel() <= before:
                raise TimeoutError from error
            raise
        finally:
            self._open.discard(deadline)

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._end_late_ones)

    def _end_late_ones(self) -> None:
        """Cancel what is late; wake again for the next, if there is one."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for deadline in self._open:
            if deadline.when <= now and not deadline.expired:
                deadline.expired = True
                deadline.task.cancel()
        left = [deadline.when for deadline in self._open if not deadline.expired]
        if left:
            self._wake_at(min(left))
