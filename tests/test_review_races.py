"""Many reviewers at once, and processes that die: nobody gets what another has, nothing is lost."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reviewing import (
    ANNA,
    APPROVE,
    REMOVE,
    TERMS,
    add_case,
    add_item,
    add_webhook,
    cases,
    claim_and_settle,
    expire,
    now,
    queue_of,
    settle,
    strikes,
)
from sqlalchemy import func, select

from ostraka.errors import ConflictError
from ostraka.review.decisions import decide
from ostraka.review.tables import CaseRow, DecisionRow, DeliveryRow
from ostraka.review.terms import Reviewer
from ostraka.review.undoing import undo
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow
from ostraka.work.tables import WorkRow

MANY = 64
DECIDING = """
import sys
sys.path.insert(0, {tests!r})
from reviewing import REMOVE, claim_and_settle
from ostraka.review.terms import Reviewer
from ostraka.storage.database import Database

database = Database.at({url!r})
while True:
    print(claim_and_settle(database, Reviewer({who!r}, "agent"), REMOVE), flush=True)
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    database.prepare()
    yield database
    database.close()


def reviewer(number: int) -> Reviewer:
    return Reviewer(f"person_{number:02}", "person")


def add_cases(database: Database, count: int, reviewers: int = 1) -> set[str]:
    item_id = add_item(database)
    return {add_case(database, item_id, reviewers=reviewers) for _ in range(count)}


@pytest.mark.parametrize("reviewers", [1, 2])
def test_64_claimers_get_a_case_each(database: Database, reviewers: int) -> None:
    """No case goes to more people than it needs, none twice to one, and none is left over."""
    known = add_cases(database, MANY, reviewers)
    queue = queue_of(database)
    together = threading.Barrier(MANY)

    def claim_until_none_is_left(number: int) -> list[str]:
        together.wait()
        got = []
        while (claimed := queue.claim(reviewer(number))) is not None:
            got.append(claimed.case_id)
        return got

    with ThreadPoolExecutor(MANY) as threads:
        found = list(threads.map(claim_until_none_is_left, range(MANY)))
    assert all(len(set(got)) == len(got) for got in found)
    assert Counter(case for got in found for case in got) == dict.fromkeys(known, reviewers)


def test_one_person_in_many_windows_holds_a_case_once(database: Database) -> None:
    known = add_cases(database, 4, reviewers=3)
    queues = [queue_of(Database.at(database.location.url)) for _ in range(4)]
    together = threading.Barrier(16)

    def claim(number: int) -> str | None:
        together.wait()
        claimed = queues[number % 4].claim(ANNA)
        return claimed.case_id if claimed else None

    with ThreadPoolExecutor(16) as threads:
        found = [case for case in threads.map(claim, range(16)) if case is not None]
    assert sorted(found) == sorted(known)


def test_a_case_is_decided_once(database: Database) -> None:
    [case_id] = add_cases(database, 1)
    queue_of(database).claim(ANNA)
    together = threading.Barrier(8)

    def decide_it(number: int) -> str | None:
        together.wait()
        try:
            return settle(database, case_id, ANNA, REMOVE, key="k" if number % 2 else None)
        except ConflictError:
            return None

    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(decide_it, range(8))) - {None}
    assert len(made) == 1
    assert len(strikes(database)) == 1


def test_one_of_many_undoes(database: Database) -> None:
    add_cases(database, 1)
    made = claim_and_settle(database, ANNA, REMOVE)
    together = threading.Barrier(8)

    def undo_it(number: int) -> bool:
        together.wait()
        try:
            with database.writing() as session:
                undo(session, made, ANNA, now(), seconds=60)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(undo_it, range(8))) == 1
    [case] = cases(database)
    assert case.state == "open"


def test_reviewers_work_a_queue_off_together(database: Database) -> None:
    """Deciding, skipping, letting go and running out at once: every case is decided once."""
    known = add_cases(database, 24, reviewers=2)
    queue = queue_of(database)

    def work(number: int) -> None:
        who, idle = reviewer(number), 0
        while idle < 5:
            claimed = queue.claim(who)
            if claimed is None:
                idle += 1
                continue
            case_id = claimed.case_id
            if (number + len(case_id) + idle) % 7 == 0:
                queue.release(who, case_id)
                idle += 1
                continue
            try:
                with database.writing() as session:
                    decide(session, case_id, who, APPROVE, TERMS, now())
            except ConflictError:
                continue

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    while (left := queue.claim(reviewer(98))) is not None:
        settle(database, left.case_id, reviewer(98))
    while (left := queue.claim(reviewer(99))) is not None:
        settle(database, left.case_id, reviewer(99))
    assert {case.id for case in cases(database, state="decided")} == known
    with database.reading() as session:
        per_case = session.execute(
            select(func.count(), func.count(DecisionRow.reviewer_id.distinct())).group_by(
                DecisionRow.case_id
            )
        ).all()
        unfinished = select(func.count()).where(WorkRow.state.in_(("ready", "leased")))
        assert session.scalar(unfinished) == 0
        assert audit.verify(session).whole
    assert [tuple(each) for each in per_case] == [(2, 2)] * 24


def test_killed_reviewers_lose_no_decision(database: Database) -> None:
    """What was acknowledged is there with all that follows; what was not left nothing half done."""
    known = add_cases(database, 300)
    add_webhook(database, "decision.made")
    acknowledged: list[str] = []
    for number in range(3):
        script = DECIDING.format(
            tests=str(Path(__file__).parent), url=database.location.url, who=f"key_{number}"
        )
        acknowledged += _kill_while_deciding(script, after=8 + 5 * number)
    with database.reading() as session:
        rows = session.scalars(select(DecisionRow)).all()
        assert set(acknowledged) <= {row.id for row in rows}
        assert audit.verify(session).whole
        entries = select(AuditRow.subject).where(AuditRow.act == "decision.made")
        assert sorted(session.scalars(entries)) == sorted(row.id for row in rows)
        sent = session.scalars(select(DeliveryRow.payload)).all()
        assert sorted(each["data"]["decision_id"] for each in sent) == sorted(
            row.id for row in rows
        )
        decided = session.scalars(select(CaseRow.decision_id).where(CaseRow.state == "decided"))
        assert sorted(decided) == sorted(row.id for row in rows)
    for case_id in known:
        expire(database, case_id)
    queue = queue_of(database)
    left = 0
    while (claimed := queue.claim(reviewer(1))) is not None:
        settle(database, claimed.case_id, reviewer(1))
        left += 1
    assert left + len(rows) == len(known), "what the dead had claimed went back"


def _kill_while_deciding(script: str, after: int) -> list[str]:
    """Let a process decide in a loop, end it without warning; what it had acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        seen += [line.strip() for line in process.stdout if line.endswith("\n")]
    assert all(seen)
    return seen
