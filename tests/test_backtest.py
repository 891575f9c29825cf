"""Backtests on both databases: what a draft would have done, counted another way too."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewing import ANNA, APPROVE, LEAD, REMOVE, claim_and_settle
from sqlalchemy import select, update
from trying import ACTS, BEGINNING, DRAFT, TEXT, action_of, activate, policy_text, send, verdict

from ostraka.errors import ConflictError
from ostraka.policy.compiled import Policy
from ostraka.policy.presets import default_policy
from ostraka.review.backtest import backtest, keep, last_backtest, replay
from ostraka.review.comparison import BacktestReport
from ostraka.review.comparison_texts import with_texts
from ostraka.review.items import erase
from ostraka.review.picking import Picks
from ostraka.review.policies import PolicyStore
from ostraka.review.promoting import Promotion, promote
from ostraka.review.replaying import Window, pages
from ostraka.review.tables import DecisionRow, ItemRow, VerdictRow
from ostraka.review.undoing import undo
from ostraka.storage.database import Database
from ostraka.storage.tables import AuditRow

SCORES = [number / 40 for number in range(40)]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def replayed(
    database: Database, draft: str = DRAFT, window: Window | None = None
) -> BacktestReport:
    with database.reading() as session:
        against = PolicyStore().active(session)
        return backtest(session, Policy.parse(draft), against, window or Window())


def cells(report: BacktestReport) -> dict[tuple[str, str], int]:
    return {(cell.before, cell.after): cell.items for cell in report.compared.matrix}


def test_counts_what_changes(database: Database) -> None:
    activate(database, ACTS)
    send(database, SCORES)
    report = replayed(database)
    expected = Counter((action_of(score, 0.9), action_of(score, 0.6)) for score in SCORES)
    assert cells(report) == expected
    assert report.items == report.replayed == report.compared.items == 40
    assert report.compared.newly_caught == expected["approve", "escalate"]
    assert report.compared.newly_freed == 0
    assert len(report.compared.caught) == min(10, expected["approve", "escalate"])
    assert {each.after for each in report.compared.changed} == {"remove"}
    assert report.compared.caught[0].why
    assert report.since == BEGINNING.isoformat()
    assert report.cost.days == pytest.approx(39 / 24)
    assert report.cost.cases_before == sum(action_of(score, 0.9) == "escalate" for score in SCORES)
    assert report.cost.cases_after == sum(action_of(score, 0.6) == "escalate" for score in SCORES)
    assert report.cost.model_calls == report.cost.model_calls_to_complete == 0
    assert {each.rule for each in report.rules} == {"default", "doubtful", "clear"}


def test_says_what_it_leaves_out(database: Database) -> None:
    activate(database, ACTS)
    ids = send(database, SCORES[:6])
    with database.writing() as session:
        erase(session, ids[0], "person_1", BEGINNING)
        odd = update(VerdictRow).where(VerdictRow.item_id == ids[1])
        session.execute(odd.values(facts={"odd": 1}))
    more = '\n[categories.spam]\nthreshold = 0.5\nseverity = "low"\nviolation = "spam"\n'
    rule = '\n[[rules]]\nname = "spam"\ncategories = ["spam"]\naction = "warn"\n'
    report = replayed(database, policy_text(0.6, more=rule + more))
    assert (report.items, report.replayed) == (6, 4)
    left_out = {each.item_ids: each.items for each in report.not_replayed}
    assert left_out == {(ids[0],): 1, (ids[1],): 1}
    assert [(each.category, each.items) for each in report.unscored] == [("spam", 4)]
    assert report.cost.model_calls_to_complete == 4
    assert "spam" in report.idle_rules


def test_two_policies_are_compared_and_not_two_moments(database: Database) -> None:
    """What an older policy did is no change by the draft."""
    activate(database, policy_text(0.2, "older"))
    send(database, SCORES)
    activate(database, ACTS)
    report = replayed(database, ACTS)
    assert report.compared.same.value == 1
    assert report.cost.cases_before == report.cost.cases_after > 0
    with database.reading() as session:
        older = backtest(session, default_policy(), default_policy(), Window())
    assert older.compared.same.value == 1


def test_holds_the_draft_against_people(database: Database) -> None:
    activate(database, ACTS)
    send(database, [0.5, 0.55, 0.65, 0.7, 0.8])
    people = {0.5: APPROVE, 0.55: REMOVE, 0.65: REMOVE, 0.7: APPROVE, 0.8: REMOVE}
    by_item = {}
    for _ in people:
        decision_id = claim_and_settle(database, ANNA, REMOVE)
        with database.writing() as session:
            decided = session.get_one(DecisionRow, decision_id)
            wanted = select(VerdictRow).where(VerdictRow.item_id == decided.item_id)
            score = session.scalars(wanted).one().scores["harassment"]
            by_item[decided.item_id] = score
            decided.action = str(people[score].action)
    after = replayed(database).compared.people_after
    assert after.decided == 5
    assert (after.precision.hits, after.precision.of) == (2, 3)
    assert (after.recall.hits, after.recall.of) == (2, 3)
    assert (after.found.hits, after.found.of) == (3, 3)
    before = replayed(database).compared.people_before
    assert (before.precision.of, before.found.hits) == (0, 3)
    against = replayed(database).compared.against_people
    assert [(by_item[each.item_id], each.people) for each in against] == [(0.7, "approve")]


def test_decisions_that_were_taken_back_do_not_count(database: Database) -> None:
    activate(database, ACTS)
    send(database, [0.5])
    decision_id = claim_and_settle(database, ANNA, REMOVE)
    assert replayed(database).compared.people_after.decided == 1
    with database.writing() as session:
        undo(session, decision_id, LEAD, BEGINNING, seconds=60.0)
    assert replayed(database).compared.people_after.decided == 0


def test_pages_hold_every_item_once(database: Database) -> None:
    activate(database, ACTS)
    ids = send(database, SCORES[:9])
    with database.writing() as session:  # the same moment for all: ids decide
        session.execute(update(ItemRow).values(created_at=BEGINNING))
    with database.reading() as session:
        for size in (1, 2, 4, 9, 10):
            found = [each.item_id for page in pages(session, Window(), size) for each in page.items]
            assert found == ids
        newest = [each.item_id for page in pages(session, Window(newest=4)) for each in page.items]
    assert newest == ids[-4:]


def test_replays_only_the_window(database: Database) -> None:
    activate(database, ACTS)
    send(database, SCORES)
    day = Window(BEGINNING, BEGINNING + timedelta(hours=10))
    assert replayed(database, window=day).items == 10
    assert replayed(database, window=Window(BEGINNING + timedelta(hours=30))).items == 10
    assert replayed(database, window=Window(newest=7)).items == 7
    nothing = replayed(database, window=Window(BEGINNING + timedelta(days=90)))
    assert (nothing.items, nothing.since, nothing.compared.same.value) == (0, None, None)


def test_is_kept_and_lets_its_policy_act(database: Database) -> None:
    activate(database, ACTS)
    ids = send(database, SCORES)
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, DRAFT, "person_1", "", BEGINNING).digest
    wanted = Promotion(digest, "person_1", "", shadow_minimum=1)
    with database.writing() as session, pytest.raises(ConflictError) as refused:
        promote(session, store, wanted, BEGINNING)
    assert refused.value.code == "no_backtest"
    empty = replayed(database, window=Window(BEGINNING + timedelta(days=90)))
    report = replayed(database)
    with database.writing() as session:
        keep(session, empty, "person_1", BEGINNING)
    with database.writing() as session, pytest.raises(ConflictError):  # it replayed nothing
        promote(session, store, wanted, BEGINNING)
    with database.writing() as session:
        keep(session, report, "person_1", BEGINNING)
        promote(session, store, wanted, BEGINNING)
    with database.reading() as session:
        assert store.active(session).digest == digest
        kept = last_backtest(session, digest)
        assert kept is not None
        assert BacktestReport.from_dict(kept.report) == report
        assert TEXT not in json.dumps(kept.report)  # it may have to be erased
        told = with_texts(session, report.compared)
        assert told.caught[0].text == TEXT
        assert told.caught[0].item_id in ids


def test_an_override_stands_in_the_audit_log(database: Database) -> None:
    activate(database, ACTS)
    send(database, SCORES[:2])
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, DRAFT, "person_1", "", BEGINNING).digest
        wanted = Promotion(digest, "person_1", "Now.", 1, without_backtest=True)
        promote(session, store, wanted, BEGINNING)
    with database.reading() as session:
        entries = select(AuditRow).where(AuditRow.act == "policy.activated")
        newest = session.scalars(entries.order_by(AuditRow.sequence.desc())).first()
        assert newest is not None
        assert newest.detail == {"note": "Now.", "examples": 0, "without": ["backtest"]}


FAILING = """
[[examples]]
name = "clear enough"
scores = { harassment = 0.95 }
action = "remove"

