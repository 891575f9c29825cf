"""One reviewer's look at the queue: claim, read, decide, and now and then take something back."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from ostraka.demo.content import WrittenItem
from ostraka.demo.reviewers import Member, is_right, ruling_of, seconds_of
from ostraka.review.cases import LEAD_QUEUE, CaseKind, CaseState, get_case
from ostraka.review.decisions import decide
from ostraka.review.policies import PolicyStore
from ostraka.review.queue import LEASE_SECONDS, ReviewQueue
from ostraka.review.tables import CaseRow, DecisionRow
from ostraka.review.terms import Reviewer, Ruling, Terms
from ostraka.review.undoing import undo
from ostraka.storage.database import Database
from ostraka.taxonomy import Action, ViolationType
from ostraka.work.tables import WorkRow

MOST_CASES: Final = 3
"""That somebody decides in one shift."""
_NOTICED_AFTER: Final = timedelta(seconds=70)
_SLIP: Final = "I pressed the wrong key."
_NOTICED: Final = 0.35
"""How often a reviewer notices a mistake at once."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody of the team at work. `ends_early` is how many last shifts they miss."""

    member: Member
    reviewer: Reviewer
    attends: float
    ends_early: int = 1


def work_shift(
    database: Database,
    policies: PolicyStore,
    written: Mapping[str, WrittenItem],
    shift: Shift,
    moment: datetime,
    seed: int,
) -> None:
    """Let somebody decide a few cases, if they come to work at all."""
    chance = random.Random(f"{seed}:{shift.member.name}:{moment.isoformat()}")
    if chance.random() >= shift.attends:
        return
    queue = ReviewQueue(database, lambda: moment)
    for _ in range(MOST_CASES):
        claimed = queue.claim(shift.reviewer)
        if claimed is None:
            return
        with database.writing() as session:
            moment = _decide_one(session, policies, written, shift, claimed.case_id, moment, chance)


def _decide_one(
    session: Session,
    policies: PolicyStore,
    written: Mapping[str, WrittenItem],
    shift: Shift,
    case_id: str,
    moment: datetime,
    chance: random.Random,
) -> datetime:
    """Decide a case that is held; when its reviewer was done."""
    case = get_case(session, case_id)
    item = written[case.item_id]
    seconds = seconds_of(item, shift.member, chance)
    terms = Terms.of(policies.active(session).document)
    ruling = _ruling(case, item, shift, chance)
    done = moment + timedelta(seconds=seconds)
    decision = _decide(session, case_id, shift, ruling, terms, moment, done)
    if _takes_back(case, decision, ruling, item, chance):
        done += _NOTICED_AFTER
        undo(session, decision.id, shift.reviewer, done, seconds=LEASE_SECONDS, reasons=_SLIP)
        begun, done = done, done + timedelta(seconds=15)
        right = Ruling(item.right.action, item.right.violation, ruling.reasons)
        _decide(session, case_id, shift, right, terms, begun, done)
    return done + timedelta(seconds=chance.uniform(2, 30))


def _ruling(case: CaseRow, item: WrittenItem, shift: Shift, chance: random.Random) -> Ruling:
    in_lead_queue = case.queue == LEAD_QUEUE
    if case.kind == CaseKind.APPEAL and item.granted:
        return Ruling(Action.APPROVE, ViolationType.NONE, "The author quotes a source and says so.")
    # Second reviewers, who are drawn by chance, make the mistake too: the appeal is to find it.
    if case.kind in (CaseKind.ITEM, CaseKind.SECOND_REVIEW) and item.mistaken is not None:
        return Ruling(item.mistaken.action, item.mistaken.violation, "Hateful as it stands.")
    return ruling_of(item, shift.member, chance, in_lead_queue=in_lead_queue)


def _decide(
    session: Session,
    case_id: str,
    shift: Shift,
    ruling: Ruling,
    terms: Terms,
    begun: datetime,
    done: datetime,
) -> DecisionRow:
    # Claims are timed by the database's clock, which knows nothing of the simulated one.
    session.execute(
        update(WorkRow)
        .where(WorkRow.subject == case_id, WorkRow.worker == shift.reviewer.id)
        .values(begun_at=begun)
    )
    return decide(session, case_id, shift.reviewer, ruling, terms, done)


def _takes_back(
    case: CaseRow,
    decision: DecisionRow,
    ruling: Ruling,
    item: WrittenItem,
    chance: random.Random,
) -> bool:
    plain = case.kind == CaseKind.ITEM and case.state == CaseState.DECIDED
    slip = not is_right(ruling, item) and item.right.action is not Action.ESCALATE
    slip = slip and item.mistaken is None
    return plain and decision.counts and slip and chance.random() < _NOTICED
