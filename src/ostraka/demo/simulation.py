"""Two weeks of work, played event by event in the order in which they happen.

Everything goes through the same functions as real traffic, with the simulated moment as its clock:
what the demo shows is what the system does.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from ostraka.demo.content import WrittenItem, WrittenReport, WrittenThread
from ostraka.demo.shifts import Shift, work_shift
from ostraka.moderator import Verdict
from ostraka.review.appeals import appeal
from ostraka.review.facts import ACTING
from ostraka.review.items import ItemStore, find_item
from ostraka.review.new_items import NewItem
from ostraka.review.policies import PolicyStore
from ostraka.review.reports import report
from ostraka.review.submission import Submission
from ostraka.review.tables import GoldenRow
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id

DAYS: Final = 14
_LAST_SHIFT: Final = timedelta(hours=5)
_SHIFTS: Final = range(8, 18, 2)
"""Hours of the day at which reviewers look at the queue."""
_TODAY: Final = timedelta(minutes=4)
_APPEAL_TRIES: Final = 5
_APPEAL_LATER: Final = timedelta(hours=6)


@dataclass(order=True, slots=True)
class _Event:
    moment: datetime
    number: int
    happens: Callable[[datetime], None] = field(compare=False)


class Simulation:
    """Plays events; used once."""

    def __init__(
        self,
        database: Database,
        policies: PolicyStore,
        verdicts: Mapping[str, Verdict],
        actor: str,
        now: datetime,
        seed: int,
    ) -> None:
        """`verdicts` are the classifier's, by text; `actor` is the key that sends everything."""
        self._actor = actor
        self._database = database
        self._policies = policies
        self._items = ItemStore(database, policies)
        self._verdicts = verdicts
        self._now = now
        self._seed = seed
        self._chance = random.Random(seed)
        self._events: list[_Event] = []
        self.written: dict[str, WrittenItem] = {}
        """Items by the ids that the database gave them."""

    def at(self, moment: datetime, happens: Callable[[datetime], None]) -> None:
        """Let something happen, at the latest a few minutes before now."""
        moment = min(moment, self._now - _TODAY)
        heapq.heappush(self._events, _Event(moment, len(self._events), happens))

    def act(self, moment: datetime, does: Callable[[Session, datetime], object]) -> None:
        """Let something happen in a transaction of its own."""

        def happens(then: datetime) -> None:
            with self._database.writing() as session:
                does(session, then)

        self.at(moment, happens)

    def plan(self, threads: Sequence[WrittenThread], team: Sequence[Shift]) -> None:
        """Enter what people write, report and appeal, and when reviewers work."""
        for thread in threads:
            moment = self._now - timedelta(days=thread.days_ago)
            first = thread.items[0].external_id
            for item in thread.items:
                self._plan_item(thread, item, first, moment)
                moment += timedelta(minutes=self._chance.uniform(6, 75))
        for day in range(DAYS, -1, -1):
            midnight = (self._now - timedelta(days=day)).replace(
                hour=0, minute=0, second=0, microsecond=0
            )
            for hour in _SHIFTS:
                for shift in team:
                    minute = self._chance.uniform(0, 110)
                    self._plan_shift(midnight + timedelta(hours=hour, minutes=minute), shift)

    def run(self) -> None:
        """Play everything."""
        while self._events:
            event = heapq.heappop(self._events)
            event.happens(event.moment)

    def _plan_item(
        self, thread: WrittenThread, item: WrittenItem, first: str, moment: datetime
    ) -> None:
        author = random.Random(f"{self._seed}:{item.author}")
        oldest = self._now - timedelta(days=DAYS)
        sent = NewItem(
            text=item.text,
            external_id=item.external_id,
            author=item.author,
            author_since=oldest - timedelta(days=author.choice((2, 40, 200, 700, 1500))),
            thread_id=thread.id,
            parent_id=None if item.external_id == first else first,
            language=item.language,
            source=thread.source,
            reach=item.reach,
        )
        self.at(moment, lambda then: self._submit(sent, item, then))
        for each in item.reports:
            later = moment + timedelta(minutes=self._chance.uniform(3, 100))
            self.act(later, self._report(item, each))
        if item.appeal:
            later = moment + timedelta(hours=self._chance.uniform(14, 24))
            self.act(later, self._appeal(item))
        if item.golden:
            self.act(moment + timedelta(hours=30), self._golden(item))

    def _plan_shift(self, moment: datetime, shift: Shift) -> None:
        if moment > self._now - _LAST_SHIFT * shift.ends_early:
            return
        self.at(
            moment,
            lambda then: work_shift(
                self._database, self._policies, self.written, shift, then, self._seed
            ),
        )

    def _submit(self, sent: NewItem, item: WrittenItem, then: datetime) -> None:
        verdict = self._verdicts[item.text]
        taken = self._items.submit([Submission([sent], [verdict], self._actor, single=True)], then)[
            0
        ]
        if isinstance(taken, Exception):
            raise taken
        self.written[taken.answer["id"]] = item

    def _report(
        self, item: WrittenItem, written: WrittenReport
    ) -> Callable[[Session, datetime], None]:
        def does(session: Session, then: datetime) -> None:
            row = find_item(session, None, item.external_id, lock=True)
            policy = self._policies.active(session)
            report(
                session,
                row,
                written.reporter,
                written.violation,
                written.note or None,
                self._actor,
                policy,
                then,
            )

        return does

    def _appeal(
        self, item: WrittenItem, tries: int = _APPEAL_TRIES
    ) -> Callable[[Session, datetime], None]:
        def does(session: Session, then: datetime) -> None:
            row = find_item(session, None, item.external_id, lock=True)
            if row.action in ACTING:
                policy = self._policies.active(session)
                appeal(session, row, item.author, item.appeal, self._actor, policy, then)
            elif tries > 1:  # nobody has decided yet
                self.act(then + _APPEAL_LATER, self._appeal(item, tries - 1))

        return does

    def _golden(self, item: WrittenItem) -> Callable[[Session, datetime], None]:
        def does(session: Session, then: datetime) -> None:
            row = find_item(session, None, item.external_id)
            session.add(
                GoldenRow(
                    id=new_id("golden"),
                    created_at=then,
                    item_id=row.id,
                    action=str(item.right.action),
                    violation=str(item.right.violation),
                    explanation=item.golden,
                )
            )

        return does
