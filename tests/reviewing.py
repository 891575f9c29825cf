"""What the tests of the queue share: items, cases and reviewers, in a database of their own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from ostraka.review.cases import CaseKind, Placement, open_case
from ostraka.review.decisions import decide
from ostraka.review.queue import ReviewQueue
from ostraka.review.tables import (
    AppealRow,
    AuthorRow,
    CaseRow,
    DecisionRow,
    DeliveryRow,
    ItemRow,
    StrikeRow,
    VerdictRow,
    WebhookRow,
)
from ostraka.review.terms import Reviewer, Ruling, Terms
from ostraka.review.undoing import Undone, undo
from ostraka.review.urgency import Pressure
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.taxonomy import Action, ViolationType
from ostraka.work.tables import WorkRow

TERMS = Terms(
    policy_digest="sha256:" + "0" * 64,
    weights={"warn": 0.5, "remove": 1.0, "ban_temporary": 2.0, "ban_permanent": 3.0},
    strikes_expire=timedelta(days=180),
)
APPROVE = Ruling(Action.APPROVE, ViolationType.NONE)
REMOVE = Ruling(Action.REMOVE, ViolationType.HARASSMENT, "Insults another person.")
BAN = Ruling(Action.BAN_TEMPORARY, ViolationType.SPAM, "The tenth advertisement today.")
ESCALATE = Ruling(Action.ESCALATE, ViolationType.NONE, "Not sure.")
ANNA = Reviewer("person_anna", "person")
BEN = Reviewer("person_ben", "person")
CARA = Reviewer("person_cara", "person")
AGENT = Reviewer("key_agent", "agent")
LEAD = Reviewer("person_lead", "person", lead=True)
OTHER_LEAD = Reviewer("person_other_lead", "person", lead=True)


def now() -> datetime:
    return datetime.now(UTC)


def add_item(database: Database, *, author: str | None = "author", action: str = "escalate") -> str:
    """An item with its verdict; the author is made when they write for the first time."""
    with database.writing() as session:
        author_id = None
        if author is not None:
            author_id = session.scalar(select(AuthorRow.id).where(AuthorRow.external_id == author))
            if author_id is None:
                author_id = new_id("author")
                session.add(
                    AuthorRow(
                        id=author_id,
                        created_at=now(),
                        external_id=author,
                        banned_permanently=False,
                    )
                )
                session.flush()
        item = ItemRow(
            id=new_id("item"),
            created_at=now(),
            fingerprint="0" * 64,
            text="Your garden gnome looks silly.",
            author_id=author_id,
            reach=10,
            details={},
            action=action,
            violation="none",
            verdict_id=new_id("verdict"),
            reports=0,
        )
        session.add(item)
        session.flush()
        session.add(
            VerdictRow(
                id=item.verdict_id,
                created_at=now(),
                item_id=item.id,
                policy_digest=TERMS.policy_digest,
                action=action,
                violation="none",
                severity="medium",
                rule="doubt",
                path=[],
                facts={},
                scores={"harassment": 0.5},
                stage="lexical",
                sure=False,
                model="m",
                versions={},
                reason="",
                why="In doubt.",
                shadow=False,
            )
        )
        return item.id


def add_case(
    database: Database,
    item_id: str | None = None,
    *,
    queue: str = "general",
    reviewers: int = 1,
    hours: float = 24.0,
    severity: str = "medium",
    kind: str = CaseKind.ITEM,
    **options: Any,
) -> str:
    item_id = item_id or add_item(database)
    pressure = Pressure(severity)
    placement = Placement(queue, timedelta(hours=hours), "In doubt.", pressure, reviewers)
    with database.writing() as session:
        item = session.get_one(ItemRow, item_id)
        case = open_case(
            session,
            item_id=item_id,
            verdict_id=item.verdict_id,
            kind=kind,
            placement=placement,
            now=options.pop("opened_at", None) or now(),
            **options,
        )
        return case.id


def add_appeal(database: Database, item_id: str, decision_id: str | None = None) -> str:
    """An author's appeal and its case; returns the case."""
    appeal_id = new_id("appeal")
    with database.writing() as session:
        item = session.get_one(ItemRow, item_id)
        appeal = AppealRow(
            id=appeal_id,
            created_at=now(),
            item_id=item_id,
            author_id=item.author_id,
            reason="It was a quotation.",
            state="open",
            appealed_action=item.action,
            decision_id=decision_id,
        )
        session.add(appeal)
    return add_case(database, item_id, kind=CaseKind.APPEAL, appeal_id=appeal_id)