[[examples]]
name = "a friendly word"
scores = { harassment = 0.7 }
action = "approve"

[[examples]]
name = "as it is written"
text = "Thank you, have a nice day."
action = "approve"
"""


def test_a_policy_acts_only_if_its_examples_hold(database: Database) -> None:
    activate(database, ACTS)
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, policy_text(0.6, "draft", FAILING), "p", "", BEGINNING).digest
    said = verdict(0.1)
    for score, told in ((None, "nobody scored its text"), (lambda text: said, "not approve")):
        wanted = Promotion(digest, "person_1", "Now.", 1, score, without_backtest=True)
        with database.writing() as session, pytest.raises(ConflictError) as refused:
            promote(session, store, wanted, BEGINNING)
        assert refused.value.code == "examples_failed"
        assert told in refused.value.message
        assert "'a friendly word' (action is remove, not approve)" in refused.value.message
        assert "clear enough" not in refused.value.message
    with database.reading() as session:
        assert store.active(session).digest != digest
    right = policy_text(0.8, "draft", FAILING.replace("0.7", "0.1"))
    with database.writing() as session:
        digest = store.add(session, right, "person_1", "", BEGINNING).digest
        promote(session, store, Promotion(digest, "p", "", 1, lambda text: said), BEGINNING)
        assert store.active(session).digest == digest


def test_a_backtest_holds_up_nobody_and_runs_alone(database: Database) -> None:
    activate(database, ACTS)
    send(database, SCORES[:3])
    store = PolicyStore()
    with database.writing() as session:
        digest = store.add(session, DRAFT, "person_1", "", BEGINNING).digest

    def write_meanwhile(items: int) -> None:
        with database.writing() as session:
            store.add(session, policy_text(0.7, "meanwhile"), "person_1", "", BEGINNING)
        with pytest.raises(ConflictError) as refused:
            replay(database, store, digest, Window())
        assert refused.value.code == "backtest_running"

    assert replay(database, store, digest[7:17], Window(), write_meanwhile).replayed == 3
    assert replay(database, store, digest, Window()).policy == digest


@given(st.lists(st.sampled_from("abc"), max_size=200), st.integers(1, 12))
def test_examples_are_of_every_kind(kinds: list[str], most: int) -> None:
    picks: Picks[tuple[str, int]] = Picks(most, "seed")
    for number, kind in enumerate(kinds):
        picks.offer(kind, (kind, number))
    dealt = picks.dealt()
    assert len(dealt) == min(most, len(kinds)) == len(set(dealt))
    assert len({kind for kind, _ in dealt}) == min(most, len(set(kinds)))
    assert set(dealt) <= {(kind, number) for number, kind in enumerate(kinds)}


def test_examples_are_not_just_the_first() -> None:
    source = random.Random(1)
    first = 0
    for _ in range(200):
        picks: Picks[int] = Picks(10, str(source.random()))
        for number in range(100):
            picks.offer("same", number)
        first += sum(number < 50 for number in picks.dealt())
    assert 0.4 < first / 2000 < 0.6
