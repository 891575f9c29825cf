"""What one contributor may have open, and what they may not send twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ostraka.trees.configuration import TreeConfiguration


def may_take_another(
    taken_at: Iterable[datetime], now: datetime, configuration: TreeConfiguration
) -> bool:
    """Whether somebody with open tasks, taken at these moments, may take one more."""
    since = now - timedelta(seconds=configuration.recent_tasks_span_sec)
    recent = sum(moment > since for moment in taken_at)
    return recent < configuration.max_pending_tasks_per_user


def is_repeated(
    text: str,
    sent: Iterable[tuple[str, datetime]],
    now: datetime,
    configuration: TreeConfiguration,
) -> bool:
    """Whether somebody sent exactly this text a short while ago; deleted messages count too."""
    since = now - timedelta(minutes=configuration.duplicate_message_window_minutes)
    trimmed = text.strip()
    return any(moment > since and before == trimmed for before, moment in sent)
