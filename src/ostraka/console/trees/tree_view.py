"""A tree as a moderator sees it: messages with their reviews, rankings and marks, and the log."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.access.person import Person
from ostraka.console.trees.names import TreeNames, tree_names
from ostraka.console.trees.words import EVENT_BUTTONS, ROUTINE, Words
from ostraka.review.tables import ItemRow
from ostraka.trees import agreement
from ostraka.trees.acceptance import acceptance, required_reviews
from ostraka.trees.background_tables import TreeNearDuplicateRow
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.editing import revisions
from ostraka.trees.loading import load
from ostraka.trees.moderation import items_of
from ostraka.trees.ranking import Ballot, Consensus
from ostraka.trees.scoring import outcome
from ostraka.trees.states import Event, transitions_from
from ostraka.trees.tables import TreeEventRow, TreeLabelRow, TreeRevisionRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, Message, RankingVote, Review

MOST_EVENTS: Final = 200
HIDDEN_ACTS: Final = ("taken",)
"""Acts that every task makes, and that say nothing to a moderator."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One ranking: who, and the places that they gave, by the numbers of the replies."""

    contributor: str
    tiers: Sequence[Sequence[str]]
    not_rankable: bool
    agreement: float | None
    counts: bool
    """Whether it speaks of all the replies that are there now."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What came of the rankings of the replies to one message."""

    consensus: Consensus
    order: Sequence[str]
    ties: Sequence[Sequence[str]]
    votes: Sequence[Vote]
    needed: int
    agreement: float | None

    @property
    def given(self) -> int:
        """Rankings that count."""
        return sum(vote.counts for vote in self.votes)


@dataclass(frozen=True, slots=True)
class Node:
    """One message, and what is below it."""

    number: str
    message: Message
    state: Words
    needed: int
    score: float | None
    """The acceptance so far."""
    marks: Mapping[str, int]
    flags: int
    """Red flags that no moderator has let pass."""
    below: int
    """Messages below it that are not deleted."""
    leases: Sequence[tuple[str, str]]
    """Who works on it: the activity, and the contributor."""
    ranking: Ranking | None
    item: ItemRow | None
    """What moderation made of its present text; None while nobody has judged it."""
    reports: Sequence[TreeLabelRow]
    """Why contributors reported it."""
    revisions: Sequence[TreeRevisionRow]
    """The texts that it had, the original first; none where it was never edited."""
    replies: Sequence["Node"]

    @property
    def reviews(self) -> Sequence[Review]:
        """Everything that reviewers said, earlier rounds too."""
        return self.message.reviews

    @property
    def is_erased(self) -> bool:
        """Whether its text went with its author."""
        return self.message.author is None and not self.message.text


@dataclass(frozen=True, slots=True)
class TreeView:
    """Everything on the page of one tree."""

    tree: Tree
    root: Node
    accepted: int
    in_review: int
    events: Sequence[TreeEventRow]
    more_events: bool
    may: Sequence[Event]
    """What can be asked of it in its state."""
    earlier_texts: Sequence[str]
    duplicate: TreeNearDuplicateRow | None
    """The earlier prompt that its own says nearly the same as."""
    names: TreeNames

    @property
    def notable(self) -> Sequence[TreeEventRow]:
        """What happened besides the daily work of contributors."""
        return [event for event in self.events if event.act not in ROUTINE]

    @property
    def texts(self) -> list[str | None]:
        """Every text of others that the page shows."""
        return [*(message.text for message in self.tree.messages.values()), *self.earlier_texts]


def tree_view(
    session: Session, tree_id: str, configuration: TreeConfiguration, reader: Person | None
) -> TreeView:
    """A tree by its id.

    Raises:
        NotFoundError: there is none.
    """
    tree = load(session, tree_id)
    logged = session.scalars(
        select(TreeEventRow)
        .where(TreeEventRow.tree_id == tree_id, TreeEventRow.act.not_in(HIDDEN_ACTS))
        .order_by(TreeEventRow.id.desc())
        .limit(MOST_EVENTS + 1)
    ).all()
    events = logged[:MOST_EVENTS]
    said_of = _said_of(session, tree)
    return TreeView(
        tree=tree,
        root=_Numbered(tree, configuration, said_of).node(tree.root, "1"),
        accepted=len(tree.standing),
        in_review=len(tree.awaiting_review),
        events=events,
        more_events=len(logged) > MOST_EVENTS,
        may=[event for event in EVENT_BUTTONS if transitions_from(tree.state, event)],
        earlier_texts=[each.text for texts in said_of.revisions.values() for each in texts],
        duplicate=session.get(TreeNearDuplicateRow, tree.id),
        names=tree_names(session, [*_people_in(tree, said_of), *(e.actor for e in events)], reader),
    )


@dataclass(frozen=True, slots=True)
class _SaidOf:
    """What is kept of messages outside of the tree's own rows, by message."""

    items: Mapping[str, ItemRow]
    reports: Mapping[str, Sequence[TreeLabelRow]]
    revisions: Mapping[str, Sequence[TreeRevisionRow]]


