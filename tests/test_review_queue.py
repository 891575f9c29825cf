"""Claiming cases: order, bars, leases, skips; on both databases."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewing import (
    AGENT,
    ANNA,
    BEN,
    CARA,
    ESCALATE,
    LEAD,
    REMOVE,
    add_appeal,
    add_case,
    add_item,
    case,
    claim_and_settle,
    expire,
    now,
    queue_of,
    settle,
    work_of,
)
from sqlalchemy import select

from ostraka.access.keys import Scope
from ostraka.access.store import create_key
from ostraka.access.tables import PersonRow
from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.review.cases import (
    get_case,
    hasten,
    withdraw_cases_of,
)
from ostraka.review.terms import Reviewer
from ostraka.review.urgency import (
    SEVERITY_SHARES,
    Part,
    Pressure,
    deadline_of,
    due_at,
    parts_from,
    parts_of,
    urgency_sentence,
)
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


# Urgency

pressures = st.builds(
    Pressure,
    st.sampled_from(list(SEVERITY_SHARES)),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.floats(0, 1),
)
deadlines = st.integers(60, 60 * 60 * 24 * 30).map(lambda seconds: timedelta(seconds=seconds))
OPENED = datetime(2026, 1, 31, 12, tzinfo=UTC)
UNITS = {"d": 1440, "h": 60, "min": 1}


def minutes(words: str) -> int:
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+) (d|h|min)\b", words))


@given(deadlines, pressures, st.integers(0, 10**7))
def test_the_sentence_adds_up(deadline: timedelta, pressure: Pressure, waited: int) -> None:
    parts = parts_of(deadline, pressure)
    sentence = urgency_sentence(parts, OPENED, OPENED + timedelta(seconds=waited))
    given_time, _, rest = sentence.partition(" to decide")
    taken, _, end = rest.rpartition(": ")
    less = sum(minutes(part.partition(" for ")[0]) for part in re.split(r", less ", taken) if part)
    left = minutes(given_time) - less
    assert minutes(end) == abs(left)
    assert end.startswith("overdue") == (left < 0)


@given(deadlines, pressures)
def test_nothing_is_due_before_it_opened_or_after_its_deadline(
    deadline: timedelta, pressure: Pressure
) -> None:
    parts = parts_of(deadline, pressure)
    assert OPENED <= due_at(OPENED, parts) <= OPENED + deadline
    assert deadline_of(parts) <= deadline
    assert parts_from([part.as_dict() for part in parts]) == parts


@given(deadlines, pressures, st.integers(0, 10**6), st.integers(0, 10**9), st.floats(0, 1))
def test_more_of_anything_is_never_due_later(
    deadline: timedelta, pressure: Pressure, reports: int, reach: int, doubt: float
) -> None:
    graver = list(SEVERITY_SHARES)[list(SEVERITY_SHARES).index(pressure.severity) :]
    more = Pressure(
        graver[-1],
        pressure.reach + reach,
        pressure.reports + reports,
        min(1.0, pressure.doubt + doubt),
    )
    assert due_at(OPENED, parts_of(deadline, more)) <= due_at(OPENED, parts_of(deadline, pressure))


def test_a_sentence_to_read() -> None:
    parts = parts_of(timedelta(hours=24), Pressure("high", 12_000, 3, 0.5))
    assert urgency_sentence(parts, OPENED, OPENED + timedelta(hours=5)) == (
        "1 d to decide, less 9 h 36 min for high severity, "
        "less 1 h 57 min for a reach of 12,000, less 57 min for 3 reports, "
        "less 36 min for doubt of the assessors, less 5 h waited: 5 h 54 min left."
    )
    assert urgency_sentence((Part("", 60),), OPENED, OPENED) == "1 min to decide: 1 min left."
    with pytest.raises(ValueError, match="none of low"):
        parts_of(timedelta(hours=1), Pressure("terrible"))


# Order


def test_the_most_urgent_comes_first_whatever_its_queue(database: Database) -> None:
    late = add_case(database, hours=72)
    soon = add_case(database, hours=1, queue="crisis")
    grave = add_case(database, hours=24, severity="critical")
    queue = queue_of(database)
    assert [queue.claim(ANNA).case_id for _ in range(3)] == [soon, grave, late]
    assert queue.claim(ANNA) is None


def test_a_reviewer_may_choose_queues(database: Database) -> None:
    add_case(database, hours=1, queue="crisis")
    general = add_case(database, queue="general")
    queue = queue_of(database)
    assert queue.claim(ANNA, ["general"]).case_id == general
    assert queue.claim(ANNA, ["general", "nowhere"]) is None
    assert queue.claim(ANNA, []) is None


def test_no_case_starves(database: Database) -> None:
    """What opens after a case was due comes behind it, however grave."""
    old = add_case(database, hours=24, severity="low", opened_at=now() - timedelta(hours=25))
    for _ in range(3):
        add_case(database, hours=1, severity="critical")
    assert queue_of(database).claim(ANNA).case_id == old


def test_new_facts_bring_a_case_forward_and_never_back(database: Database) -> None:
    first = add_case(database)
    second = add_case(database)
    with database.writing() as session:
        moved = get_case(session, second, lock=True)
        assert hasten(session, moved, Pressure("medium", reports=20))
        assert not hasten(session, moved, Pressure("low"))
        assert sum(part["seconds"] for part in moved.urgency) == pytest.approx(
            (moved.due_at - moved.created_at).total_seconds()
        )
    queue = queue_of(database)
    assert [queue.claim(ANNA).case_id for _ in range(2)] == [second, first]


# Bars


def test_nobody_reviews_what_they_wrote(database: Database) -> None:
    with database.writing() as session:
        session.add(
            PersonRow(
                id=ANNA.id,
                created_at=now(),
                name="anna@example.com",
                pseudonym="Heron",
                role="reviewer",
                preferences={},
            )
        )
        key, _ = create_key(session, "bot", [Scope.REVIEW], now())
    agent = Reviewer(key.id, "agent")
    by_anna = add_case(database, add_item(database, author="anna@example.com"))
    by_bot = add_case(database, add_item(database, author="bot"))
    queue = queue_of(database)
    assert [queue.claim(ANNA).case_id, queue.claim(ANNA)] == [by_bot, None]
    assert [queue.claim(agent).case_id, queue.claim(agent)] == [by_anna, None]
    with pytest.raises(ConflictError, match="not free"):
        queue.take(ANNA, by_anna)


def test_an_appeal_never_goes_to_who_decided_first(database: Database) -> None:
    item_id = add_item(database)
    add_case(database, item_id)
    claim_and_settle(database, ANNA, REMOVE)
    appeal = add_appeal(database, item_id)
    queue = queue_of(database)
    assert queue.claim(ANNA) is None
    assert queue.claim(AGENT).case_id == appeal


def test_two_reviewers_of_a_case_are_two_people(database: Database) -> None:
    both = add_case(database, reviewers=2)
    queue = queue_of(database)
    assert queue.claim(ANNA).case_id == both
    assert queue.claim(ANNA) is None
    settle(database, both, ANNA)
    assert queue.claim(ANNA) is None
    assert queue.claim(BEN).case_id == both
    assert queue.claim(CARA) is None


def test_what_is_escalated_is_for_leads(database: Database) -> None:
    escalated = add_case(database)
    claim_and_settle(database, ANNA, ESCALATE)
    queue = queue_of(database)
    assert (case(database, escalated).state, case(database, escalated).queue) == ("open", "lead")
    assert queue.claim(BEN) is None
    with pytest.raises(InvalidInputError, match="leads only"):
        queue.claim(BEN, ["lead"])
    with pytest.raises(InvalidInputError, match="leads only"):
        queue.take(BEN, escalated)
    assert queue.claim(LEAD).case_id == escalated
    with pytest.raises(InvalidInputError, match="lead's queue already"):
        settle(database, escalated, LEAD, ESCALATE)
    settle(database, escalated, LEAD, REMOVE)
    assert case(database, escalated).state == "decided"


# Leases


def test_a_claim_that_runs_out_goes_back(database: Database) -> None:
    case_id = add_case(database)
    queue = queue_of(database)
    assert queue.claim(ANNA).case_id == case_id
    assert queue.claim(BEN) is None
    expire(database, case_id)
    late = queue_of(database)
    assert late.claim(BEN).case_id == case_id
    for late_act in (queue.heartbeat, queue.release):
        with pytest.raises(ConflictError) as caught:
            late_act(ANNA, case_id)
        assert caught.value.code == "not_claimed"
    with pytest.raises(ConflictError, match="claim it first"):
        settle(database, case_id, ANNA)
    settle(database, case_id, BEN)
    assert case(database, case_id).state == "decided"


def test_slow_people_lose_nothing_while_nobody_else_is_there(database: Database) -> None:
    case_id = add_case(database)
    assert queue_of(database).claim(ANNA).case_id == case_id
    expire(database, case_id)
    queue_of(database).claim(CARA, ["nowhere"])  # takes back what ran out
    assert [row.state for row in work_of(database, case_id)] == ["ready"]
    settle(database, case_id, ANNA)
    assert case(database, case_id).state == "decided"


def test_a_heartbeat_keeps_a_case(database: Database) -> None:
    case_id = add_case(database)
    queue = queue_of(database, seconds=60)
    queue.claim(ANNA)
    [before] = work_of(database, case_id)
    longer = queue_of(database, seconds=600)
    kept = longer.heartbeat(ANNA, case_id)
    [after] = work_of(database, case_id)
    assert after.lease_until - before.lease_until > timedelta(seconds=500)
    assert abs(kept.expires_at - after.lease_until) < timedelta(seconds=30)
    assert after.begun_at == before.begun_at
    with pytest.raises(ConflictError):
        queue.heartbeat(BEN, case_id)
    with pytest.raises(NotFoundError):
        queue.heartbeat(BEN, "case_unknown")


def test_released_cases_wait_where_they_waited(database: Database) -> None:
    first = add_case(database, hours=1)
    add_case(database, hours=2)
    queue = queue_of(database)
    assert queue.claim(ANNA).case_id == first
    queue.release(ANNA, first)
    assert queue.claim(BEN).case_id == first
    with pytest.raises(ConflictError):
        queue.release(ANNA, first)


def test_a_certain_case_can_be_taken(database: Database) -> None:
    add_case(database, hours=1)
    wanted = add_case(database, hours=72)
    queue = queue_of(database)
    assert queue.take(LEAD, wanted).case_id == wanted
    assert queue.take(LEAD, wanted).case_id == wanted, "who holds it keeps it"
    with pytest.raises(ConflictError, match="not free"):
        queue.take(BEN, wanted)
    with pytest.raises(NotFoundError):
        queue.take(LEAD, "case_unknown")


def test_withdrawn_cases_are_nobodys(database: Database) -> None:
    item_id = add_item(database)
    held = add_case(database, item_id)
    queue = queue_of(database)
    queue.claim(ANNA)
    with database.writing() as session:
        assert withdraw_cases_of(session, item_id, now()) == [held]
        assert withdraw_cases_of(session, item_id, now()) == []
    assert case(database, held).state == "withdrawn"
    with pytest.raises(ConflictError, match="closed"):
        settle(database, held, ANNA)
    assert queue.claim(BEN) is None


# Skips


def test_a_skipped_case_goes_to_others_and_then_to_the_lead(database: Database) -> None:
    case_id = add_case(database)
    queue = queue_of(database)
    queue.claim(ANNA)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        queue.skip(ANNA, case_id, " ")
    queue.skip(ANNA, case_id, "I know them.")
    assert queue.claim(ANNA) is None
    for reviewer in (BEN, CARA):
        assert queue.claim(reviewer).case_id == case_id
        queue.skip(reviewer, case_id, "I do not speak Dutch.")
    assert case(database, case_id).queue == "lead"
    assert queue.claim(AGENT) is None
    assert queue.claim(LEAD).case_id == case_id
    with database.reading() as session:
        skips = session.scalars(select(AuditRow).where(AuditRow.act == "case.skipped")).all()
    assert [(skip.actor, skip.detail["reason"]) for skip in skips] == [
        (ANNA.id, "I know them."),
        (BEN.id, "I do not speak Dutch."),
        (CARA.id, "I do not speak Dutch."),
    ]
    with pytest.raises(ConflictError):
        queue.skip(ANNA, case_id, "Once more.")
