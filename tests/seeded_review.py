"""Items, an appeal and policies with the ids that the API's description has as examples."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ostraka.policy.presets import default_policy, default_text
from ostraka.review.backtest import backtest
from ostraka.review.replaying import Window
from ostraka.review.tables import (
    ActivationRow,
    AnswerRow,
    AppealRow,
    AuthorRow,
    BacktestRow,
    CaseRow,
    DecisionRow,
    GoldenRow,
    ItemRow,
    PolicyRow,
    ReportRow,
    StrikeRow,
    VerdictRow,
)
from ostraka.server.description.appeals import APPEAL_ID, EXTERNAL_ID
from ostraka.server.description.cases import BULK_ID, CASE_ID, DECISION_ID
from ostraka.server.description.items import ITEM_ID
from ostraka.server.description.policies import ACTS, DIGEST, IN_SHADOW
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.work.people import take
from ostraka.work.queue import enqueue
from ostraka.work.tables import BarRow, WorkRow

TABLES = (
    AnswerRow,
    BacktestRow,
    WorkRow,
    StrikeRow,
    DecisionRow,
    CaseRow,
    AppealRow,
    ReportRow,
    VerdictRow,
    GoldenRow,
    ItemRow,
    AuthorRow,
    ActivationRow,
    PolicyRow,
    BarRow,
)
SCORES = {"harassment": 0.99}


def seed(data: Path) -> None:
    """Put everything (back) into the database of a server."""
    database = Database.at(f"sqlite:///{data / 'ostraka.db'}")
    with database.writing() as session:
        for table in TABLES:
            session.execute(delete(table))
        now = datetime.now(UTC)
        author = AuthorRow(
            id="author_1", created_at=now, external_id="user-1", banned_permanently=False
        )
        session.add(author)
        session.flush()
        add_item(session, ITEM_ID, None, now)
        add_item(session, new_id("item"), EXTERNAL_ID, now)
        session.add(_appeal(now))
        session.add(
            GoldenRow(
                id=new_id("golden"),
                created_at=now,
                item_id=ITEM_ID,
                action="remove",
                violation="harassment",
                explanation="An insult.",
            )
        )
        _add_policies(session, now - timedelta(hours=1))
        _add_case(session, now)
        _add_backtest(session, now)
    database.close()


def add_item(session: Session, item_id: str, external_id: str | None, now: datetime) -> None:
    """An item that the policy removed."""
    verdict_id = new_id("verdict")
    said = {"action": "remove", "violation": "harassment"}
    session.add(
        ItemRow(
            id=item_id,
            created_at=now,
            external_id=external_id,
            fingerprint="0" * 64,
            text="You are a stupid idiot.",
            author_id="author_1",
            reach=1,
            details={},
            verdict_id=verdict_id,
            reports=0,
            **said,
        )
    )
    session.flush()
    session.add(
        VerdictRow(
            id=verdict_id,
            created_at=now,
            item_id=item_id,
            policy_digest=default_policy().digest,
            severity="medium",
            rule="clear",
            why="A clear violation.",
            path=[],
            facts={"scores": SCORES},
            scores=SCORES,
            stage="lexical",
            sure=True,
            model="ostraka-lexical",
            versions={},
            reason="",
            shadow=False,
            **said,
        )
    )
    session.flush()


def _appeal(now: datetime) -> AppealRow:
    return AppealRow(
        id=APPEAL_ID,
        created_at=now,
        item_id=ITEM_ID,
        author_id="author_1",
        reason="It was a joke.",
        state="open",
        appealed_action="remove",
    )


def _add_case(session: Session, now: datetime) -> None:
    """A case that this machine's own reviewer holds, and what they decided on other items."""
    decided = new_id("item")
    add_item(session, decided, None, now)
    in_bulk = new_id("item")
    add_item(session, in_bulk, None, now)
    verdicts = {each: session.get_one(ItemRow, each).verdict_id for each in (ITEM_ID, decided)}
    for case_id, item_id in ((CASE_ID, ITEM_ID), (new_id("case"), decided)):
        session.add(
            CaseRow(
                id=case_id,
                created_at=now,
                kind="item",
                state="open" if case_id == CASE_ID else "decided",
                queue="general",
                item_id=item_id,
                verdict_id=verdicts[item_id],
                why="In doubt.",
                severity="medium",
                urgency=[{"reason": "deadline of the queue", "seconds": 3600}],
                due_at=now + timedelta(hours=1),
                reviewers=1,
                decision_id=None if case_id == CASE_ID else DECISION_ID,
            )
        )
        session.flush()
    for decision_id, case, item_id, bulk_id in (
        (DECISION_ID, case_id, decided, None),
        (new_id("decision"), None, in_bulk, BULK_ID),
    ):
        session.add(
            DecisionRow(
                id=decision_id,
                created_at=now,
                case_id=case,
                item_id=item_id,
                reviewer_id="local",
                reviewer_kind="person",
                action="remove",
                violation="harassment",
                reasons="",
                policy_digest=ACTS,
                counts=True,
                effective_at=now,
                bulk_id=bulk_id,
                before={"action": "escalate", "violation": "none"},
            )
        )
    enqueue(
        session,
        queue="review:general",
        kind="review",
        payload={"case_id": CASE_ID},
        max_attempts=1_000_000,
        subject=CASE_ID,
    )
    take(session, CASE_ID, "local", 600)


def _add_backtest(session: Session, now: datetime) -> None:
    report = backtest(session, default_policy(), default_policy(), Window())
    session.add(
        BacktestRow(
            id=new_id("backtest"),
            created_at=now,
            policy_digest=DIGEST,
            against_digest=ACTS,
            report=report.as_dict(),
        )
    )


def _add_policies(session: Session, now: datetime) -> None:
    for digest in (DIGEST, IN_SHADOW, ACTS):
        session.add(
            PolicyRow(
                digest=digest,
                created_at=now,
                name="seeded",
                document=default_text().replace('name = "default"', f'name = "{digest[-1]}"'),
                author="system",
                note="",
            )
        )
    session.flush()
    for kind, digest in (("active", ACTS), ("shadow", IN_SHADOW)):
        session.add(
            ActivationRow(
                id=new_id("activation"),
                created_at=now,
                kind=kind,
                policy_digest=digest,
                actor="local",
                note="",
            )
        )