def _said_of(session: Session, tree: Tree) -> _SaidOf:
    ids = list(tree.messages)
    wanted = select(TreeLabelRow).where(
        TreeLabelRow.message_id.in_(ids), TreeLabelRow.is_report.is_(True)
    )
    reports: defaultdict[str, list[TreeLabelRow]] = defaultdict(list)
    for report in session.scalars(wanted.order_by(TreeLabelRow.id)):
        reports[report.message_id or ""].append(report)
    revised = [message.id for message in tree.messages.values() if message.edited]
    return _SaidOf(
        items=items_of(session, tree),
        reports=reports,
        revisions={each: revisions(session, each) for each in revised},
    )


def _people_in(tree: Tree, said_of: _SaidOf) -> Iterator[str | None]:
    for message in tree.messages.values():
        yield message.author
        yield from (review.contributor for review in message.reviews)
    yield from (vote.contributor for vote in tree.votes)
    yield from (lease.contributor for lease in tree.leases)
    for reports in said_of.reports.values():
        yield from (report.contributor for report in reports)
    for texts in said_of.revisions.values():
        yield from (text.editor for text in texts)


class _Numbered:
    """Nodes of one tree, each with a number such as 1.2.1 that rankings refer to."""

    def __init__(self, tree: Tree, configuration: TreeConfiguration, said_of: _SaidOf) -> None:
        self._tree = tree
        self._said_of = said_of
        self._configuration = configuration
        self._ranked = {
            each.id for each in tree.rankable_parents(configuration.rank_prompter_replies)
        }

    def node(self, message: Message, number: str) -> Node:
        tree = self._tree
        children = tree.children.get(message.id, ())
        numbers = {each.id: f"{number}.{place}" for place, each in enumerate(children, start=1)}
        reviews = message.counted_reviews
        return Node(
            number=number,
            message=message,
            state=message_state(tree, message, self._configuration),
            needed=required_reviews(message, self._configuration),
            score=acceptance(reviews) if reviews else None,
            marks=Counter(mark.code for mark in message.marks),
            flags=max(0, message.open_marks(RED_FLAG)),
            below=sum(not tree.messages[each].deleted for each in tree.below(message.id)) - 1,
            leases=[
                (lease.activity, lease.contributor)
                for lease in tree.leases
                if lease.message_id == message.id
            ],
            ranking=self._ranking(message.id, numbers),
            item=self._said_of.items.get(message.id),
            reports=self._said_of.reports.get(message.id, ()),
            revisions=self._said_of.revisions.get(message.id, ()),
            replies=[self.node(each, numbers[each.id]) for each in children],
        )

    def _ranking(self, parent_id: str, numbers: Mapping[str, str]) -> Ranking | None:
        votes = [vote for vote in self._tree.votes if vote.parent_id == parent_id]
        if not votes and parent_id not in self._ranked:
            return None
        found = outcome(self._tree, parent_id)
        counted = self._tree.complete_votes(parent_id)
        ballots = [Ballot(vote.tiers, vote.not_rankable) for vote in counted]
        return Ranking(
            consensus=found,
            order=[numbers[name] for name in found.order],
            ties=sorted(sorted(numbers[name] for name in pair) for pair in found.ties),
            votes=[_vote(vote, found, numbers, vote in counted) for vote in votes],
            needed=self._configuration.num_required_rankings,
            agreement=agreement.among(ballots, found),
        )


def _vote(vote: RankingVote, found: Consensus, numbers: Mapping[str, str], counts: bool) -> Vote:
    tiers = [[numbers[name] for name in tier if name in numbers] for tier in vote.tiers]
    ballot = Ballot(vote.tiers, vote.not_rankable)
    agreed = agreement.with_consensus(ballot, found).value if counts else None
    return Vote(vote.contributor, tiers, vote.not_rankable, agreed, counts)


def message_state(tree: Tree, message: Message, configuration: TreeConfiguration) -> Words:
    """What became of a message, as a chip for moderators."""
    if message.deleted:
        return Words("Deleted", "remove", "remove")
    if message.late:
        return Words("Too late", "warn", "clock")
    decision = message.decision
    if decision is None:
        given, needed = len(message.counted_reviews), required_reviews(message, configuration)
        return Words(f"{given} of {needed} reviews", "", "eye")
    by = {"moderator": " by a moderator", "import": " by import"}.get(decision.by, "")
    if not decision.accepted:
        return Words(f"Rejected{by}", "remove", "stop")
    if message.id not in tree.standing:
        return Words("Accepted, does not count", "warn", "warning")
    return Words(f"Accepted{by}", "approve", "check")


def detail_words(detail: Mapping[str, Any]) -> str:
    """The detail of an entry of the log on one line, without ids that say nothing."""
    if "from" in detail and "to" in detail:
        return str(detail.get("why") or "")
    shown = {name: value for name, value in detail.items() if name not in ("task", "message")}
    return ", ".join(f"{name}: {value}" for name, value in shown.items() if value not in (None, ""))
