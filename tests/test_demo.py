"""The demo: what it fills, that it is what the system does, and that it touches nothing else."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from running import ostraka
from sqlalchemy import func, select

from ostraka.access.roles import Role
from ostraka.demo.content import load_content
from ostraka.demo.filling import fill
from ostraka.demo.policies import calmer_text, community_text, surer_text
from ostraka.demo.reviewers import TEAM, Member, is_right, ruling_of
from ostraka.moderator import Moderator
from ostraka.policy.compiled import Policy
from ostraka.policy.testing import run_examples
from ostraka.review.tables import (
    AppealRow,
    BacktestRow,
    CaseRow,
    DecisionRow,
    DeliveryRow,
    GoldenRow,
    ItemRow,
    VerdictRow,
    WebhookRow,
)
from ostraka.review.terms import Terms, check_ruling
from ostraka.storage import audit
from ostraka.storage.database import Database

ITEMS = [item for thread in load_content() for item in thread.items]
NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)


def test_content_is_enough_and_every_right_decision_could_be_made() -> None:
    assert len(ITEMS) >= 150
    assert len({item.author for item in ITEMS}) >= 24
    assert len({item.external_id for item in ITEMS}) == len(ITEMS)
    for item in ITEMS:
        check_ruling(item.right, Terms(policy_digest=""))


@pytest.mark.parametrize("text", [community_text(), calmer_text(), surer_text()])
def test_policies_hold_their_own_examples(text: str) -> None:
    results = run_examples(Policy.parse(text))
    assert [each.problems for each in results if not each.passed and not each.skipped] == []


def test_reviewers_are_as_accurate_as_they_are_said_to_be() -> None:
    chance = random.Random(1)
    plain = [item for item in ITEMS if item.right.action != "escalate"]
    for accuracy in (0.6, 0.9):
        member = Member("Somebody", Role.REVIEWER, accuracy)
        said = [
            is_right(ruling_of(item, member, chance, in_lead_queue=False), item)
            for item in plain * 10
        ]
        assert abs(sum(said) / len(said) - accuracy) < 0.05


def test_two_weeks_of_work(database_url: str, moderator: Moderator) -> None:
    database = Database.at(database_url)
    filled = fill(database, moderator, NOW)
    assert {each.person.role for each in filled.sign_ins} == set(Role)
    with database.reading() as session:
        assert audit.verify(session).whole

        def count(table: type, *conditions: object) -> int:
            wanted = select(func.count()).select_from(table).where(*conditions)
            return session.scalars(wanted).one()

        assert count(ItemRow) == len(ITEMS)
        moments = session.execute(
            select(func.min(ItemRow.created_at), func.max(ItemRow.created_at))
        )
        first, last = moments.one()
        assert NOW - timedelta(days=14) < first < last < NOW
        assert count(CaseRow, CaseRow.state == "open") >= 5
        assert count(CaseRow, CaseRow.kind == "second_review") >= 3
        assert count(DecisionRow) >= 40
        assert len(set(session.scalars(select(DecisionRow.reviewer_id)))) == 5
        assert len(set(session.scalars(select(func.date(DecisionRow.created_at))))) >= 8
        assert count(GoldenRow) == sum(bool(item.golden) for item in ITEMS)
        assert {*session.scalars(select(AppealRow.state))} >= {"denied", "granted"}
        right = select(ItemRow.external_id).join(AppealRow, AppealRow.item_id == ItemRow.id)
        right = right.where(AppealRow.state == "granted")
        assert "history-homework-2" in set(session.scalars(right)), "whatever was drawn by chance"
        assert count(BacktestRow) == 1
        assert count(VerdictRow, VerdictRow.shadow) >= 80
        assert count(WebhookRow, WebhookRow.disabled_at.is_not(None)) == 1
        assert count(DeliveryRow) == 0
        scored = session.scalars(select(VerdictRow).where(~VerdictRow.shadow)).all()
        assert all(verdict.scores and verdict.model for verdict in scored)
    database.close()


def test_the_same_seed_tells_the_same_story(tmp_path: Path, moderator: Moderator) -> None:
    stories = []
    for name in ("first", "second"):
        database = Database.at(f"sqlite:///{tmp_path / name}.db")
        fill(database, moderator, NOW, seed=3)
        with database.reading() as session:
            found = select(ItemRow.external_id, ItemRow.created_at, ItemRow.reports)
            stories.append(session.execute(found.order_by(ItemRow.id)).all())
        database.close()
    assert stories[0] == stories[1]


def test_command_fills_an_empty_folder_and_removes_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    settings = {"OSTRAKA_DATA_DIR": str(folder)}
    made = ostraka(tmp_path, "demo", "--json", **settings)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert [each["name"] for each in told["people"]] == [each.name for each in TEAM]
    assert all("/sign-in/link/" in each["link"] for each in told["people"])
    assert told["counts"]["items"] == len(ITEMS)
    assert ostraka(tmp_path, "audit", "verify", **settings).returncode == 0

    again = ostraka(tmp_path, "demo", **settings)
    assert again.returncode != 0
    assert "--force" in again.stderr
    removed = ostraka(tmp_path, "demo", "--remove", **settings)
    assert removed.returncode == 0, removed.stderr
    assert not folder.exists()


def test_command_touches_no_folder_that_is_in_use(tmp_path: Path) -> None:
    settings = {"OSTRAKA_DATA_DIR": str(tmp_path)}
    assert ostraka(tmp_path, "people", "add", "Ada", "--role", "admin", **settings).returncode == 0
    for options in ((), ("--force",), ("--remove",)):
        refused = ostraka(tmp_path, "demo", *options, **settings)
        assert refused.returncode != 0
        assert refused.stderr
    assert "Ada" in ostraka(tmp_path, "people", "list", **settings).stdout
