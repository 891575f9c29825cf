"""Decisions that are taken back: by an undo, or by an appeal."""

from collections.abc import Iterator

import pytest
from reviewing import (
    ANNA,
    APPROVE,
    BAN,
    BEN,
    ESCALATE,
    LEAD,
    REMOVE,
    add_appeal,
    add_case,
    add_item,
    add_webhook,
    author,
    case,
    claim_and_settle,
    decision,
    deliveries,
    item,
    queue_of,
    settle,
    strikes,
    take_back,
)
from sqlalchemy import select

from ostraka.errors import (
    ConflictError,
    InvalidInputError,
    MissingScopeError,
    NotFoundError,
)
from ostraka.review.tables import AppealRow, DeliveryRow
from ostraka.review.terms import Ruling
from ostraka.storage import audit
from ostraka.storage.database import Database

HARASSED = "harassment"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    with database.reading() as session:
        assert audit.verify(session).whole
    database.close()


# Undo


def test_an_undo_within_the_grace_period_is_never_heard_of(database: Database) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id)
    add_webhook(database, "decision.made", "decision.undone")
    made = claim_and_settle(database, ANNA, BAN)
    assert deliveries(database) == [("decision.made", "pending")]
    undone = take_back(database, made)
    assert not undone.told
    assert deliveries(database) == [("decision.made", "cancelled")]
    assert (item(database, item_id).action, strikes(database)) == ("escalate", [])
    assert author(database).banned_until is None
    assert decision(database, made).action == "ban_temporary", "nothing is ever changed"
    settle(database, case_id, ANNA, REMOVE)
    assert item(database, item_id).action == "remove"


def test_an_undo_after_it_is_told(database: Database) -> None:
    add_case(database)
    add_webhook(database, "decision.made", "decision.undone")
    made = claim_and_settle(database, ANNA, REMOVE)
    with database.writing() as session:
        for delivery in session.scalars(select(DeliveryRow)):
            delivery.state = "delivered"
    undone = take_back(database, made, LEAD)
    assert undone.told
    assert undone.lease is None, "a lead who undoes for others does not take the case"
    assert deliveries(database) == [("decision.made", "delivered"), ("decision.undone", "pending")]
    assert decision(database, undone.inverse.id).reverses == made


def test_who_may_undo_what(database: Database) -> None:
    item_id = add_item(database)
    add_case(database, item_id)
    first = claim_and_settle(database, ANNA, REMOVE)
    with pytest.raises(MissingScopeError):
        take_back(database, first, BEN)
    with pytest.raises(NotFoundError):
        take_back(database, "decision_unknown")
    add_case(database, item_id)
    second = claim_and_settle(database, BEN, APPROVE)
    with pytest.raises(ConflictError) as caught:
        take_back(database, first)
    assert caught.value.code == "superseded"
    inverse = take_back(database, second, BEN).inverse.id
    with pytest.raises(ConflictError) as caught:
        take_back(database, second, BEN)
    assert caught.value.code == "already_undone"
    with pytest.raises(InvalidInputError, match="decide the case again"):
        take_back(database, inverse, BEN)
    take_back(database, first)
    assert item(database, item_id).action == "escalate"


def test_an_escalation_can_be_undone(database: Database) -> None:
    case_id = add_case(database, reviewers=2)
    claim_and_settle(database, ANNA, REMOVE)
    made = claim_and_settle(database, BEN, ESCALATE)
    assert queue_of(database).claim(LEAD).case_id == case_id
    assert take_back(database, made, BEN).lease is not None
    with pytest.raises(ConflictError):
        settle(database, case_id, LEAD, APPROVE)
    settle(database, case_id, BEN, REMOVE)
    closed = case(database, case_id)
    assert (closed.state, closed.queue, closed.reviewers) == ("decided", "general", 2)


# Appeals


def test_an_appeal_that_is_granted_reverses_what_was_done(database: Database) -> None:
    item_id = add_item(database)
    add_case(database, item_id)
    first = claim_and_settle(database, ANNA, BAN)
    appeal_case = add_appeal(database, item_id, first)
    with pytest.raises(ConflictError) as caught:
        take_back(database, first)
    assert caught.value.code == "appealed"
    add_webhook(database, "appeal.decided")
    outcome = claim_and_settle(database, BEN, APPROVE)
    assert (item(database, item_id).action, strikes(database)) == ("approve", [])
    assert author(database).banned_until is None
    with database.reading() as session:
        [appeal] = session.scalars(select(AppealRow))
    assert (appeal.state, appeal.outcome_id) == ("granted", outcome)
    assert case(database, appeal_case).state == "decided"
    assert deliveries(database) == [("appeal.decided", "pending")]
    take_back(database, outcome, BEN)
    assert item(database, item_id).action == "ban_temporary"
    assert author(database).banned_until is not None
    with database.reading() as session:
        [appeal] = session.scalars(select(AppealRow))
    assert (appeal.state, appeal.outcome_id, appeal.decided_at) == ("open", None, None)
    assert deliveries(database) == [("appeal.decided", "cancelled")]


@pytest.mark.parametrize(
    ("ruling", "state", "banned"),
    [(REMOVE, "granted", False), (BAN, "denied", True)],
)
def test_an_appeal_may_be_granted_in_part_or_denied(
    database: Database, ruling: Ruling, state: str, banned: bool
) -> None:
    item_id = add_item(database)
    add_case(database, item_id)
    first = claim_and_settle(database, ANNA, BAN)
    [strike] = strikes(database)
    add_appeal(database, item_id, first)
    claim_and_settle(database, BEN, ruling)
    with database.reading() as session:
        [appeal] = session.scalars(select(AppealRow))
    assert appeal.state == state
    assert (author(database).banned_until is not None) == banned
    [after] = strikes(database)
    assert (after.id == strike.id) == banned, "a denied appeal leaves the record alone"
