"""The life of a batch, as a table of steps. Pure: nothing here reads or writes.

QUEUED -> RUNNING -> SUCCESS | TIMEOUT_EXCEEDED
cancel: QUEUED -> CANCELLED;  RUNNING -> CANCELLATION_REQUESTED -> CANCELLED
without a worker: QUEUED | RUNNING -> FAILED | TIMEOUT_EXCEEDED | CANCELLED
"""

from enum import StrEnum
from typing import Final

from ostraka.errors import ConflictError


class BatchStatus(StrEnum):
    """Every status of a batch."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT_EXCEEDED = "TIMEOUT_EXCEEDED"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    CANCELLED = "CANCELLED"


BATCH_FINAL: Final = frozenset(
    {
        BatchStatus.SUCCESS,
        BatchStatus.FAILED,
        BatchStatus.TIMEOUT_EXCEEDED,
        BatchStatus.CANCELLED,
    }
)
"""Nothing happens to a batch after these."""

_CANCELLED: Final = {
    BatchStatus.QUEUED: BatchStatus.CANCELLED,
    BatchStatus.RUNNING: BatchStatus.CANCELLATION_REQUESTED,
    BatchStatus.CANCELLATION_REQUESTED: BatchStatus.CANCELLATION_REQUESTED,
    BatchStatus.CANCELLED: BatchStatus.CANCELLED,
}


def after_cancel(status: BatchStatus) -> BatchStatus:
    """The status that a caller's cancelling leads to; asking twice changes nothing.

    Raises:
        ConflictError: the batch has ended otherwise.
    """
    if status not in _CANCELLED:
        raise ConflictError(f"The batch is {status}; it has ended and cannot be cancelled.")
    return _CANCELLED[status]


def after_run(status: BatchStatus, *, in_time: bool) -> BatchStatus:
    """The status of a batch whose worker is done with it, complete or not."""
    if status is BatchStatus.CANCELLATION_REQUESTED:
        return BatchStatus.CANCELLED
    return BatchStatus.SUCCESS if in_time else BatchStatus.TIMEOUT_EXCEEDED
