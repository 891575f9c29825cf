"""Shadow runs on both databases: what drafts and candidates say; nothing depends on it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from trying import (
    ACTS,
    BEGINNING,
    DRAFT,
    action_of,
    activate,
    look,
    policy_text,
    send,
    shadow,
    verdict,
)

from ostraka.errors import ConflictError
from ostraka.factory.candidate import candidate_scores
from ostraka.moderator import Moderator, Verdict
from ostraka.review.items import erase
from ostraka.review.policies import PolicyStore
from ostraka.review.promoting import Promotion, promote
from ostraka.review.shadow_report import model_reports, policy_report
from ostraka.review.shadowing import QUEUE, TOGETHER, Candidate, Shadows
from ostraka.review.tables import (
    AuthorRow,
    CaseRow,
    DeliveryRow,
    ItemRow,
    StrikeRow,
    VerdictRow,
)
from ostraka.settings import Settings
from ostraka.storage.database import Database
from ostraka.work.tables import WorkRow

SCORES = [number / 20 for number in range(20)]
EVERY = Candidate("candidate", 1.0)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def doubled(texts: Sequence[str], model: str) -> list[Verdict]:
    """A candidate that finds everything very bad."""
    assert model == "candidate"
    return [verdict(0.99, model="candidate@sha256:2") for _ in texts]


def said(database: Database, *, aside: bool) -> list[VerdictRow]:
    with database.reading() as session:
        wanted = select(VerdictRow).where(VerdictRow.shadow.is_(aside)).order_by(VerdictRow.id)
        return list(session.scalars(wanted))


def test_drafts_see_everything_later(database: Database) -> None:
    activate(database, ACTS)
    digest = shadow(database, DRAFT)
    send(database, SCORES)
    assert said(database, aside=True) == []  # no request waits for a shadow
    assert look(database) == len(SCORES)
    aside = said(database, aside=True)
    assert [each.action for each in aside] == [action_of(score, 0.6) for score in SCORES]
    assert {each.policy_digest for each in aside} == {digest}
    acted = said(database, aside=False)
    assert [(each.item_id, each.created_at, each.scores) for each in aside] == [
        (each.item_id, each.created_at, each.scores) for each in acted
    ]


def test_report_counts_disagreements_and_what_is_missing(database: Database) -> None:
    activate(database, ACTS)
    digest = shadow(database, DRAFT)
    send(database, SCORES)
    with database.reading() as session:
        assert policy_report(session, digest, 30).waiting == len(SCORES)
    look(database)
    with database.reading() as session:
        report = policy_report(session, digest, 30)
    differ = [score for score in SCORES if action_of(score, 0.9) != action_of(score, 0.6)]
    assert report.compared.items == 20
    assert report.compared.same.hits == 20 - len(differ)
    assert report.compared.newly_caught == sum(action_of(s, 0.9) == "approve" for s in differ)
    assert (report.minimum, report.missing, report.ready, report.waiting) == (30, 10, False, 0)
    assert report.running
    with database.reading() as session:
        assert policy_report(session, digest, 20).ready


def test_too_short_a_run_may_not_act(database: Database) -> None:
    activate(database, ACTS)
    digest = shadow(database, DRAFT)
    send(database, SCORES[:8])
    look(database)
    store = PolicyStore()

    def act(minimum: int, **more: bool) -> None:
        wanted = Promotion(digest, "person_1", "", minimum, without_backtest=True, **more)
        with database.writing() as session:
            promote(session, store, wanted, BEGINNING)

    with pytest.raises(ConflictError, match="2 are missing") as refused:
        act(10)
    assert (refused.value.code, refused.value.field) == ("shadow_too_short", "without_shadow")
    act(8)
    with database.reading() as session:
        assert store.active(session).digest == digest
        assert store.shadowing(session) == []


def test_a_new_run_begins_at_nothing(database: Database) -> None:
    activate(database, ACTS)
    digest = shadow(database, DRAFT)
    send(database, SCORES[:5])
    look(database)
    store, later = PolicyStore(), BEGINNING + timedelta(days=9)
    with database.writing() as session:
        store.stop_shadow(session, digest, "person_1", "", BEGINNING)
        assert not policy_report(session, digest, 1).running
        store.start_shadow(session, digest, "person_1", "", later)
    send(database, SCORES[:2], begins=later)
    look(database)
    with database.reading() as session:
        assert policy_report(session, digest, 1).compared.items == 2


def test_candidate_model_sees_a_share(database: Database) -> None:
    activate(database, ACTS)
    send(database, SCORES, candidate=EVERY)
    look(database, doubled)
    aside = said(database, aside=True)
    assert {(each.action, each.model) for each in aside} == {("remove", "candidate@sha256:2")}
    assert len(aside) == len(SCORES)
    with database.reading() as session:
        (report,) = model_reports(session, 100)
        assert model_reports(session, 100, "another") == []
    assert (report.kind, report.subject) == ("model", "candidate@sha256:2")
    assert (report.compared.items, report.missing) == (20, 80)
    later = BEGINNING + timedelta(days=3)
    send(database, SCORES, candidate=Candidate("candidate", 0.0), begins=later)
    assert look(database, doubled) == 0


def test_looking_twice_writes_once(database: Database) -> None:
    activate(database, ACTS)
    shadow(database, DRAFT)
    send(database, SCORES[:4], candidate=EVERY)
    assert look(database, doubled) == 4
    with database.writing() as session:
        for work in session.scalars(select(WorkRow).where(WorkRow.queue == QUEUE)):
            work.state = "ready"
    assert look(database, doubled) == 4
    assert len(said(database, aside=True)) == 8


def test_what_was_erased_is_looked_at_no_more(database: Database) -> None:
    activate(database, ACTS)
    ids = send(database, SCORES[:2], candidate=EVERY)
    with database.writing() as session:
        erase(session, ids[0], "person_1", BEGINNING)
    look(database, doubled)
    assert [each.item_id for each in said(database, aside=True)] == [ids[1]]


def test_work_comes_in_bounded_pieces(database: Database) -> None:
    with database.writing() as session:
        Shadows(("sha256:1",)).follow(session, [str(n) for n in range(TOGETHER + 1)])
        Shadows().follow(session, ["1"])
        pieces = session.scalars(select(WorkRow)).all()
        assert sorted(len(each.payload["verdicts"]) for each in pieces) == [1, TOGETHER]


def test_a_served_model_can_be_the_candidate(moderator: Moderator) -> None:
    score = candidate_scores(Settings())
    (found,) = score(["You are a stupid idiot."], "ostraka-lexical")
    assert found.model == moderator.cascade("ostraka-lexical").pinned_name


# What acts does not depend on shadows.


def outcome(database: Database) -> list[Any]:
    """Everything that counts, without ids."""
    with database.reading() as session:
        items = session.scalars(select(ItemRow).order_by(ItemRow.id)).all()
        counted = {each.id: number for number, each in enumerate(items)}
        verdicts = session.scalars(select(VerdictRow).where(~VerdictRow.shadow))
        return [
            [(each.action, each.violation, each.verdict_id != "") for each in items],
            sorted(
                (counted[v.item_id], v.action, v.rule, v.policy_digest, str(v.facts), v.why)
                for v in verdicts
            ),
            sorted((counted[c.item_id], c.queue, c.why) for c in session.scalars(select(CaseRow))),
            sorted(
                (s.action, s.weight, counted[s.item_id]) for s in session.scalars(select(StrikeRow))
            ),
            sorted(
                (a.external_id, a.banned_permanently) for a in session.scalars(select(AuthorRow))
            ),
            session.query(DeliveryRow).count(),
        ]


drawn_scores = st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.95]), min_size=1, max_size=8)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(scores=drawn_scores, tried=st.sampled_from([0.1, 0.5, 1.0]))
def test_no_decision_depends_on_a_shadow(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float], tried: float
) -> None:
    """The same items with and without shadows: everything that counts is the same."""
    folder: Path = tmp_path_factory.mktemp("shadow")
    found = []
    for name in ("alone", "watched"):
        database = Database.at(f"sqlite:///{folder / name}.db")
        activate(database, ACTS)
        candidate = None
        if name == "watched":
            shadow(database, policy_text(tried, "tried"))
            candidate = EVERY
        for number, score in enumerate(scores):
            begins = BEGINNING + timedelta(days=number)
            send(database, [score], candidate=candidate, begins=begins, author="amy")
            look(database, doubled)
        found.append(outcome(database))
        watched = said(database, aside=True)
        assert len(watched) == (2 * len(scores) if name == "watched" else 0)
        with database.reading() as session:
            current = set(session.scalars(select(ItemRow.verdict_id)))
        assert not current & {each.id for each in watched}
        database.close()
    assert found[0] == found[1]
