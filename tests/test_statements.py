"""Statements of reasons say what was done, why, and by whom, in the database's own words."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from recording import OCTOBER, POLICY, START, History
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.review.measures import Period, measure_of_decision, measure_of_item, measures
from ostraka.review.policies import PolicyStore
from ostraka.review.statement_vocabulary import CATEGORIES, FIELDS
from ostraka.review.statements import Statements, StatementTerms
from ostraka.storage.database import Database
from ostraka.taxonomy import ViolationType

TERMS = StatementTerms(["DE", "FR"], "https://example.org/terms", "Write to appeals@example.org.")


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    database = Database.at(database_url)
    with database.writing() as session:
        yield session
    database.close()


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


def made(session: Session) -> Statements:
    return Statements(session, PolicyStore(), TERMS)


def test_the_policy_by_itself(session: Session, history: History) -> None:
    item = history.item("remove", "harassment", external_id="post-7", language="en-GB")
    [measure] = measures(session, OCTOBER)
    assert measure_of_item(session, item.id) == measure
    fields = made(session).fields(measure)
    assert fields == {
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "decision_ground_reference_url": "https://example.org/terms",
        "incompatible_content_ground": "Our rules against harassment (policy 'default', "
        f"rule 'clear', {POLICY})",
        "incompatible_content_explanation": "The content was found to break our rules against "
        "harassment. A clear violation.",
        "category": "STATEMENT_CATEGORY_CYBER_VIOLENCE",
        "category_specification": ["KEYWORD_CYBER_HARASSMENT"],
        "content_type": ["CONTENT_TYPE_TEXT"],
        "content_language": "EN",
        "content_date": "2026-10-01",
        "territorial_scope": ["DE", "FR"],
        "application_date": "2026-10-01",
        "decision_facts": "The content was found by automated assessment of its text. Assessed by "
        "ostraka-lexical@sha256:0. The decision was taken by automated means, without a person.",
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes",
        "automated_decision": "AUTOMATED_DECISION_FULLY",
        "puid": measure.id,
    }
    text = made(session).text(measure)
    for words in (
        "Your post has been removed.",
        "your post 'post-7' of 01 October 2026",
        "A clear violation.",
        "rule 'clear'",
        "without a person",
        "appeal within 180 days",
        "Write to appeals@example.org.",
        measure.id,
    ):
        assert words in text


def test_a_person_on_what_people_reported(session: Session, history: History) -> None:
    item = history.item("approve", rule="")
    for reporter in ("bob", "cat"):
        history.report(item, reporter)
    case = history.case(item)
    decision = history.decision(item, "ban_temporary", "hate_speech", case=case)
    history.strike(item, datetime(2026, 10, 9, 8, 30, tzinfo=UTC), decision_id=decision.id)
    history.report(item, "too late")
    measure = measure_of_decision(session, decision.id)
    fields = made(session).fields(measure)
    assert fields["decision_account"] == "DECISION_ACCOUNT_SUSPENDED"
    assert fields["end_date_account_restriction"] == "2026-10-09"
    assert fields["source_type"] == "SOURCE_TYPE_OTHER_NOTIFICATION"
    assert fields["automated_detection"] == "No"
    assert fields["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert "2 people had reported it" in fields["decision_facts"]
    assert "insults the owner" not in str(fields), "no free text leaves for the public database"
    text = made(session).text(measure)
    assert "suspended until 09 October 2026, 08:30 UTC." in text
    assert "What the reviewer wrote: It insults the owner." in text


def test_a_ban_that_was_confirmed_ends_when_it_would_have(
    session: Session, history: History
) -> None:
    ends = datetime(2026, 10, 9, 8, 30, tzinfo=UTC)
    item = history.item("ban_temporary", "hate_speech")
    lifted = history.strike(item, datetime(2026, 12, 1, tzinfo=UTC))
    lifted.revoked_at = lifted.created_at
    history.strike(item, ends, verdict_id=item.verdict_id)
    history.verdict(item, "ban_temporary", "hate_speech")
    assert measure_of_item(session, item.id).banned_until == ends
    upheld = history.decision(item, "ban_temporary", "hate_speech")
    history.strike(item, datetime(2026, 11, 1, tzinfo=UTC), decision_id="decision_later")
    measure = measure_of_decision(session, upheld.id)
    assert measure.confirms
    assert made(session).fields(measure)["end_date_account_restriction"] == "2026-10-09"
    assert "suspended until 09 October 2026" in made(session).text(measure)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("person_1", "AUTOMATED_DECISION_PARTIALLY"),
        ("key_1", "AUTOMATED_DECISION_FULLY"),
    ],
)
def test_how_far_machines_decided(
    session: Session, history: History, by: str, expected: str
) -> None:
    item = history.item("escalate", "harassment", "ambiguous")
    decision = history.decision(item, "remove", "harassment", by=by)
    fields = made(session).fields(measure_of_decision(session, decision.id))
    assert fields["automated_decision"] == expected


def test_what_is_final_and_what_is_a_warning(session: Session, history: History) -> None:
    banned = history.item("ban_permanent", "csam", "zero-tolerance")
    warned = history.item("warn", "spam", "minor")
    gravest = made(session).fields(measure_of_item(session, banned.id))
    assert gravest["decision_account"] == "DECISION_ACCOUNT_TERMINATED"
    assert gravest["incompatible_content_illegal"] == "Yes"
    assert "end_date_account_restriction" not in gravest
    mildest = made(session).fields(measure_of_item(session, warned.id))
    assert mildest["decision_visibility"] == ["DECISION_VISIBILITY_OTHER"]
    assert "stays visible" in mildest["decision_visibility_other"]
    assert mildest["category_specification_other"] == "Spam"


def test_every_violation_has_its_category() -> None:
    assert CATEGORIES.keys() == set(ViolationType)


def test_fields_are_those_of_a_table(session: Session, history: History) -> None:
    history.item("ban_temporary", "doxxing")
    [measure] = measures(session, OCTOBER)
    assert set(made(session).fields(measure)) <= set(FIELDS)


def test_a_policy_that_is_not_kept_leaves_the_statement_whole(
    session: Session, history: History
) -> None:
    item = history.item("escalate")
    decision = history.decision(item, "remove", "spam", policy_digest="sha256:" + "9" * 64)
    measure = measure_of_decision(session, decision.id)
    assert "sha256:999" in made(session).fields(measure)["incompatible_content_ground"]
    assert "You may appeal, and" in made(session).text(measure)


def test_texts_are_cut_to_the_database_s_limits(session: Session, history: History) -> None:
    history.item("remove", "spam", rule="r" * 90, language="x-unknown")
    [measure] = measures(session, OCTOBER)
    fields = made(session).fields(measure)
    assert len(fields["incompatible_content_ground"]) <= 500
    assert "content_language" not in fields


def test_what_is_a_measure_and_what_stands(session: Session, history: History) -> None:
    approved = history.item("approve")
    shadowed = history.item("approve")
    history.verdict(shadowed, "remove", "spam", shadow=True)
    repeated = history.item("remove", "spam")
    history.verdict(repeated, "remove", "spam")
    confirmed = history.item("remove", "spam")
    history.decision(confirmed, "remove", "spam")
    blind = history.item("escalate")
    history.decision(blind, "remove", "spam", counts=False)
    undone = history.item("escalate")
    history.undo(undone, history.decision(undone, "remove", "spam"))
    overturned = history.item("remove", "harassment")
    history.appeal(overturned, "granted")
    history.decision(overturned, "approve")
    late = history.item("escalate")
    history.decision(late, "remove", "spam")
    history.verdict(late, "remove", "spam")
    found = [
        (each.item_id, each.by, each.confirms, each.undone, each.overturned)
        for each in measures(session, OCTOBER)
    ]
    assert found == [
        (repeated.id, "policy", False, False, False),
        (repeated.id, "policy", True, False, False),
        (confirmed.id, "policy", False, False, False),
        (overturned.id, "policy", False, False, True),
        (confirmed.id, "person", True, False, False),
        (undone.id, "person", False, True, False),
        (late.id, "person", False, False, False),
    ]
    for item in (approved, shadowed, blind, undone, overturned):
        with pytest.raises(NotFoundError):
            measure_of_item(session, item.id)
    with pytest.raises(NotFoundError):
        measure_of_decision(session, "decision_none")
    assert list(measures(session, Period(START, START))) == []
