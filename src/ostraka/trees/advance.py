"""Move a tree as far as it goes: the one function that runs after every act.

It takes the decisions that are due, lets contributors' marks take effect, and follows the table of
transitions until none applies. A tree that was advanced stands at its fixpoint, so there is nothing
for a restart or a sweeper to repair.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ostraka.errors import ConflictError
from ostraka.trees.acceptance import decided
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.scoring import is_ranked_enough, is_scorable, with_ranks
from ostraka.trees.states import CLOSED, Event, Guard, State, Transition, transitions_from
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, SKIP_REPLY, Activity, Message

Holds = Callable[[Tree, TreeConfiguration], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One transition that was taken, for the log."""

    source: State
    event: Event
    guard: Guard
    target: State


@dataclass(frozen=True, slots=True)
class Advanced:
    """A tree at its fixpoint, and how it came there."""

    tree: Tree
    steps: tuple[Step, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it came out of its working states; being drawn or accepted is no end."""
        return any(step.target in (*CLOSED, State.READY_FOR_EXPORT) for step in self.steps)


def advance(tree: Tree, configuration: TreeConfiguration) -> Advanced:
    """Everything that follows by itself from what a tree holds."""
    steps: list[Step] = []
    while True:
        tree = _settled(tree, configuration)
        transition = _applying(tree, Event.CHECK, configuration)
        if transition is None:
            return Advanced(tree, tuple(steps))
        tree, step = _taken(tree, transition, configuration)
        steps.append(step)


def happen(tree: Tree, event: Event, configuration: TreeConfiguration, now: datetime) -> Advanced:
    """What an event leads to, and everything that follows from it.

    What is so already stays so: halting a halted tree, resuming one that is at work, and
    reconsidering one that is not settled change nothing.

    Raises:
        ConflictError: a tree in this state cannot do that; the message says why.
    """
    found = transitions_from(tree.state, event)
    if not found and _is_so_already(tree, event):
        return advance(tree, configuration)
    transition = _applying(tree, event, configuration)
    if transition is None and event is Event.RECONSIDER:
        return advance(tree, configuration)
    if transition is None:
        raise ConflictError(_why_not(tree.state, event, found), code="tree_state")
    if event is Event.DRAW:
        tree = replace(tree, lottery_won_at=tree.lottery_won_at or now)
    if event in (Event.REOPEN, Event.RESUME):
        tree = _forgiven(tree)
    moved, step = _taken(tree, transition, configuration)
    after = advance(moved, configuration)
    return Advanced(after.tree, (step, *after.steps))


def _is_so_already(tree: Tree, event: Event) -> bool:
    match event:
        case Event.HALT:
            return tree.state is State.HALTED_BY_MODERATOR
        case Event.RESUME:
            return tree.state not in CLOSED
        case Event.CHECK | Event.RECONSIDER:
            return True
        case _:
            return False


def _why_not(state: State, event: Event, found: tuple[Transition, ...]) -> str:
    words = event.replace("_", " ")
    if not found:
        return f"The tree is in {state}; it cannot {words} there."
    needed = " or ".join(f"'{transition.guard}'" for transition in found)
    return f"The tree is in {state}; to {words}, it must hold that {needed}."


def _applying(tree: Tree, event: Event, configuration: TreeConfiguration) -> Transition | None:
    return next(
        (
            transition
            for transition in transitions_from(tree.state, event)
            if GUARDS[transition.guard](tree, configuration)
        ),
        None,
    )


def _taken(
    tree: Tree, transition: Transition, configuration: TreeConfiguration
) -> tuple[Tree, Step]:
    target = transition.target or tree.halted_from or State.INITIAL_PROMPT_REVIEW
    halted_from = tree.state if target is State.HALTED_BY_MODERATOR else None
    leases = () if target in CLOSED else tree.leases
    if target is State.READY_FOR_EXPORT and transition.guard is Guard.SCORABLE:
        tree = with_ranks(tree, configuration)
    moved = replace(tree, state=target, halted_from=halted_from, leases=leases)
    return moved, Step(transition.source, transition.event, transition.guard, target)


def _settled(tree: Tree, configuration: TreeConfiguration) -> Tree:
    """With decisions taken and flagged replies deleted, until neither is due, and their leases."""
    while True:
        due = []
        if tree.reviewable:
            due = [
                after
                for before in tree.awaiting_review
                if (after := decided(before, configuration)).decision is not None
            ]
        if configuration.auto_mod_enabled and tree.state not in CLOSED:
            due += [replace(m, deleted=True) for m in _flagged(tree, configuration)]
        if not due:
            return _without_lost_leases(tree)
        tree = tree.with_messages(*due)


def _without_lost_leases(tree: Tree) -> Tree:
    """Nobody is waited for at a message that is deleted: what they send would be refused."""
    kept = tuple(
        lease
        for lease in tree.leases
        if not any(above.deleted for above in tree.path(lease.message_id))
    )
    return tree if kept == tree.leases else replace(tree, leases=kept)


def _flagged(tree: Tree, configuration: TreeConfiguration) -> list[Message]:
    found: dict[str, None] = {}
    for message in tree.messages.values():
        if message.parent_id is None or message.deleted:
            continue
        if message.open_marks(RED_FLAG) >= configuration.auto_mod_red_flags:
            found.update(dict.fromkeys(tree.below(message.id)))
    return [tree.messages[each] for each in found if not tree.messages[each].deleted]


def _forgiven(tree: Tree) -> Tree:
    """A moderator has looked: what stopped the tree before does not count a second time."""
    changed = []
    for message in tree.messages.values():
        counts = {code: 0 for code in (RED_FLAG, SKIP_REPLY)}
        for mark in message.marks:
            if mark.code in counts:
                counts[mark.code] += 1
        forgiven = {**message.forgiven, **{code: n for code, n in counts.items() if n}}
        if forgiven != dict(message.forgiven):
            changed.append(replace(message, forgiven=forgiven))
    tree = tree.with_messages(*changed)
    if tree.state is State.ABORTED_LOW_GRADE:
        tree = replace(tree, forgiven_rejections=tree.forgiven_rejections + tree.rejected_replies)
        if tree.root.rejected:
            tree = tree.with_messages(replace(tree.root, decision=None, round=tree.root.round + 1))
    return tree


def _prompt_flagged(tree: Tree, configuration: TreeConfiguration) -> bool:
    flags = tree.root.open_marks(RED_FLAG)
    return configuration.auto_mod_enabled and flags >= configuration.auto_mod_red_flags


def _skipped_too_often(tree: Tree, configuration: TreeConfiguration) -> bool:
    return configuration.auto_mod_enabled and any(
        message.open_marks(SKIP_REPLY) >= configuration.auto_mod_max_skip_reply
        for message in tree.messages.values()
        if not message.deleted and not message.rejected
    )


def _too_many_rejected(tree: Tree, configuration: TreeConfiguration) -> bool:
    limit = configuration.max_rejected_replies
    return 0 < limit <= tree.rejected_replies


def _grown_up(tree: Tree, configuration: TreeConfiguration) -> bool:
    if tree.awaiting_review or tree.open(Activity.REPLY):
        return False
    return len(tree.standing) >= tree.limits.goal_tree_size or not tree.has_room


def _nothing_to_rank(tree: Tree, configuration: TreeConfiguration) -> bool:
    return not any(tree.rankable_parents(configuration.rank_prompter_replies))


GUARDS: Final[Mapping[Guard, Holds]] = {
    Guard.ALWAYS: lambda tree, configuration: True,
    Guard.PROMPT_DELETED: lambda tree, configuration: tree.root.deleted,
    Guard.PROMPT_THERE: lambda tree, configuration: not tree.root.deleted,
    Guard.PROMPT_FLAGGED: _prompt_flagged,
    Guard.PROMPT_REJECTED: lambda tree, configuration: tree.root.rejected,
    Guard.PROMPT_ACCEPTED: lambda tree, configuration: tree.root.accepted,
    Guard.PROMPT_UNDECIDED: lambda tree, configuration: tree.root.decision is None,
    Guard.SKIPPED_TOO_OFTEN: _skipped_too_often,
    Guard.TOO_MANY_REJECTED: _too_many_rejected,
    Guard.REVIEW_MISSING: lambda tree, configuration: bool(tree.awaiting_review),
    Guard.GROWN_UP: _grown_up,
    Guard.NOT_GROWN_UP: lambda tree, configuration: not _grown_up(tree, configuration),
    Guard.NOTHING_TO_RANK: _nothing_to_rank,
    Guard.RANKED: is_ranked_enough,
    Guard.SCORABLE: is_scorable,
    Guard.NOT_SCORABLE: lambda tree, configuration: not is_scorable(tree, configuration),
    # Whoever asks has counted the other trees: one tree cannot know of them.
    Guard.LANGUAGE_FULL: lambda tree, configuration: True,
    Guard.HAD_GROWN: lambda tree, configuration: (
        not tree.root.deleted and (tree.lottery_won_at is not None or len(tree.messages) > 1)
    ),
}
"""What each guard of the table looks at."""