def add_webhook(database: Database, *events: str) -> str:
    with database.writing() as session:
        webhook = WebhookRow(
            id=new_id("webhook"),
            created_at=now(),
            url="https://example.com/hook",
            description="",
            secret="whsec_" + "A" * 32,
            events=list(events),
            failures=0,
        )
        session.add(webhook)
        return webhook.id


def queue_of(database: Database, seconds: float = 600.0) -> ReviewQueue:
    return ReviewQueue(database, now, seconds)


def settle(
    database: Database,
    case_id: str,
    reviewer: Reviewer,
    ruling: Ruling = APPROVE,
    terms: Terms = TERMS,
    key: str | None = None,
) -> str:
    """Decide a case that the reviewer holds; returns the decision's id."""
    with database.writing() as session:
        return decide(session, case_id, reviewer, ruling, terms, now(), key).id


def claim_and_settle(
    database: Database, reviewer: Reviewer, ruling: Ruling = APPROVE, terms: Terms = TERMS
) -> str:
    claimed = queue_of(database).claim(reviewer)
    assert claimed is not None
    return settle(database, claimed.case_id, reviewer, ruling, terms)


def case(database: Database, case_id: str) -> CaseRow:
    with database.reading() as session:
        return session.get_one(CaseRow, case_id)


def cases(database: Database, **wanted: str) -> list[CaseRow]:
    with database.reading() as session:
        return list(session.scalars(select(CaseRow).filter_by(**wanted).order_by(CaseRow.id)))


def item(database: Database, item_id: str) -> ItemRow:
    with database.reading() as session:
        return session.get_one(ItemRow, item_id)


def decision(database: Database, decision_id: str) -> DecisionRow:
    with database.reading() as session:
        return session.get_one(DecisionRow, decision_id)


def author(database: Database, name: str = "author") -> AuthorRow:
    with database.reading() as session:
        return session.scalars(select(AuthorRow).where(AuthorRow.external_id == name)).one()


def strikes(database: Database) -> list[StrikeRow]:
    """The strikes that stand."""
    with database.reading() as session:
        wanted = select(StrikeRow).where(StrikeRow.revoked_at.is_(None)).order_by(StrikeRow.id)
        return list(session.scalars(wanted))


def work_of(database: Database, case_id: str) -> list[WorkRow]:
    with database.reading() as session:
        wanted = select(WorkRow).where(WorkRow.subject == case_id).order_by(WorkRow.id)
        return list(session.scalars(wanted))


def expire(database: Database, case_id: str) -> None:
    """Let claims on a case run out, as time would."""
    with database.writing() as session:
        session.execute(
            update(WorkRow)
            .where(WorkRow.subject == case_id, WorkRow.state == "leased")
            .values(lease_until=now() - timedelta(minutes=1))
        )


def take_back(
    database: Database, decision_id: str, by: Reviewer = ANNA, at: datetime | None = None
) -> Undone:
    with database.writing() as session:
        session.expire_on_commit = False
        return undo(session, decision_id, by, at or now(), seconds=600.0)


def deliveries(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        rows = session.execute(select(DeliveryRow).order_by(DeliveryRow.id)).scalars()
        return [(row.event, row.state) for row in rows]
