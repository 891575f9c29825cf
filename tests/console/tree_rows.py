"""Conversation trees for the tests of their pages: mild, grown by a crowd."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random

from ostraka.access.person import Person
from ostraka.errors import ConflictError
from ostraka.storage.database import Database
from ostraka.trees.assignment import Assignment
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import ContributorStore
from ostraka.trees.offers import Offer
from ostraka.trees.selection import NoTaskError, TaskType
from ostraka.trees.store import TreeStore
from ostraka.trees.values import Activity

PROMPT = "How do I keep basil alive on a kitchen window that gets sun only in the morning?"
ANSWERS = (
    "Morning sun is enough for basil. Water it from below when the top of the soil is dry, turn "
    "the pot every few days, and pinch the tips so that it grows bushy instead of tall.",
    "Basil likes warmth more than light. Keep it away from cold glass at night and never let it "
    "stand in water.",
    "Put it outside.",
    "Most pots from shops hold twenty plants. Part them into three pots with fresh soil: each then "
    "has room, and none of them starves.",
)
QUESTIONS = (
    "And how often should I pinch the tips? I am afraid of taking too much.",
    "Which soil do you mean by fresh soil?",
    "It still wilts at noon. Is that bad?",
)
GOOD = {"spam": 0.0, "lang_mismatch": 0.0, "quality": 0.75, "helpfulness": 0.75}
SPAM = {"spam": 1.0, "lang_mismatch": 0.0, "quality": 0.0}


@dataclass
class Grove:
    """A database, and a crowd that works on its trees."""

    database: Database
    configuration: TreeConfiguration = field(default_factory=TreeConfiguration)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.store = TreeStore(self.database, self.configuration)
        self.assignment = Assignment(self.store)
        self.contributors = ContributorStore(self.database)
        self.random = Random(7)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def bot(self, number: int) -> str:
        """One of the crowd, by number."""
        name = f"crowd-{number}"
        return self.contributors.lookup("test", "local", name, f"Crowd {number}", self.now).id

    def person(self, person: Person) -> str:
        """Somebody who signs in, as a contributor."""
        return self.contributors.of_person(person, self.now).id

    def prompt(self, author: str, text: str = PROMPT, language: str = "en") -> str:
        """A new tree; its id."""
        return self.store.plant(text, author, language, self.now, self.random).id

    def do(self, who: str, kind: TaskType, language: str = "en", *, spam: bool = False) -> bool:
        """Let somebody do one task of a kind; False if there is none for them."""
        try:
            offer = self.assignment.request(who, kind, language, self.now, self.random)
        except (NoTaskError, ConflictError):
            return False
        self.finish(who, offer, spam=spam)
        return True

    def finish(self, who: str, offer: Offer, *, spam: bool = False) -> None:
        """Hand in what a task asks for."""
        if offer.labels:
            said = SPAM if spam else GOOD
            labels = {name: said.get(name, 0.0) for name in offer.labels}
            self.assignment.hand_in_labels(offer.id, labels, who, self.now)
        elif offer.replies:
            order = sorted(offer.replies, key=lambda each: -len(each.text))
            tiers = tuple((each.id,) for each in order)
            self.assignment.hand_in_ranking(offer.id, tiers, who, self.now)
        else:
            number = next(self.numbers)
            texts = ANSWERS if offer.kind is TaskType.ASSISTANT_REPLY else QUESTIONS
            text = texts[number % len(texts)]
            text = text if number < len(texts) else f"{text} ({number})"
            self.assignment.hand_in_text(offer.id, text, who, self.now, self.random)

    def review(self, tree_id: str, message_id: str, *, spam: bool = False, times: int = 3) -> None:
        """Let the crowd review one message."""
        said = SPAM if spam else {**SPAM, "spam": 0.0, "quality": 0.75}
        for number in range(900, 900 + times):
            who = self.bot(number)
            lease = self.store.take(tree_id, Activity.REVIEW, message_id, who, self.now)
            self.store.review(lease.id, said, who, self.now)

    def crowd(self, kinds: Iterable[TaskType], people: int = 4, rounds: int = 12) -> None:
        """Let the crowd work until nothing of these kinds is left for it."""
        wanted = tuple(kinds)
        for _ in range(rounds):
            done = [self.do(self.bot(who), kind) for who in range(people) for kind in wanted]
            if not any(done):
                return

    def grown(self, author: str, people: int = 6) -> str:
        """A tree that was reviewed, drawn, and grown to its goal; it is being ranked then."""
        tree_id = self.prompt(author)
        self.review(tree_id, tree_id)
        writing = (TaskType.ASSISTANT_REPLY, TaskType.PROMPTER_REPLY)
        reviewing = (TaskType.LABEL_ASSISTANT_REPLY, TaskType.LABEL_PROMPTER_REPLY)
        self.crowd((*writing, *reviewing), people, 40)
        return tree_id

    def ranked(self, author: str) -> str:
        """A tree that is finished."""
        tree_id = self.grown(author)
        for number in range(100, 104):
            while self.do(self.bot(number), TaskType.RANK_ASSISTANT_REPLIES):
                pass
        return tree_id
