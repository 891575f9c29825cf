"""Trees under any order of acts: what is offered is accepted, and none is ever stuck."""

from dataclasses import replace
from random import Random

from growing import (
    HOUR,
    NOW,
    activity_of,
    do,
    finish,
    lease,
    next_task,
    seedling,
    work_once,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ostraka.errors import ConflictError
from ostraka.trees import acts, moderating
from ostraka.trees.acceptance import required_reviews
from ostraka.trees.advance import advance, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.permissions import Refusal
from ostraka.trees.selection import Task
from ostraka.trees.states import CLOSED, ENDED, WORKING, Event, State
from ostraka.trees.tree import Tree
from ostraka.trees.values import RED_FLAG, SKIP_REPLY, Activity, Mark, TreeLease

PEOPLE = [f"person {number}" for number in range(7)]
people = st.sampled_from(PEOPLE)
seeds = st.integers(0, 2**16)
configurations = st.builds(
    TreeConfiguration,
    max_tree_depth=st.integers(1, 3),
    max_children_count=st.integers(3, 4),
    goal_tree_size=st.integers(2, 4),
    min_goal_tree_size=st.just(2),
    num_reviews_initial_prompt=st.integers(1, 3),
    num_reviews_reply=st.integers(1, 3),
    num_required_rankings=st.integers(1, 3),
    max_rejected_replies=st.sampled_from([0, 3]),
    auto_mod_red_flags=st.just(2),
    auto_mod_max_skip_reply=st.integers(3, 25),
    rank_prompter_replies=st.booleans(),
    authors_answer_themselves=st.booleans(),
)


class Growth(RuleBasedStateMachine):
    """One tree, seven people with leases, and a moderator."""

    tree: Tree
    configuration: TreeConfiguration

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Task, TreeLease]] = []
        self.meddled = False
        self.random = Random(0)

    @initialize(configuration=configurations, steps=st.integers(0, 40))
    def plant(self, configuration: TreeConfiguration, steps: int) -> None:
        self.configuration = configuration
        self.tree = seedling(author=PEOPLE[0], configuration=configuration)
        self.work(steps, 0)

    def became(self, tree: Tree) -> None:
        self.tree = advance(tree, self.configuration).tree

    def any_message(self, seed: int) -> str:
        """Mostly a reply: without its prompt a tree is soon told."""
        names = list(self.tree.messages)
        return names[-1 - seed % len(names)] if seed % 5 else names[0]

    @rule(steps=st.integers(1, 10), seed=seeds)
    def work(self, steps: int, seed: int) -> None:
        random = Random(seed)
        for _ in range(steps):
            worked = work_once(self.tree, self.configuration, random)
            self.tree = worked or self.tree

    @rule(who=people, seed=seeds)
    def request(self, who: str, seed: int) -> None:
        task = next_task(self.tree, who, self.configuration, seed)
        assert task == next_task(self.tree, who, self.configuration, seed)
        if task is not None:
            taken = lease(self.tree, activity_of(task.type), task.message_id, who)
            self.became(acts.take(self.tree, taken, self.configuration))
            self.held.append((task, taken))

    @precondition(lambda self: self.held)
    @rule(seed=seeds)
    def submit(self, seed: int) -> None:
        task, taken = self.held.pop(seed % len(self.held))
        closed = self.tree.state in CLOSED
        try:
            self.tree = do(self.tree, task, taken.contributor, self.configuration, self.random)
        except ConflictError as error:
            path = self.tree.path(task.message_id)
            assert closed or taken not in self.tree.leases or any(m.deleted for m in path), error
            assert error.code in list(Refusal)

    @precondition(lambda self: self.held)
    @rule(seed=seeds)
    def skip(self, seed: int) -> None:
        _, taken = self.held.pop(seed % len(self.held))
        self.became(acts.give_back(self.tree, taken))

    @rule()
    def expire(self) -> None:
        self.became(acts.expire(self.tree, NOW + 2 * HOUR))
        assert self.tree.leases == ()

    @rule(event=st.sampled_from([*Event, Event.RESUME, Event.REOPEN]))
    def let_happen(self, event: Event) -> None:
        before = self.tree
        try:
            self.tree = happen(self.tree, event, self.configuration, NOW).tree
        except ConflictError:
            assert self.tree is before

    @rule(seed=seeds)
    def delete(self, seed: int) -> None:
        self.became(moderating.delete(self.tree, self.any_message(seed)))

    @rule(seed=seeds)
    def restore(self, seed: int) -> None:
        self.meddled = True
        try:
            self.tree = moderating.restore(self.tree, self.any_message(seed))
        except ConflictError as error:
            assert error.code == "message_erased"
        self.let_happen(Event.RECONSIDER)

    @precondition(lambda self: self.tree.state in CLOSED)
    @rule()
    def bring_back(self) -> None:
        if self.tree.root.deleted and self.tree.root.text:
            self.meddled = True
            self.tree = moderating.restore(self.tree, self.tree.id)
        is_halted = self.tree.state is State.HALTED_BY_MODERATOR
        self.let_happen(Event.RESUME if is_halted else Event.REOPEN)

    @rule(seed=seeds)
    def edit(self, seed: int) -> None:
        self.meddled = True
        self.tree = moderating.edit(self.tree, self.any_message(seed), "another text")
        self.let_happen(Event.RECONSIDER)

    @rule(seed=seeds, accepted=st.booleans())
    def decide(self, seed: int, accepted: bool) -> None:
        self.meddled = True
        tree = moderating.decide(self.tree, self.any_message(seed), accepted=accepted)
        self.tree = tree
        self.let_happen(Event.RECONSIDER)

    @rule(who=people, purge=st.booleans())
    def withdraw(self, who: str, purge: bool) -> None:
        self.meddled = True
        act = moderating.purge if purge else moderating.withdraw
        self.tree = act(self.tree, who)
        assert all(each.contributor != who for each in self.tree.votes)
        self.let_happen(Event.RECONSIDER)

    @rule(seed=seeds, who=people, code=st.sampled_from([RED_FLAG, SKIP_REPLY, "+1"]))
    def mark(self, seed: int, who: str, code: str) -> None:
        self.became(acts.put_mark(self.tree, self.any_message(seed), Mark(who, code)))

    @invariant()
    def stands_at_its_fixpoint(self) -> None:
        assert advance(self.tree, self.configuration).steps == ()
        assert self.tree.state is not State.READY_FOR_SCORING

    @invariant()
    def holds_only_standing_work(self) -> None:
        if self.tree.state in CLOSED:
            assert self.tree.leases == ()
        if self.tree.state is State.READY_FOR_EXPORT:
            assert self.tree.root.accepted and not self.tree.root.deleted

    @invariant()
    def keeps_its_limits(self) -> None:
        """As long as no moderator put anything back, no limit is passed, leases included."""
        if self.meddled:
            return
        tree = self.tree
        assert tree.size <= max(tree.limits.goal_tree_size, 1)
        for message in tree.messages.values():
            replies = len(tree.active_children(message.id))
            under_way = replies + tree.open(Activity.REPLY, message.id)
            assert under_way <= tree.limits.max_children_count
            reviews = len(message.counted_reviews)
            if message.decision is None and not message.deleted:
                reviews += tree.open(Activity.REVIEW, message.id)
            assert reviews <= required_reviews(message, self.configuration)
            assert all(review.contributor != message.author for review in message.reviews)

    @invariant()
    def always_has_work_for_a_newcomer(self) -> None:
        later = advance(acts.expire(self.tree, NOW + 2 * HOUR), self.configuration).tree
        if later.state in WORKING:
            assert next_task(later, "newcomer", self.configuration) is not None

    def teardown(self) -> None:
        if not hasattr(self, "tree"):
            return
        halted = happen(self.tree, Event.HALT, self.configuration, NOW).tree
        assert halted.state is State.HALTED_BY_MODERATOR
        assert finish(self.tree, self.configuration, Random(7)).state in ENDED


def test_trees_under_any_order_of_acts() -> None:
    run_state_machine_as_test(
        Growth, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )


@settings(max_examples=25, deadline=None)
@given(configurations, seeds)
def test_a_crowd_brings_every_tree_to_its_end(configuration: TreeConfiguration, seed: int) -> None:
    once = finish(seedling(configuration=configuration), configuration, Random(seed))
    assert once.state in (State.READY_FOR_EXPORT, State.ABORTED_LOW_GRADE)
    counted = [m for m in once.messages.values() if m.accepted]
    if once.state is State.READY_FOR_EXPORT:
        assert 2 <= len(counted) <= configuration.goal_tree_size
        assert replace(once, leases=()) == once
