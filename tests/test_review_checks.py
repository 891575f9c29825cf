"""Checks that nobody sees coming: second reviews, golden cases, adjudication."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from reviewing import (
    ANNA,
    APPROVE,
    BEN,
    LEAD,
    REMOVE,
    TERMS,
    add_case,
    add_item,
    add_webhook,
    cases,
    claim_and_settle,
    decision,
    deliveries,
    item,
    now,
    queue_of,
    strikes,
    take_back,
)

from ostraka.errors import (
    ConflictError,
)
from ostraka.review.cases import CaseKind
from ostraka.review.quality import is_sampled
from ostraka.review.tables import GoldenRow
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id

HARASSED = "harassment"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    with database.reading() as session:
        assert audit.verify(session).whole
    database.close()


def test_a_sample_is_told_by_the_case(database: Database) -> None:
    ids = [new_id("case") for _ in range(2_000)]
    chosen = [each for each in ids if is_sampled(each, 0.1, "second review")]
    assert 140 < len(chosen) < 260
    assert chosen == [each for each in ids if is_sampled(each, 0.1, "second review")]
    assert set(chosen) <= {each for each in ids if is_sampled(each, 0.3, "second review")}
    assert all(is_sampled(each, 1.0, "any") for each in ids)
    assert not any(is_sampled(each, 0.0, "any") for each in ids)


def test_a_second_review_is_blind_and_acts_on_nothing(database: Database) -> None:
    terms = replace(TERMS, second_review={"general": 1.0})
    item_id = add_item(database)
    add_case(database, item_id)
    first = claim_and_settle(database, ANNA, REMOVE, terms)
    assert queue_of(database).claim(ANNA) is None
    second = claim_and_settle(database, BEN, REMOVE, terms)
    assert not decision(database, second).counts
    assert decision(database, second).before == {"agrees": True}
    assert cases(database, state="open") == []
    assert item(database, item_id).action == "remove"
    assert decision(database, first).before["second_review"]


def test_a_second_review_that_differs_is_adjudicated(database: Database) -> None:
    terms = replace(TERMS, second_review={"general": 1.0})
    item_id = add_item(database)
    add_case(database, item_id)
    first = claim_and_settle(database, ANNA, REMOVE, terms)
    claim_and_settle(database, BEN, APPROVE, terms)
    assert item(database, item_id).action == "remove", "until the lead has decided"
    for barred in (replace(ANNA, lead=True), replace(BEN, lead=True)):
        assert queue_of(database).claim(barred) is None
    final = claim_and_settle(database, LEAD, APPROVE, terms)
    assert (item(database, item_id).action, strikes(database)) == ("approve", [])
    with pytest.raises(ConflictError, match=final):
        take_back(database, first)


def test_golden_cases_are_dealt_unseen(database: Database) -> None:
    terms = replace(TERMS, golden={"general": 1.0})
    known = add_item(database, author="another", action="approve")
    with database.writing() as session:
        session.add(
            GoldenRow(
                id=new_id("golden"),
                created_at=now(),
                item_id=known,
                action="remove",
                violation=HARASSED,
                explanation="An insult.",
            )
        )
    add_webhook(database, "case.opened")
    add_case(database)
    claim_and_settle(database, ANNA, APPROVE, terms)
    [golden] = cases(database, kind=CaseKind.GOLDEN)
    assert (golden.item_id, golden.queue, golden.why) == (known, "general", "In doubt.")
    assert deliveries(database) == [], "nobody outside hears of it"
    wrong = claim_and_settle(database, ANNA, APPROVE, terms)
    assert decision(database, wrong).before == {"agrees": False}
    assert not decision(database, wrong).counts
    assert item(database, known).action == "approve"
    assert cases(database, state="open") == []
