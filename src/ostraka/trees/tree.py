"""A conversation tree as one value, and what follows from its messages, votes and leases."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from ostraka.trees.states import State
from ostraka.trees.values import Activity, Limits, Message, RankingVote, Role, TreeLease


@dataclass(frozen=True)
class Tree:
    """A tree, whole. Not slotted, since what follows from it is worked out once and kept."""

    id: str
    language: str
    limits: Limits
    messages: Mapping[str, Message]
    """By id; parents come before their replies."""
    state: State = State.INITIAL_PROMPT_REVIEW
    votes: tuple[RankingVote, ...] = ()
    leases: tuple[TreeLease, ...] = ()
    """Those that are open: the store leaves out what has expired."""
    halted_from: State | None = None
    """Where a halted tree goes back to."""
    lottery_won_at: datetime | None = None
    forgiven_rejections: int = 0
    """Rejected replies that a moderator has let pass."""
    origin: str | None = None

    @property
    def root(self) -> Message:
        """The prompt."""
        return self.messages[self.id]

    @property
    def reviewable(self) -> bool:
        """Whether messages of a tree in this state are reviewed."""
        return self.state in (State.INITIAL_PROMPT_REVIEW, State.GROWING)

    @cached_property
    def children(self) -> Mapping[str, tuple[Message, ...]]:
        """The replies to each message, deleted ones too."""
        found: dict[str, list[Message]] = {}
        for message in self.messages.values():
            if message.parent_id is not None:
                found.setdefault(message.parent_id, []).append(message)
        return {parent: tuple(replies) for parent, replies in found.items()}

    @cached_property
    def standing(self) -> frozenset[str]:
        """Messages that count: accepted, not deleted, and so is everything above them."""
        found: set[str] = set()
        for message in self.messages.values():
            on_firm_ground = message.parent_id is None or message.parent_id in found
            if on_firm_ground and message.accepted and not message.deleted and not message.late:
                found.add(message.id)
        return frozenset(found)

    @cached_property
    def awaiting_review(self) -> tuple[Message, ...]:
        """Messages without a decision that could still come to count."""
        return tuple(
            message
            for message in self.messages.values()
            if message.decision is None
            and not message.deleted
            and not message.late
            and (message.parent_id is None or message.parent_id in self.standing)
        )

    @cached_property
    def counting(self) -> frozenset[str]:
        """Messages that count or may come to count."""
        return self.standing | {message.id for message in self.awaiting_review}

    @property
    def rejected_replies(self) -> int:
        """Rejected replies that no moderator has let pass."""
        rejected = sum(m.rejected and m.parent_id is not None for m in self.messages.values())
        return max(0, rejected - self.forgiven_rejections)

    @property
    def size(self) -> int:
        """Messages that count or may come to count, and replies that are being written."""
        return len(self.counting) + self.open(Activity.REPLY)

    @property
    def remaining(self) -> int:
        """How many more replies there is room for."""
        return max(0, self.limits.goal_tree_size - self.size)

    def open(self, activity: Activity, message_id: str | None = None) -> int:
        """How many leases are held for an activity, on one message or on any."""
        return sum(
            lease.activity is activity and message_id in (None, lease.message_id)
            for lease in self.leases
        )

    def active_children(self, parent_id: str) -> list[Message]:
        """Replies that count or may come to count; a rejected or deleted one frees its place."""
        return [reply for reply in self.children.get(parent_id, ()) if reply.id in self.counting]

    def room_below(self, parent: Message) -> int:
        """How many more replies a message can take, those that are being written left out."""
        if parent.id not in self.standing or parent.depth >= self.limits.max_depth:
            return 0
        most = self.limits.max_children_count
        if parent.role is Role.ASSISTANT:
            most = min(most, self.limits.num_prompter_replies)
        taken = len(self.active_children(parent.id)) + self.open(Activity.REPLY, parent.id)
        return max(0, most - taken)

    @cached_property
    def has_room(self) -> bool:
        """Whether any message can take a reply."""
        return any(self.room_below(message) for message in self.messages.values())

    def lease_of(self, activity: Activity, message_id: str, contributor: str) -> TreeLease | None:
        """The lease that somebody holds for this."""
        return next(
            (
                lease
                for lease in self.leases
                if lease.activity is activity
                and lease.message_id == message_id
                and lease.contributor == contributor
            ),
            None,
        )

    def candidates(self, parent_id: str) -> tuple[Message, ...]:
        """Replies that count, to be ranked."""
        return tuple(r for r in self.children.get(parent_id, ()) if r.id in self.standing)

    def rankable_parents(self, prompter_replies: bool) -> Iterator[Message]:
        """Messages with two replies or more to rank; prompters' replies only where asked for."""
        for message in self.messages.values():
            if message.id not in self.standing:
                continue
            if message.role is Role.ASSISTANT and not prompter_replies:
                continue
            if len(self.candidates(message.id)) > 1:
                yield message

    def complete_votes(self, parent_id: str) -> tuple[RankingVote, ...]:
        """The newest vote of each contributor that speaks of every present candidate.

        The one measure of whether a message is ranked enough, when work is offered and when the
        tree moves on.
        """
        present = {candidate.id for candidate in self.candidates(parent_id)}
        newest = {vote.contributor: vote for vote in self.votes if vote.parent_id == parent_id}
        return tuple(
            vote
            for vote in newest.values()
            if present <= {name for tier in vote.tiers for name in tier}
        )

    def path(self, message_id: str) -> tuple[Message, ...]:
        """The conversation from the prompt to a message."""
        found: list[Message] = []
        step: str | None = message_id
        while step is not None:
            found.append(self.messages[step])
            step = self.messages[step].parent_id
        return tuple(reversed(found))

    def below(self, message_id: str) -> tuple[str, ...]:
        """A message and everything under it."""
        found = [message_id]
        for each in found:
            found.extend(reply.id for reply in self.children.get(each, ()))
        return tuple(found)

    def with_messages(self, *changed: Message) -> "Tree":
        """With messages put in or changed."""
        return replace(self, messages={**self.messages, **{each.id: each for each in changed}})
