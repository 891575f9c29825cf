"""Decisions and what follows from them: consensus, strikes, bans."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewing import (
    AGENT,
    ANNA,
    APPROVE,
    BAN,
    BEN,
    CARA,
    LEAD,
    REMOVE,
    TERMS,
    add_case,
    add_item,
    author,
    case,
    cases,
    claim_and_settle,
    decision,
    item,
    now,
    queue_of,
    settle,
    strikes,
    take_back,
    work_of,
)
from sqlalchemy import select

from ostraka.errors import (
    ConflictError,
    InvalidInputError,
    KeyReusedError,
    NotFoundError,
)
from ostraka.policy.presets import default_policy
from ostraka.review.cases import CaseKind
from ostraka.review.consensus import majority
from ostraka.review.search import ItemFilter, find
from ostraka.review.strikes import weight_of
from ostraka.review.terms import Ruling, Terms, check_ruling
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow
from ostraka.taxonomy import Action, ViolationType

HARASSED = "harassment"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    with database.reading() as session:
        assert audit.verify(session).whole
    database.close()


# What may be decided


@given(st.sampled_from(Action), st.sampled_from(ViolationType), st.sampled_from(["", "Why."]))
def test_action_and_violation_fit(action: Action, violation: ViolationType, reasons: str) -> None:
    terms = replace(TERMS, reasons_for=frozenset({Action.BAN_PERMANENT}))
    none = violation is ViolationType.NONE
    fits = {Action.APPROVE: none, Action.ESCALATE: True}.get(action, not none)
    fits &= bool(reasons) or action is not Action.BAN_PERMANENT
    try:
        check_ruling(Ruling(action, violation, reasons), terms)
    except InvalidInputError as error:
        assert not fits
        assert error.field in ("violation", "reasons")
        assert error.valid
    else:
        assert fits


def test_terms_are_the_policys() -> None:
    policy = default_policy().document
    terms = Terms.of(policy)
    assert terms.policy_digest == policy.digest
    assert terms.grace == timedelta(seconds=policy.grace_seconds)
    assert terms.weights["remove"] == policy.strikes.remove
    assert terms.second_review["general"] == 0.05
    assert terms.reasons_for == {Action.BAN_TEMPORARY, Action.BAN_PERMANENT}


def test_a_decision_changes_the_item_and_is_kept(database: Database) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id)
    made = decision(database, claim_and_settle(database, ANNA, REMOVE))
    assert (item(database, item_id).action, item(database, item_id).violation) == (
        "remove",
        HARASSED,
    )
    closed = case(database, case_id)
    assert (closed.state, closed.decision_id) == ("decided", made.id)
    assert closed.decided_at is not None
    assert (made.reviewer_id, made.reviewer_kind, made.counts) == (ANNA.id, "person", True)
    assert made.effective_at - made.created_at == TERMS.grace
    assert 0 <= made.seconds < 60
    assert made.before["action"] == "escalate"
    [strike] = strikes(database)
    assert (strike.decision_id, strike.weight, strike.action) == (made.id, 1.0, "remove")
    assert strike.expires_at - strike.created_at == timedelta(days=180)
    [work] = work_of(database, case_id)
    assert work.state == "done"


def test_decided_items_are_listed_once_and_newest_first(database: Database) -> None:
    items = [add_item(database) for _ in range(4)]
    cases_of = {item_id: add_case(database, item_id) for item_id in items[:3]}
    for ruling in (APPROVE, REMOVE):
        made = claim_and_settle(database, ANNA, ruling)
        if ruling is APPROVE:
            take_back(database, made)
            settle(database, cases_of[items[0]], ANNA, APPROVE)
    add_case(database, items[3], kind=CaseKind.GOLDEN, hours=1)
    assert not decision(database, claim_and_settle(database, ANNA, REMOVE)).counts

    def found(after: str | None = None, limit: int = 50, **wanted: str) -> list[str]:
        with database.reading() as session:
            rows = find(session, ItemFilter(state="decided", **wanted), limit, after)
            return [row.id for row, _ in rows]

    assert found() == [items[1], items[0]]
    assert found(limit=1) == [items[1]]
    assert found(after=items[1]) == [items[0]]
    assert found(action="remove") == found(violation=HARASSED) == [items[1]]
    assert found(author="author", action="approve") == found(words="gnome silly")[1:] == [items[0]]


def test_only_who_holds_a_case_decides_it(database: Database) -> None:
    case_id = add_case(database)
    with pytest.raises(ConflictError) as caught:
        settle(database, case_id, ANNA)
    assert caught.value.code == "not_claimed"
    with pytest.raises(NotFoundError):
        settle(database, "case_unknown", ANNA)
    claim_and_settle(database, ANNA)
    with pytest.raises(ConflictError) as caught:
        settle(database, case_id, ANNA)
    assert caught.value.code == "case_closed"


def test_nothing_is_half_written(database: Database) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id)
    queue_of(database).claim(ANNA)
    with pytest.raises(InvalidInputError):
        settle(database, case_id, ANNA, Ruling(Action.REMOVE, ViolationType.NONE))
    assert item(database, item_id).action == "escalate"
    assert strikes(database) == []
    settle(database, case_id, ANNA)


def test_a_key_decides_once(database: Database) -> None:
    first, second = add_case(database), add_case(database)
    queue = queue_of(database)
    queue.claim(ANNA)
    made = settle(database, first, ANNA, REMOVE, key="k")
    assert settle(database, first, ANNA, REMOVE, key="k") == made
    queue.claim(ANNA)
    with pytest.raises(KeyReusedError):
        settle(database, second, ANNA, REMOVE, key="k")
    with pytest.raises(KeyReusedError):
        settle(database, first, ANNA, APPROVE, key="k")
    assert len(strikes(database)) == 1
    settle(database, second, ANNA, APPROVE, key="l")


def test_the_audit_log_knows_who_did_what(database: Database) -> None:
    case_id = add_case(database)
    made = claim_and_settle(database, AGENT, REMOVE)
    take_back(database, made, LEAD)
    with database.reading() as session:
        entries = session.scalars(select(AuditRow).order_by(AuditRow.sequence)).all()
    assert [(entry.actor, entry.act) for entry in entries] == [
        (AGENT.id, "decision.made"),
        (LEAD.id, "decision.undone"),
    ]
    assert entries[0].detail["case"] == case_id
    assert entries[0].detail["reviewer_kind"] == "agent"
    assert "gnome" not in str([entry.detail for entry in entries])


# Strikes and bans


def test_bans_follow_from_strikes(database: Database) -> None:
    for _ in range(2):
        add_case(database)
    first = claim_and_settle(database, ANNA, BAN)
    ends = author(database).banned_until
    assert abs(ends - now() - TERMS.ban) < timedelta(minutes=1)
    permanent = replace(BAN, action=Action.BAN_PERMANENT)
    second = claim_and_settle(database, ANNA, permanent)
    assert author(database).banned_permanently
    take_back(database, first)
    assert author(database).banned_permanently, "the other decision still stands"
    assert author(database).banned_until is None
    take_back(database, second)
    assert not author(database).banned_permanently
    assert strikes(database) == []


def test_strikes_weigh_until_they_expire(database: Database) -> None:
    add_case(database)
    claim_and_settle(database, ANNA, REMOVE)
    author_id = author(database).id
    with database.reading() as session:
        assert weight_of(session, author_id, now()) == 1.0
        assert weight_of(session, author_id, now() + timedelta(days=181)) == 0.0


def test_items_of_nobody_get_no_strike(database: Database) -> None:
    item_id = add_item(database, author=None)
    add_case(database, item_id)
    claim_and_settle(database, ANNA, BAN)
    assert strikes(database) == []
    assert item(database, item_id).action == "ban_temporary"


# Consensus

opinions = st.builds(
    Ruling, st.sampled_from([Action.APPROVE, Action.REMOVE]), st.sampled_from(ViolationType)
)


@given(st.lists(opinions, max_size=9))
def test_a_majority_is_more_than_half(said: list[Ruling]) -> None:
    votes = [(each.action, each.violation) for each in said]
    agreed = {vote for vote in votes if votes.count(vote) * 2 > len(votes)}
    place = majority(said)
    assert (place is None) == (agreed == set())
    if place is not None:
        assert votes[place] in agreed
        assert votes[place] not in votes[place + 1 :]


def test_two_of_three_decide(database: Database) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id, reviewers=3)
    first = claim_and_settle(database, ANNA, REMOVE)
    second = claim_and_settle(database, BEN, REMOVE)
    assert case(database, case_id).state == "open"
    assert item(database, item_id).action == "escalate"
    third = claim_and_settle(database, CARA, APPROVE)
    assert case(database, case_id).decision_id == second
    assert [decision(database, each).counts for each in (first, second, third)] == [
        False,
        True,
        False,
    ]
    assert len(strikes(database)) == 1


def test_who_disagrees_is_heard_by_a_lead(database: Database) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id, reviewers=2)
    claim_and_settle(database, ANNA, REMOVE)
    claim_and_settle(database, BEN, APPROVE)
    [adjudication] = cases(database, kind="adjudication")
    assert (adjudication.origin_id, adjudication.queue) == (case_id, "lead")
    assert item(database, item_id).action == "escalate", "nothing counts yet"
    queue = queue_of(database)
    anna_as_lead = replace(ANNA, lead=True)
    assert queue.claim(anna_as_lead) is None
    final = claim_and_settle(database, LEAD, REMOVE)
    assert case(database, case_id).decision_id == final
    assert item(database, item_id).action == "remove"
    take_back(database, final, LEAD)
    assert case(database, case_id).decision_id is None
    assert case(database, adjudication.id).state == "open"
    assert item(database, item_id).action == "escalate"


def test_undoing_an_opinion_asks_again(database: Database) -> None:
    case_id = add_case(database, reviewers=2)
    claim_and_settle(database, ANNA, REMOVE)
    other = claim_and_settle(database, BEN, APPROVE)
    undone = take_back(database, other, BEN)
    assert undone.lease is not None, "who undoes their own decision holds the case"
    [adjudication] = cases(database, kind="adjudication")
    assert adjudication.state == "withdrawn"
    assert case(database, case_id).state == "open"
    settle(database, case_id, BEN, REMOVE)
    assert case(database, case_id).state == "decided"
    assert len(strikes(database)) == 1
