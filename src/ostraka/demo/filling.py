"""Fill an empty database with a living system: people, policies, items, cases and decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ostraka.access.keys import Scope
from ostraka.access.links import make_link
from ostraka.access.people import add_person
from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.access.store import create_key, revoke_key
from ostraka.demo.aftermath import look_in_shadow, replay_draft
from ostraka.demo.content import load_content
from ostraka.demo.policies import calmer_text, community_text, surer_text
from ostraka.demo.reviewers import TEAM, Member
from ostraka.demo.shifts import Shift
from ostraka.demo.simulation import DAYS, Simulation
from ostraka.moderator import Moderator
from ostraka.policy.document import parse_policy
from ostraka.review.events import EVENTS
from ostraka.review.policies import PolicyStore
from ostraka.review.tables import AppealRow, CaseRow, DecisionRow, ItemRow, ReportRow
from ostraka.review.terms import Reviewer
from ostraka.review.webhook_store import WebhookChange, add_webhook, change_webhook
from ostraka.storage import audit
from ostraka.storage.database import Database

SEED: Final = 7
LINK_LIFETIME: Final = timedelta(days=7)
PLATFORM: Final = "the demo's platform"
"""The API key that sends items, reports and appeals."""
_ATTENDANCE: Final = {Role.REVIEWER: 0.55, Role.LEAD: 0.3}
_COUNTED: Final = {
    "items": ItemRow,
    "reports": ReportRow,
    "cases": CaseRow,
    "decisions": DecisionRow,
    "appeals": AppealRow,
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody of the demo, and the token of the link that signs them in."""

    person: Person
    token: str


@dataclass(frozen=True, slots=True)
class Filled:
    """What the demo came to."""

    sign_ins: Sequence[SignIn]
    counts: dict[str, int]
    audit_entries: int


def fill(database: Database, moderator: Moderator, now: datetime, seed: int = SEED) -> Filled:
    """Play two weeks that end at `now`.

    What is written, reported and done when follows from the seed; ids, pseudonyms and links are
    as random as ever, and with them which cases are drawn for a second review.
    """
    began = now - timedelta(days=DAYS, hours=1)
    people = _add_people(database, began)
    threads = load_content()
    texts = [item.text for thread in threads for item in thread.items]
    verdicts = dict(zip(texts, moderator.moderate_many(texts), strict=True))
    policies = PolicyStore()
    with database.writing() as session:
        key, _ = create_key(session, PLATFORM, [Scope.MODERATE], began)
    simulation = Simulation(database, policies, verdicts, key.id, now, seed)
    _plan_policies(simulation, policies, people, began, now)
    simulation.plan(threads, [_shift(member, people[member.name]) for member in _deciding()])
    simulation.run()
    look_in_shadow(database, moderator)
    owner = _one(people, Role.POLICY_OWNER)
    draft = parse_policy(surer_text()).digest
    replay_draft(database, policies, draft, owner, now - timedelta(minutes=3))
    with database.writing() as session:
        revoke_key(session, key.id, now)  # nobody was told its secret
        sign_ins = [_sign_in(session, person, now) for person in people.values()]
        counts = {
            name: session.scalars(select(func.count()).select_from(table)).one()
            for name, table in _COUNTED.items()
        }
    with database.reading() as session:
        return Filled(sign_ins, counts, audit.verify(session).entries)


def _one(people: dict[str, Person], role: Role) -> str:
    return next(each.id for each in people.values() if each.role is role)


def _deciding() -> list[Member]:
    return [member for member in TEAM if member.decides]


def _add_people(database: Database, began: datetime) -> dict[str, Person]:
    with database.writing() as session:
        people = {each.name: add_person(session, each.name, each.role, began) for each in TEAM}
    return people


def _shift(member: Member, person: Person) -> Shift:
    reviewer = Reviewer(person.id, "person", lead=member.leads)
    return Shift(member, reviewer, _ATTENDANCE[member.role], ends_early=5 if member.leads else 2)


def _plan_policies(
    simulation: Simulation,
    policies: PolicyStore,
    people: dict[str, Person],
    began: datetime,
    now: datetime,
) -> None:
    owner, admin = _one(people, Role.POLICY_OWNER), _one(people, Role.ADMIN)

    def activate(session: Session, then: datetime) -> None:
        policies.keep_default(session, then)
        note = "The default, with more second reviews and golden cases."
        row = policies.add(session, community_text(), owner, note, then)
        policies.activate(session, row.digest, owner, "Agreed in the first meeting.", then)

    def shadow(session: Session, then: datetime) -> None:
        note = "Leaves more rudeness alone; to be compared on live traffic."
        row = policies.add(session, calmer_text(), owner, note, then)
        policies.start_shadow(session, row.digest, owner, "For two weeks.", then)

    def draft(session: Session, then: datetime) -> None:
        note = "Spam goes sooner; rudeness is looked at earlier, mere doubt no longer."
        policies.add(session, surer_text(), owner, note, then)

    def webhook(session: Session, then: datetime) -> None:
        row, _ = add_webhook(
            session,
            "https://example.com/moderation",
            EVENTS,
            "The demo's receiver; it is off",
            private=False,
            actor=admin,
            now=then,
        )
        off = WebhookChange(enabled=False)
        change_webhook(session, row.id, off, private=False, actor=admin, now=then)

    simulation.act(began, webhook)
    simulation.act(began + timedelta(minutes=10), activate)
    simulation.act(now - timedelta(days=9), shadow)
    simulation.act(now - timedelta(hours=20), draft)


def _sign_in(session: Session, person: Person, now: datetime) -> SignIn:
    _, token, _ = make_link(session, person.id, now, LINK_LIFETIME)
    return SignIn(person, token)
