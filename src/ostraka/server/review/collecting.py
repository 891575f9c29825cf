"""Keep the items of concurrent requests together: one transaction for all that came meanwhile.

A commit waits for the disk. While one does, requests gather, and the next transaction takes all of
them; alone, a request waits for nobody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from ostraka.access.ring import now
from ostraka.errors import OverloadedError, StorageError
from ostraka.review.items import ItemStore
from ostraka.review.submission import Submission, Taken

MOST_TOGETHER: Final = 500
"""Items of one transaction, but for a call that has more."""

_log = logging.getLogger("ostraka.server")


@dataclass(frozen=True, slots=True)
class _Waiting:
    submission: Submission
    answer: "asyncio.Future[Taken]"


class Collector:
    """Takes items in for request handlers. One per application; needs a running event loop."""

    def __init__(self, items: ItemStore, max_pending: int) -> None:
        self._items = items
        self._max_pending = max_pending
        self._waiting: deque[_Waiting] = deque()
        self._pending = 0
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="items")

    async def take(self, submission: Submission) -> Taken:
        """What a call is answered, once it is committed.

        Raises:
            CallerError: the call is refused; nothing of it was kept.
            OverloadedError: too many items wait already; nothing of it was kept.
            StorageError: the database does not answer; nothing of it was kept.
        """
        count = len(submission.items)
        if self._pending and self._pending + count > self._max_pending:
            raise OverloadedError
        answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(submission, answer))
        self._pending += count
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        return await answer

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next()
            submissions = [each.submission for each in batch]
            results = await loop.run_in_executor(self._thread, self._submit, submissions)
            for each, result in zip(batch, results, strict=True):
                self._pending -= len(each.submission.items)
                if each.answer.done():  # its request is over
                    continue
                if isinstance(result, Exception):
                    each.answer.set_exception(result)
                else:
                    each.answer.set_result(result)

    def _next(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        count = len(batch[0].submission.items)
        while self._waiting:
            count += len(self._waiting[0].submission.items)
            if count > MOST_TOGETHER:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _submit(self, submissions: Sequence[Submission]) -> Sequence[Taken | Exception]:
        """Commit calls together; what fails together is tried one by one, but for the database."""
        try:
            return self._items.submit(submissions, now())
        except StorageError as error:
            return [error] * len(submissions)
        except Exception as error:  # every waiting request must hear of it
            if len(submissions) == 1:
                return [error]
            _log.exception("%d calls could not be kept together", len(submissions))
        return [self._submit([each])[0] for each in submissions]
