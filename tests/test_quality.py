"""Quality of decisions: simulated reviewers go through the real queue and are recovered."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from reviewing import (
    ANNA,
    APPROVE,
    BEN,
    CARA,
    LEAD,
    REMOVE,
    TERMS,
    add_case,
    add_item,
    claim_and_settle,
    queue_of,
    settle,
)
from sqlalchemy import select

from ostraka.review.agreement import quality_report
from ostraka.review.cases import LEAD_QUEUE
from ostraka.review.insights import insights
from ostraka.review.measures import Period
from ostraka.review.quality_figures import AgreementFigure, QualityReport
from ostraka.review.tables import CaseRow, GoldenRow, VerdictRow
from ostraka.review.terms import Reviewer, Ruling
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action, ViolationType

WARN = Ruling(Action.WARN, ViolationType.HARASSMENT, "A first time.")
CHECKED = replace(TERMS, second_review={"general": 1.0}, golden={"general": 1.0})
ACCURACY = {ANNA: 0.95, BEN: 0.6, CARA: 0.8}
CASES = 30


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def now() -> datetime:
    return datetime.now(UTC)


def period() -> Period:
    return Period(now() - timedelta(days=1), now() + timedelta(minutes=1))


def report(database: Database) -> QualityReport:
    with database.reading() as session:
        return quality_report(session, period())


def golden(database: Database, count: int) -> dict[str, Ruling]:
    """Golden cases with what is right."""
    truths = {}
    for number in range(count):
        truth = (APPROVE, REMOVE)[number % 2]
        item_id = add_item(database, author=None)
        truths[item_id] = truth
        with database.writing() as session:
            session.add(
                GoldenRow(
                    id=new_id("golden"),
                    created_at=now(),
                    item_id=item_id,
                    action=str(truth.action),
                    violation=str(truth.violation),
                    explanation="",
                )
            )
    return truths


def work_through(
    database: Database, reviewer: Reviewer, truths: dict[str, Ruling], source: random.Random
) -> bool:
    """Decide the next case as well as the reviewer can; returns whether there was one."""
    claimed = queue_of(database).claim(reviewer)
    if claimed is None:
        return False
    with database.reading() as session:
        truth = truths[session.get_one(CaseRow, claimed.case_id).item_id]
    right = source.random() < ACCURACY[reviewer]
    wrong = APPROVE if truth is not APPROVE else REMOVE
    settle(database, claimed.case_id, reviewer, truth if right else wrong, CHECKED)
    return True


def test_simulated_reviewers_are_recovered(database: Database) -> None:
    """Golden cases and second reviews through the queue, disagreements settled by a lead."""
    source = random.Random(7)
    truths = golden(database, 3 * CASES)
    for number in range(CASES):
        item_id = add_item(database, author=None)
        truths[item_id] = (APPROVE, REMOVE)[number % 2]
        add_case(database, item_id)
    while any([work_through(database, each, truths, source) for each in ACCURACY]):
        continue
    while (claimed := queue_of(database).claim(LEAD, [LEAD_QUEUE])) is not None:
        with database.reading() as session:
            truth = truths[session.get_one(CaseRow, claimed.case_id).item_id]
        settle(database, claimed.case_id, LEAD, truth, CHECKED)
    found = report(database)
    assert found.second_reviews == found.golden_cases == CASES
    accuracy = {each.reviewer_id: each for each in found.accuracy}
    for reviewer, known in ACCURACY.items():
        share = accuracy[reviewer.id].golden
        assert share.low is not None and share.high is not None
        assert share.low <= known <= share.high
    assert sum(each.golden.of for each in found.accuracy) == CASES
    (overall,) = [each for each in found.overall if each.label == "action"]
    assert overall.cases == CASES
    # Reviewers a and b agree where both are right or both are wrong; by chance one time in two.
    pairs = [(0.95, 0.6), (0.95, 0.8), (0.6, 0.8)]
    kappas = [2 * (a * b + (1 - a) * (1 - b)) - 1 for a, b in pairs]
    assert overall.kappa.low is not None and overall.kappa.high is not None
    assert overall.kappa.low <= max(kappas) and overall.kappa.high >= min(kappas)
    disagreed = sum(pair.times for pair in found.confusion)
    assert found.adjudications == disagreed == CASES - overall.same.hits
    (pair,) = found.confusion
    assert (pair.first, pair.second, pair.open) == ("approve", "remove/harassment", 0)
    assert sum(times for _, times in pair.settled) == disagreed
    assert all(each.upheld.of for each in found.accuracy)


def test_opinions_on_one_case_are_compared(database: Database) -> None:
    for rulings in ((REMOVE, REMOVE, WARN), (APPROVE, APPROVE, APPROVE), (REMOVE, WARN, APPROVE)):
        add_case(database, reviewers=3)
        for reviewer, ruling in zip((ANNA, BEN, CARA), rulings, strict=True):
            claim_and_settle(database, reviewer, ruling)
    found = report(database)
    assert found.second_reviews == 3
    by_reviewer = figures(found.reviewers, "action")
    assert by_reviewer[ANNA.id].same.of == 6
    assert (by_reviewer[ANNA.id].same.hits, by_reviewer[CARA.id].same.hits) == (3, 2)
    assert [(pair.first, pair.second) for pair in found.confusion] == [
        ("remove/harassment", "warn/harassment"),
        ("approve", "remove/harassment"),
        ("approve", "warn/harassment"),
    ]
    assert found.confusion[0].times == 2
    assert found.confusion[0].newest[0].first_reviewer == ANNA.id
    (policy,) = figures(found.policies, "action").values()
    assert policy.subject == TERMS.policy_digest


def figures(found: tuple[AgreementFigure, ...], label: str) -> dict[str, AgreementFigure]:
    return {each.subject: each for each in found if each.label == label}


def test_models_are_held_against_people(database: Database) -> None:
    for action, ruling in (("remove", REMOVE), ("remove", APPROVE), ("escalate", REMOVE)):
        item_id = add_item(database, action=action)
        with database.writing() as session:
            said = session.scalars(select(VerdictRow).where(VerdictRow.item_id == item_id)).one()
            said.violation = "harassment"
        add_case(database, item_id)
        claim_and_settle(database, ANNA, ruling)
    models = report(database).models
    assert figures(models, "action")["m"].same.of == 2  # who asks people names no action
    assert figures(models, "action")["m"].same.hits == 1
    assert figures(models, "violation")["m"].same.of == 3
    assert all(each.alpha is None for each in models)


def test_golden_mistakes_are_a_work_list(database: Database) -> None:
    golden(database, 2)
    for _ in range(2):
        add_case(database)
    checked = replace(CHECKED, second_review={})
    while claimed := queue_of(database).claim(ANNA):
        settle(database, claimed.case_id, ANNA, WARN, checked)
    found = report(database)
    assert found.golden_cases in (1, 2)  # both cases may have drawn the same one
    assert {each.decided for each in found.missed} == {"warn/harassment"}
    assert found.accuracy[0].golden.hits == 0


def test_nothing_is_no_error(database: Database) -> None:
    found = report(database)
    assert (found.decisions, found.second_reviews, found.confusion) == (0, 0, ())
    with database.reading() as session:
        empty = insights(session, period())
    assert (empty.queues, empty.drift, empty.agreement) == ((), (), ())
    assert len(empty.volume) in (2, 3)


# Insights


def test_queues_add_up(database: Database) -> None:
    early = now() - timedelta(days=3)
    late = add_case(database, hours=24, opened_at=early)
    add_case(database, hours=240, opened_at=early)
    decided = add_case(database, hours=2400)
    taken = [queue_of(database).claim(ANNA) for _ in range(3)]
    for claimed in taken:
        assert claimed is not None
        if claimed.case_id in (late, decided):
            settle(database, claimed.case_id, ANNA, REMOVE)
    add_case(database, queue="other")
    window = Period(now() - timedelta(days=5), now() + timedelta(minutes=1))
    with database.reading() as session:
        found = insights(session, window)
    by_queue = {
        queue: [each for each in found.queues if each.queue == queue]
        for queue in ("general", "other")
    }
    general = by_queue["general"]
    assert sum(day.opened for day in general) == 3
    assert sum(day.closed for day in general) == 2
    assert sum(day.late for day in general) == 1
    assert (general[-1].backlog, general[-1].overdue) == (1, 0)
    assert [day.overdue for day in general][-2:] == [1, 0]
    assert by_queue["other"][-1].backlog == 1
    assert [day.day for day in general] == sorted({day.day for day in found.volume})
    (handled,) = [each for each in found.handling if each.queue == "general"]
    assert (handled.decisions, handled.kept_deadline) == (2, 0.5)
    assert handled.median_seconds is not None
    # What is left from before the period counts too.
    later = Period(now() - timedelta(days=1), now() + timedelta(minutes=1))
    with database.reading() as session:
        again = [each for each in insights(session, later).queues if each.queue == "general"]
    assert (again[-1].backlog, again[-1].overdue) == (1, 0)


def test_actions_and_volume_per_day(database: Database) -> None:
    for action in ("approve", "approve", "remove"):
        add_item(database, action=action)
    add_case(database)
    claim_and_settle(database, ANNA, REMOVE)
    with database.reading() as session:
        found = insights(session, period())
    assert sum(day.items for day in found.volume) == 4
    assert sum(day.decisions for day in found.volume) == 1
    mix = {(each.by, each.action): each.count for each in found.actions}
    assert mix == {
        ("policy", "approve"): 2,
        ("policy", "remove"): 1,
        ("policy", "escalate"): 1,
        ("person", "remove"): 1,
    }


def test_drift_is_told_from_rest(database: Database) -> None:
    for _ in range(3):
        add_item(database)
    with database.reading() as session:
        found = insights(session, period())
    (drift,) = found.drift
    assert (drift.model, drift.category, drift.items_before) == ("m", "harassment", 0)
    assert (drift.items_after, drift.mean_after, drift.movement) == (3, 0.5, "unknown")
