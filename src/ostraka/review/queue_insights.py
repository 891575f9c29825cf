"""What happened in each queue on each day: opened, closed, late, waiting, and how long it took."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from ostraka.review.days import day_of, days_of, quantiles
from ostraka.review.insight_figures import Handling, QueueDay
from ostraka.review.measures import Period
from ostraka.review.tables import CaseRow, DecisionRow

_DayAndQueue = tuple[str, str]


def queue_days(session: Session, period: Period) -> list[QueueDay]:
    """Every queue that had cases, on every day of the period."""
    since, until = period.since, period.until
    made, due, closed = CaseRow.created_at, CaseRow.due_at, CaseRow.decided_at
    was_late = or_(closed.is_(None), closed > due)
    opened = _per_day(session, made, _between(made, since, until))
    shut = _per_day(session, closed, _between(closed, since, until))
    late = _per_day(session, closed, and_(_between(closed, since, until), closed > due))
    fell_due = _per_day(session, due, and_(_between(due, since, until), was_late))
    still_open = or_(closed.is_(None), closed >= since)
    open_before = _per_queue(session, and_(made < since, still_open))
    late_before = _per_queue(session, and_(due < since, made < since, still_open))
    seconds = _seconds(session, period)
    queues = {queue for _, queue in (*opened, *shut, *fell_due)} | set(open_before)
    rows = []
    for queue in sorted(queues):
        backlog, overdue = open_before[queue], late_before[queue]
        for day in days_of(period):
            at = (day, queue)
            backlog += opened[at] - shut[at]
            overdue += fell_due[at] - late[at]
            median, slow = quantiles(sorted(seconds.get(at, [])), (0.5, 0.9))
            rows.append(
                QueueDay(
                    day=day,
                    queue=queue,
                    opened=opened[at],
                    closed=shut[at],
                    late=late[at],
                    backlog=backlog,
                    overdue=overdue,
                    median_seconds=median,
                    slow_seconds=slow,
                )
            )
    return rows


def handling(session: Session, period: Period) -> list[Handling]:
    """How long decisions took in each queue, and how many deadlines were kept."""
    by_queue: defaultdict[str, list[float]] = defaultdict(list)
    for (_, queue), seconds in _seconds(session, period).items():
        by_queue[queue] += seconds
    closed = _per_queue(session, _between(CaseRow.decided_at, period.since, period.until))
    kept = _per_queue(
        session,
        and_(
            _between(CaseRow.decided_at, period.since, period.until),
            CaseRow.decided_at <= CaseRow.due_at,
        ),
    )
    rows = []
    for queue in sorted({*by_queue, *closed}):
        quarter, median, three, slow = quantiles(
            sorted(by_queue.get(queue, [])), (0.25, 0.5, 0.75, 0.9)
        )
        rows.append(
            Handling(
                queue=queue,
                decisions=len(by_queue.get(queue, [])),
                quarter_seconds=quarter,
                median_seconds=median,
                three_quarters_seconds=three,
                slow_seconds=slow,
                kept_deadline=kept[queue] / closed[queue] if closed[queue] else None,
            )
        )
    return rows


def _between(column: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(column >= since, column < until)


def _per_day(
    session: Session, column: Any, condition: ColumnElement[bool]
) -> Counter[_DayAndQueue]:
    day = day_of(session, column)
    wanted = select(day, CaseRow.queue, func.count()).where(condition)
    rows = session.execute(wanted.group_by(day, CaseRow.queue))
    return Counter({(at, queue): count for at, queue, count in rows})


def _per_queue(session: Session, condition: ColumnElement[bool]) -> Counter[str]:
    wanted = select(CaseRow.queue, func.count()).where(condition).group_by(CaseRow.queue)
    return Counter(dict(session.execute(wanted).all()))


def _seconds(session: Session, period: Period) -> dict[_DayAndQueue, list[float]]:
    """How long each decision took that was not taken back."""
    inverse = aliased(DecisionRow)
    wanted = (
        select(day_of(session, DecisionRow.created_at), CaseRow.queue, DecisionRow.seconds)
        .join(CaseRow, CaseRow.id == DecisionRow.case_id)
        .where(
            _between(DecisionRow.created_at, period.since, period.until),
            DecisionRow.seconds.is_not(None),
            DecisionRow.reverses.is_(None),
            ~exists().where(inverse.reverses == DecisionRow.id),
        )
    )
    found: defaultdict[_DayAndQueue, list[float]] = defaultdict(list)
    for day, queue, seconds in session.execute(wanted):
        found[day, queue].append(seconds)
    return dict(found)
