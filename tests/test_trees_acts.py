"""What contributors and moderators do to a tree, and what is refused."""

from dataclasses import replace

import pytest
from growing import (
    DEFAULTS,
    GOOD,
    HOUR,
    NOW,
    SMALL,
    after,
    answered,
    growing,
    lease,
    message,
    next_task,
    ranking,
    reviewed,
    seedling,
    voted,
)

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.trees import acts, moderating
from ostraka.trees.advance import advance
from ostraka.trees.states import Event, State
from ostraka.trees.values import (
    RED_FLAG,
    Activity,
    Mark,
)

# What moderators do


def test_edited_messages_are_reviewed_and_ranked_again() -> None:
    tree = ranking()
    for order in ("ab", "ab", "ab"):
        tree = voted(tree, order)
    tree = after(moderating.edit(tree, "a", "better"), Event.RECONSIDER, SMALL)
    assert tree.state is State.GROWING
    assert tree.messages["a"].edited and tree.messages["a"].rank is None
    tree = reviewed(tree, "a", SMALL)
    assert tree.state is State.RANKING
    assert tree.complete_votes("root") == ()


def test_who_has_read_the_old_text_judges_it_no_more() -> None:
    tree = acts.take(ranking(), lease(ranking(), Activity.RANK, "root", "p"), SMALL)
    assert moderating.edit(tree, "a", "better").leases == ()
    tree = acts.reply(growing(SMALL), "root", message("a"), "writer", SMALL)
    for held in (
        lease(tree, Activity.REVIEW, "a", "q"),
        kept := lease(tree, Activity.REPLY, "root", "r"),
    ):
        tree = acts.take(tree, held, SMALL)
    assert moderating.edit(tree, "a", "better").leases == (kept,)


def test_restored_candidates_are_ranked_with_the_others() -> None:
    tree = ranking()
    tree = advance(moderating.delete(tree, "b"), SMALL).tree
    tree = after(moderating.restore(tree, "b"), Event.RECONSIDER, SMALL)
    assert tree.state is State.RANKING
    assert next_task(tree, "newcomer", SMALL) is not None


def test_purging_a_person_leaves_nothing_of_them() -> None:
    tree = answered(growing(SMALL), "root", "a", SMALL, author="bob")
    tree = answered(tree, "root", "b", SMALL)
    for who in ("bob's friend", "x", "y"):
        tree = voted(tree, "ab", who=who)
    tree = after(moderating.purge(tree, "bob"), Event.RECONSIDER, SMALL)
    gone = tree.messages["a"]
    assert (gone.deleted, gone.text, gone.author) == (True, "", None)
    assert tree.state is State.GROWING
    with pytest.raises(ConflictError, match="erased for good"):
        moderating.restore(tree, "a")
    halted = after(moderating.purge(tree, "ada"), Event.CHECK, SMALL)
    assert halted.state is State.HALTED_BY_MODERATOR


def test_a_moderators_decision_is_not_undone_by_withdrawn_reviews() -> None:
    tree = moderating.decide(seedling(), "root", accepted=True)
    tree = advance(moderating.withdraw(tree, "x"), DEFAULTS).tree
    assert tree.state is State.PROMPT_LOTTERY_WAITING
    rejected = moderating.decide(growing(), "root", accepted=False)
    assert advance(rejected, DEFAULTS).tree.state is State.ABORTED_LOW_GRADE


def test_looked_at_flags_count_no_more() -> None:
    tree = seedling()
    for who in "xyz":
        tree = acts.put_mark(tree, "root", Mark(who, RED_FLAG))
    tree = moderating.forgive(tree, "root", RED_FLAG)
    tree = acts.put_mark(tree, "root", Mark("w", RED_FLAG))
    assert advance(tree, DEFAULTS).tree.state is State.INITIAL_PROMPT_REVIEW


# What may be sent


def test_what_is_sent_is_checked() -> None:
    tree = growing(SMALL)
    for text, code in (("  ", "text_empty"), ("x" * 2001, "text_too_long")):
        with pytest.raises(InvalidInputError) as caught:
            acts.reply(tree, "root", replace(message("a"), text=text), "bob", SMALL)
        assert (caught.value.field, caught.value.code) == ("text", code)
    with pytest.raises(NotFoundError):
        acts.reply(tree, "nowhere", message("a"), "bob", SMALL)
    for labels, field in (
        ({}, "labels.spam"),
        ({"spam": 2.0}, "labels.spam"),
        ({"spam": 0.0, "helpfulness": 1.0}, "labels.helpfulness"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            acts.review(seedling(), "root", labels, "bob", SMALL)
        assert caught.value.field == field
    for order in ("a", "aa", "abc", "ax"):
        with pytest.raises(InvalidInputError, match="each of the replies once"):
            voted(ranking(), order)
    with pytest.raises(InvalidInputError):
        acts.put_mark(tree, "root", Mark("bob", "boo"))


def test_nobody_judges_their_own_words_or_twice() -> None:
    with pytest.raises(ConflictError, match="your own"):
        acts.review(seedling(), "root", GOOD, "ada", DEFAULTS)
    with pytest.raises(ConflictError, match="your own"):
        acts.reply(growing(), "root", message("a"), "ada", DEFAULTS)
    with pytest.raises(ConflictError, match="your own"):
        voted(ranking(), "ab", who="writer of a")
    once = acts.review(seedling(), "root", GOOD, "bob", DEFAULTS)
    with pytest.raises(ConflictError, match="before"):
        acts.review(once, "root", GOOD, "bob", DEFAULTS)
    with pytest.raises(ConflictError, match="before"):
        voted(voted(ranking(), "ab", who="bob"), "ba", who="bob")


def test_votes_up_and_down_shut_each_other_out() -> None:
    tree = acts.put_mark(seedling(), "root", Mark("bob", "+1"))
    tree = acts.put_mark(tree, "root", Mark("bob", "-1"))
    tree = acts.put_mark(tree, "root", Mark("ada", "+1"))
    assert tree.root.marks == {Mark("bob", "-1")}
    assert acts.take_mark(tree, "root", Mark("bob", "-1")).root.marks == frozenset()


def test_leases_are_renewed_given_back_and_run_out() -> None:
    tree = growing()
    held = lease(tree, Activity.REPLY, "root", "bob")
    taken = acts.take(tree, held, DEFAULTS)
    with pytest.raises(ConflictError, match="already"):
        acts.take(taken, held, DEFAULTS)
    later = acts.renew(taken, held.id, NOW + 3 * HOUR)
    assert acts.expire(later, NOW + 2 * HOUR) == later
    assert acts.expire(taken, NOW + 2 * HOUR) == tree
    assert acts.give_back(taken, held, skip=False) == tree
    with pytest.raises(NotFoundError, match="expired"):
        acts.renew(tree, held.id, NOW)
    skipped = acts.give_back(taken, held)
    assert next_task(skipped, "bob", DEFAULTS) is None
    assert next_task(skipped, "eve", DEFAULTS) is not None
