"""Replay a draft on stored items, with their scores and the facts of their authors as they were.

Nothing is scored again and nothing is done. What acts now is replayed beside the draft on items
that an older policy judged, so that the two are compared and not two moments. What cannot be
replayed as it was is counted and left out.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.policy.compiled import Policy, Scored
from ostraka.policy.evaluation import Outcome, evaluate
from ostraka.policy.facts import Facts
from ostraka.policy.path import DEFAULT
from ostraka.review.comparing import Comparison, Pair, Said, contradicts
from ostraka.review.comparison import BacktestReport, Cost, NotReplayed, RuleCount, Unscored
from ostraka.review.policies import PolicyStore
from ostraka.review.replaying import Page, Window, pages
from ostraka.review.tables import BacktestRow
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action, ViolationType

ERASED: Final = "its text and metadata were erased"
UNREADABLE: Final = "its facts cannot be read"
JUDGE: Final = "llm"
_FEW: Final = 10
_DAY: Final = 86_400.0
_ESCALATE: Final = str(Action.ESCALATE)
_APPROVED: Final = (str(Action.APPROVE), str(ViolationType.NONE))
_AGREES: Final = (None, str(Action.APPROVE))
"""What people may have decided of an item without contradicting its approval."""
_RUNNING: Final = threading.Lock()


@dataclass(slots=True)
class _Skipped:
    items: int = 0
    ids: list[str] = field(default_factory=list)


class _Replay:
    """Both policies over one item after the other. Used once."""

    def __init__(self, draft: Policy, against: Policy) -> None:
        self._draft = draft
        self._against = against
        self._shown_to_people = {each.rule.name for each in against.rules if each.rule.people}
        self._asked = frozenset(
            {name for each in draft.rules for name, _ in each.marks} | {*draft.must_be_scored}
        )
        self.comparison = Comparison(draft.digest)
        self.rules: Counter[str] = Counter()
        self._scored: Counter[Scored] = Counter()
        self._plain: Counter[str | None] = Counter()
        self.judged = self.cases_before = self.cases_after = 0
        self.skipped: dict[str, _Skipped] = {}
        self.items = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def take(self, page: Page) -> None:
        """Replay a page of items."""
        self.first = self.first or page.first
        self.last = page.last
        self.items += len(page.items)
        people_on, acting = page.people, self._against.digest
        for item_id, verdict_id, written, policy, action, violation, rule, erased in page.items:
            if erased:
                self._skip(ERASED, item_id)
                continue
            try:
                facts = Facts.from_json(written)
            except InvalidInputError:
                self._skip(UNREADABLE, item_id)
                continue
            if policy == acting:
                before = (action, violation, rule)
                self.cases_before += action == _ESCALATE or rule in self._shown_to_people
            else:  # an older policy judged it
                before = self._by_what_acts(facts)
            people = people_on.get(item_id)
            self._scored[self._draft.scored(facts.scores)] += 1
            self.judged += facts.stage == JUDGE
            if before[:2] == _APPROVED and people in _AGREES and self._draft.is_plain(facts):
                self._plain[people] += 1  # as most items
            else:
                self._replay((item_id, verdict_id), facts, before, people)
        self._count_plain()

    def _count_plain(self) -> None:
        for people, items in self._plain.items():
            self.rules[DEFAULT] += items
            self.comparison.same(_APPROVED[0], people, items)
        self._plain.clear()

    def _replay(
        self, ids: tuple[str, str], facts: Facts, before: tuple[str, str, str], people: str | None
    ) -> None:
        outcome = evaluate(self._draft, facts)
        self.cases_after += outcome.needs_people
        self.rules[outcome.rule] += 1
        action, violation = str(outcome.action), str(outcome.violation)
        agrees = people is None or not contradicts(action, people)
        if agrees and action == before[0] and violation == before[1]:
            self.comparison.same(action, people)
            return
        after = Said(action, violation, outcome.rule)
        self.comparison.take(Pair(*ids, Said(*before), after, people, _why(outcome)))

    def _by_what_acts(self, facts: Facts) -> tuple[str, str, str]:
        if self._against.is_plain(facts):
            return (*_APPROVED, DEFAULT)
        outcome = evaluate(self._against, facts)
        self.cases_before += outcome.needs_people
        return str(outcome.action), str(outcome.violation), outcome.rule

    def _skip(self, reason: str, item_id: str) -> None:
        skipped = self.skipped.setdefault(reason, _Skipped())
        skipped.items += 1
        if len(skipped.ids) < _FEW:
            skipped.ids.append(item_id)

    def _unscored(self) -> tuple[Unscored, ...]:
        counts: Counter[str] = Counter()
        for scored, items in self._scored.items():
            counts.update(dict.fromkeys(self._asked.difference(scored.names), items))
        return tuple(Unscored(name, items) for name, items in counts.most_common())

    def _incomplete(self) -> int:
        return sum(n for scored, n in self._scored.items() if self._asked.difference(scored.names))

    def cost(self) -> Cost:
        """Of both, per day between the first and the last item, which is a day at least."""
        span = (self.last - self.first).total_seconds() if self.first and self.last else 0.0
        days = max(1.0, span / _DAY)
        return Cost(
            days=days,
            cases_before=self.cases_before,
            cases_after=self.cases_after,
            cases_per_day_before=self.cases_before / days,
            cases_per_day_after=self.cases_after / days,
            judge_calls=self.judged,
            judge_calls_per_day=self.judged / days,
            model_calls=0,
            model_calls_to_complete=self._incomplete(),
        )

    def report(self, seconds: float) -> BacktestReport:
        """Everything that was found."""
        decided = self.rules.most_common()
        return BacktestReport(
            policy=self._draft.digest,
            against=self._against.digest,
            since=self.first.isoformat() if self.first else None,
            until=self.last.isoformat() if self.last else None,
            items=self.items,
            replayed=self.comparison.items,
            not_replayed=tuple(
                NotReplayed(reason, each.items, tuple(each.ids))
                for reason, each in self.skipped.items()
            ),
            unscored=self._unscored(),
            compared=self.comparison.result(),
            rules=tuple(RuleCount(name, count) for name, count in decided),
            idle_rules=tuple(
                each.rule.name for each in self._draft.rules if each.rule.name not in self.rules
            ),
            cost=self.cost(),
            seconds=seconds,
        )


def backtest(
    session: Session,
    draft: Policy,
    against: Policy,
    window: Window,
    tell: Callable[[int], None] = lambda items: None,
) -> BacktestReport:
    """What `draft` would have done with stored items, beside `against`, which acts.

    `tell` hears how many items were looked at so far.
    """
    started = time.perf_counter()
    replay = _Replay(draft, against)
    for page in pages(session, window):
        replay.take(page)
        tell(replay.items)
    return replay.report(time.perf_counter() - started)


def replay(
    database: Database,
    store: PolicyStore,
    name: str,
    window: Window,
    tell: Callable[[int], None] = lambda items: None,
) -> BacktestReport:
    """What a policy would have done, beside the one that acts. Nobody's writes wait for it.

    One at a time in a process: it keeps a core busy, and two would keep everybody else waiting.

    Raises:
        NotFoundError: there is no such policy.
        ConflictError: another one is running.
    """
    if not _RUNNING.acquire(blocking=False):
        raise ConflictError("A backtest is running; try again behind it.", code="backtest_running")
    try:
        with database.reading() as session:
            digest = store.digest(session, name)
            draft, against = store.get(session, digest), store.active(session)
            return replace(backtest(session, draft, against, window, tell), policy=digest)
    finally:
        _RUNNING.release()


def keep(session: Session, report: BacktestReport, actor: str, now: datetime) -> BacktestRow:
    """Keep a report, after which its policy may be activated."""
    row = BacktestRow(
        id=new_id("backtest"),
        created_at=now,
        policy_digest=report.policy,
        against_digest=report.against,
        report=report.as_dict(),
    )
    session.add(row)
    session.flush()
    detail = {"backtest": row.id, "against": report.against, "replayed": report.replayed}
    audit.append(session, actor, "policy.backtested", report.policy, detail, now)
    return row


def last_backtest(session: Session, digest: str) -> BacktestRow | None:
    """The newest backtest of a policy."""
    wanted = select(BacktestRow).where(BacktestRow.policy_digest == digest)
    return session.scalars(wanted.order_by(BacktestRow.id.desc()).limit(1)).first()


def _why(outcome: Outcome) -> Callable[[], str]:
    return lambda: outcome.why
