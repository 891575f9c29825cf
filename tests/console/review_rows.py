"""Items, cases and people for the tests of the reviewers' pages: mild, made by the real rooms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ostraka.access.people import add_person
from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.access.sessions import begin_session
from ostraka.moderator import Verdict
from ostraka.review.appeals import appeal
from ostraka.review.items import ItemStore, find_item
from ostraka.review.new_items import NewItem
from ostraka.review.policies import PolicyStore
from ostraka.review.reports import report
from ostraka.review.submission import Submission
from ostraka.storage.database import Database
from ostraka.taxonomy import Category

SAFE = dict.fromkeys(
    (Category.HARASSMENT, Category.HATE, Category.SPAM, Category.VIOLENCE, Category.TOXICITY), 0.02
)
DOUBTFUL = {Category.HARASSMENT: 0.81}
CLEAR = {Category.HARASSMENT: 0.97}
GRAVE = {Category.HATE: 0.7}
CRISIS = {Category.SELF_HARM_INTENT: 0.58}
MODEL = "ostraka-cascade@sha256:" + "0" * 64

LINES = (
    "You call that an argument? Go back to school, you silly idiot.",
    "Nobody asked you. Take your nonsense and leave this group.",
    "People like you are why this forum is such a mess.",
    "Honestly, what a stupid question. Read the rules first.",
    "Shut up already, we have all heard enough from you.",
)


@dataclass
class Seeds:
    """A database, and those who put things into it."""

    database: Database
    policies: PolicyStore = field(default_factory=PolicyStore)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def items(
        self,
        *items: NewItem,
        scores: Mapping[Category, float] = DOUBTFUL,
        age: timedelta | None = None,
    ) -> list[dict[str, Any]]:
        """Submit items as a caller does; what each was answered."""
        verdicts = [_verdict(scores) for _ in items]
        store = ItemStore(self.database, self.policies)
        moment = self.now - (age or timedelta())
        [taken] = store.submit([Submission(items, verdicts, "local", False)], moment)
        answers: list[dict[str, Any]] = taken.answer["data"]  # type: ignore[union-attr]
        return answers

    def report(self, external_id: str, reporter: str, violation: str, note: str) -> None:
        """Report an item."""
        with self.database.writing() as session:
            item = find_item(session, None, external_id, lock=True)
            policy = self.policies.active(session)
            report(session, item, reporter, violation, note, "local", policy, self.now)

    def appeal(self, external_id: str, reason: str) -> str:
        """Appeal against what was done to an item; the id of the case."""
        with self.database.writing() as session:
            item = find_item(session, None, external_id, lock=True)
            policy = self.policies.active(session)
            _, case = appeal(session, item, None, reason, "local", policy, self.now)
            return case.id

    def person(self, name: str, role: Role) -> tuple[Person, dict[str, str]]:
        """Somebody, and the cookie of a browser that they are signed in with."""
        with self.database.writing() as session:
            who = add_person(session, name, role, self.now)
            token = begin_session(session, who.id, "test", self.now, timedelta(days=1))
        return who, {"name": "ostraka_session", "value": token}


def doubtful_items(count: int, start: int = 0, **more: Any) -> Sequence[NewItem]:
    """Items that the policy is unsure of, in threads of five."""
    return [
        NewItem(
            text=f"{LINES[number % len(LINES)]} ({number})",
            external_id=f"post-{number}",
            author=f"author-{number % 7}",
            thread_id=f"thread-{number // 5}",
            parent_id=f"post-{number // 5 * 5}" if number % 5 else None,
            language="en",
            source="forum",
            reach=10 ** (number % 5),
            **more,
        )
        for number in range(start, start + count)
    ]


def _verdict(scores: Mapping[Category, float]) -> Verdict:
    every = {**SAFE, **scores}
    return Verdict(
        scores=every,
        flags={name: score >= 0.5 for name, score in every.items()},
        stage="encoder",
        sure=scores is CLEAR,
        model=MODEL,
        versions={"encoder": "0" * 64},
    )
