"""The faults that the original has in its rules, by their number in the contract."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from growing import (
    BAD,
    DEFAULTS,
    GOOD,
    SMALL,
    after,
    answered,
    growing,
    lease,
    marked,
    message,
    next_task,
    ranking,
    reviewed,
    seedling,
    voted,
    with_message,
)

from ostraka.errors import ConflictError
from ostraka.trees import acts, moderating
from ostraka.trees.acceptance import decided
from ostraka.trees.advance import advance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.permissions import SENTENCES, Refusal
from ostraka.trees.selection import TaskType
from ostraka.trees.states import Event, State
from ostraka.trees.values import (
    RED_FLAG,
    SKIP_REPLY,
    Activity,
    Mark,
    Review,
)

PLAIN = TreeConfiguration(max_rejected_replies=0)


def test_b1_a_node_whose_replies_are_all_rejected_is_offered_again() -> None:
    tree = growing(PLAIN)
    for name in "abc":
        tree = answered(tree, "root", name, PLAIN, accept=False)
    assert tree.state is State.GROWING
    task = next_task(tree, "newcomer", PLAIN)
    assert task is not None and (task.type, task.message_id) == (
        TaskType.ASSISTANT_REPLY,
        "root",
    )


def test_b1_a_tree_without_room_moves_on_instead_of_waiting() -> None:
    tree = growing(SMALL)
    tree = replace(tree, limits=replace(tree.limits, goal_tree_size=9))
    for name in "ab":
        tree = answered(tree, "root", name, SMALL)
    assert tree.state is State.RANKING


def test_b2_who_was_rejected_is_neither_offered_the_message_nor_accepted() -> None:
    tree = answered(growing(), "root", "a", author="bob", accept=False)
    assert next_task(tree, "bob", DEFAULTS, wanted=TaskType.ASSISTANT_REPLY) is None
    with pytest.raises(ConflictError, match="answered this message before") as caught:
        acts.reply(tree, "root", message("again"), "bob", DEFAULTS)
    assert caught.value.code == Refusal.ANSWERED_ALREADY
    freed = moderating.delete(tree, "a")
    assert next_task(freed, "bob", DEFAULTS, wanted=TaskType.ASSISTANT_REPLY) is not None


def test_b3_a_tree_with_nothing_to_rank_is_ready_at_once() -> None:
    single = TreeConfiguration(max_tree_depth=1, goal_tree_size=2, max_children_count=1)
    tree = answered(growing(single), "root", "a", single)
    assert tree.state is State.READY_FOR_EXPORT


def test_b4_deleting_a_candidate_or_the_prompt_moves_the_tree() -> None:
    tree = advance(moderating.delete(ranking(), "b"), SMALL).tree
    assert tree.state is State.READY_FOR_EXPORT
    for before in (seedling(), growing(), ranking(), reviewed(seedling(), "root")):
        gone = advance(moderating.delete(before, "root"), SMALL).tree
        assert gone.state is State.HALTED_BY_MODERATOR
        assert all(each.deleted for each in gone.messages.values())


def test_b4_nobody_is_waited_for_at_a_deleted_message() -> None:
    tree = growing(SMALL)
    tree = answered(answered(tree, "root", "a", SMALL), "root", "b", PLAIN)
    tree = replace(tree, state=State.GROWING, limits=replace(tree.limits, max_depth=2))
    held = lease(tree, Activity.REPLY, "b", "slow")
    tree = replace(tree, leases=(held,))
    assert advance(tree, SMALL).tree.state is State.GROWING
    gone = advance(moderating.delete(tree, "b"), SMALL).tree
    assert gone.leases == ()


def test_b5_one_measure_of_enough_rankings() -> None:
    tree = ranking()
    for who, order in (("x", "ab"), ("y", "ab")):
        tree = voted(tree, order, who=who)
    tree = advance(moderating.withdraw(tree, "x"), SMALL).tree
    assert tree.state is State.RANKING
    assert next_task(tree, "newcomer", SMALL) is not None
    for order in ("ab", "ba"):
        tree = voted(tree, order)
    assert tree.state is State.READY_FOR_EXPORT


def test_b6_not_rankable_votes_do_not_order() -> None:
    tree = voted(ranking(), "ab")
    for _ in range(2):
        tree = voted(tree, "ba", not_rankable=True)
    assert tree.state is State.READY_FOR_EXPORT
    assert {name: tree.messages[name].rank for name in "ab"} == {"a": 0, "b": 1}


def test_b8_a_reply_under_lease_is_never_lost() -> None:
    """No tree moves on while somebody writes; and where one was moved, the text is kept as late."""
    tree = growing(SMALL)
    held = lease(tree, Activity.REPLY, "root", "late")
    tree = acts.take(tree, held, SMALL)
    tree = answered(tree, "root", "a", SMALL)
    assert tree.state is State.GROWING
    moved = replace(tree, state=State.READY_FOR_EXPORT)
    kept = acts.reply(moved, "root", message("b"), "late", SMALL)
    assert kept.messages["b"].late
    assert advance(kept, SMALL).tree.state is State.READY_FOR_EXPORT
    with pytest.raises(ConflictError, match="not at this stage"):
        acts.reply(moved, "root", message("c"), "without a lease", SMALL)
    stopped = after(tree, Event.HALT, SMALL)
    with pytest.raises(ConflictError, match="was stopped"):
        acts.reply(stopped, "root", message("c"), "late", SMALL)


def test_b11_b12_every_review_is_weighed_and_replies_have_their_trees_language() -> None:
    german = acts.plant(message("root", "ada", language="de"), DEFAULTS, Random(0))
    tree = reviewed(german, "root")
    assert tree.root.accepted
    tree = after(tree, Event.DRAW)
    tree = acts.reply(tree, "root", message("a", language="en"), "bob", DEFAULTS)
    assert tree.messages["a"].language == "de"
    assert next_task(advance(tree, DEFAULTS).tree, "eve", DEFAULTS) is not None


def test_b14_resuming_goes_back_to_where_the_tree_was() -> None:
    for before in (growing(), ranking(), reviewed(seedling(), "root"), seedling()):
        halted = after(before, Event.HALT, SMALL)
        assert halted.halted_from is before.state
        assert after(halted, Event.RESUME, SMALL) == replace(before, leases=())
    parked = replace(ranking(), state=State.BACKLOG_RANKING)
    halted = after(parked, Event.HALT)
    assert after(halted, Event.RESUME).state is State.BACKLOG_RANKING


def test_b14_a_reopened_prompt_can_be_reviewed_by_everybody_again() -> None:
    tree = seedling()
    for who in "xyz":
        tree = acts.review(tree, "root", BAD, who, DEFAULTS)
    tree = advance(tree, DEFAULTS).tree
    with pytest.raises(ConflictError, match="cannot resume"):
        after(tree, Event.RESUME)
    reopened = after(tree, Event.REOPEN)
    assert reopened.state is State.INITIAL_PROMPT_REVIEW
    assert next_task(reopened, "x", DEFAULTS) is not None
    assert reviewed(reopened, "root").state is State.PROMPT_LOTTERY_WAITING


def test_b15_withdrawing_takes_marks_and_reviews_along() -> None:
    tree = acts.put_mark(growing(), "root", Mark("eve", RED_FLAG))
    tree = acts.reply(tree, "root", message("a"), "bob", DEFAULTS)
    for who in ("eve", "x", "y"):
        tree = acts.review(tree, "a", GOOD, who, DEFAULTS)
    tree = advance(tree, DEFAULTS).tree
    assert tree.messages["a"].accepted
    tree = after(moderating.withdraw(tree, "eve"), Event.RECONSIDER)
    assert tree.root.open_marks(RED_FLAG) == 0
    assert len(tree.messages["a"].counted_reviews) == 2
    assert tree.messages["a"].decision is None


def test_b20_a_decision_stands_whatever_comes_later() -> None:
    tree = seedling()
    held = [lease(tree, Activity.REVIEW, "root", who) for who in "abcdefgh"]
    tree = replace(tree, leases=tuple(held))
    for who, given in zip("abcdefgh", (BAD, BAD, BAD, GOOD, GOOD, GOOD, GOOD, GOOD), strict=True):
        if tree.state is State.INITIAL_PROMPT_REVIEW:
            tree = advance(acts.review(tree, "root", given, who, DEFAULTS), DEFAULTS).tree
        else:
            with pytest.raises(ConflictError):
                acts.review(tree, "root", given, who, DEFAULTS)
    assert tree.state is State.ABORTED_LOW_GRADE
    late = Review("late", GOOD)
    more = with_message(tree, "root", reviews=(*tree.root.reviews, *[late] * 9))
    assert advance(more, DEFAULTS).tree.root.rejected
    assert decided(more.root, DEFAULTS).rejected


def test_b22_too_many_bad_replies_end_a_growing_tree() -> None:
    few = DEFAULTS.model_copy(update={"max_rejected_replies": 2})
    tree = answered(growing(few), "root", "a", few, accept=False)
    assert tree.state is State.GROWING
    tree = answered(tree, "root", "b", few, accept=False)
    assert tree.state is State.ABORTED_LOW_GRADE
    assert after(tree, Event.REOPEN, few).state is State.GROWING


def test_r8_marks_take_effect_with_the_act_that_brings_them() -> None:
    tree = answered(answered(growing(), "root", "a"), "a", "a1")
    tree = marked(tree, "a", RED_FLAG, 4)
    assert tree.messages["a"].deleted and tree.messages["a1"].deleted
    assert tree.state is State.GROWING
    assert marked(seedling(), "root", RED_FLAG, 4).state is State.ABORTED_LOW_GRADE
    halted = marked(growing(), "root", SKIP_REPLY, 25)
    assert halted.state is State.HALTED_BY_MODERATOR
    assert after(halted, Event.RESUME).state is State.GROWING
    off = DEFAULTS.model_copy(update={"auto_mod_enabled": False})
    flagged = acts.put_mark(seedling(), "root", Mark("x", RED_FLAG))
    assert advance(flagged, off).tree.state is State.INITIAL_PROMPT_REVIEW


def test_r3_the_last_two_reviews_in_any_order_finish_the_tree() -> None:
    tree = growing(SMALL)
    for name in "ab":
        tree = acts.reply(tree, "root", message(name), f"author {name}", SMALL)
        for who in "xy":
            tree = acts.review(tree, name, GOOD, who, SMALL)
    for first, second in ("ab", "ba"):
        once = advance(acts.review(tree, first, GOOD, "z", SMALL), SMALL).tree
        assert once.state is State.GROWING
        assert advance(acts.review(once, second, GOOD, "z", SMALL), SMALL).tree.state is (
            State.RANKING
        )


def test_b18_every_refusal_has_one_code_and_a_sentence() -> None:
    assert set(SENTENCES) == set(Refusal)
    assert len(set(SENTENCES.values())) == len(Refusal)


def test_b21_a_statement_without_effect_is_refused_by_the_linter() -> None:
    """`self.db.flush` without its parentheses was harmless by luck."""
    root = Path(__file__).parents[1]
    for line, fails in (("session.flush", True), ("session.flush()", False)):
        code = f'"""A module."""\n\nfrom somewhere import session\n\n{line}\n'
        given = ["--config", str(root / "pyproject.toml"), "--stdin-filename", "src/made.py", "-"]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--output-format", "concise", *given],
            input=code,
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 1 and "B018" in done.stdout) is fails, done.stdout + done.stderr
