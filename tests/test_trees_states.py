"""How trees move: acceptance, and every arrow of the table."""

from dataclasses import replace

import pytest
from growing import (
    BAD,
    DEFAULTS,
    GOOD,
    NOW,
    SMALL,
    after,
    answered,
    growing,
    message,
    ranking,
    reviewed,
    seedling,
    voted,
)

from ostraka.errors import ConflictError
from ostraka.trees import moderating
from ostraka.trees.acceptance import acceptance, decided
from ostraka.trees.advance import GUARDS, advance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.states import ENDED, TRANSITIONS, Event, Guard, State, transitions_from
from ostraka.trees.values import (
    Decision,
    Limits,
    RankingVote,
    Review,
    Role,
)

# Acceptance


@pytest.mark.parametrize(
    ("labels", "score", "accepted"),
    [
        ([{"spam": 0}] * 3, 1.0, True),
        ([{"spam": 1}, {"spam": 0}, {"spam": 0}], 2 / 3, True),
        ([{"spam": 1}, {"spam": 1}, {"spam": 0}], 1 / 3, False),
        ([{"spam": 0.4}] * 3, 0.6, False),
        ([{"spam": 0.2, "lang_mismatch": 0.2}] * 3, 0.6, False),
        ([{"spam": 0, "quality": 0}] * 3, 1.0, True),
    ],
)
def test_acceptance(labels: list[dict[str, float]], score: float, accepted: bool) -> None:
    reviews = tuple(Review(str(n), each) for n, each in enumerate(labels))
    assert acceptance(reviews) == pytest.approx(score)
    for message_ in (message("m"), message("m", parent_id="p")):
        found = decided(replace(message_, reviews=reviews), DEFAULTS)
        assert found.accepted is accepted
        assert found.rejected is not accepted


def test_nothing_is_decided_before_there_are_enough_reviews() -> None:
    with pytest.raises(ValueError, match="without reviews"):
        acceptance([])
    two = reviewed(seedling(), "root", DEFAULTS, GOOD, GOOD)
    assert two.root.decision is None
    assert two.state is State.INITIAL_PROMPT_REVIEW


# The table


def test_table_is_whole() -> None:
    assert set(GUARDS) == set(Guard)
    assert {t.guard for t in TRANSITIONS} == set(Guard)
    assert len(set(TRANSITIONS)) == len(TRANSITIONS)
    for state in State:
        if state is not State.HALTED_BY_MODERATOR:
            assert transitions_from(state, Event.HALT)
        if state not in ENDED:
            assert transitions_from(state, Event.CHECK)


def test_from_prompt_to_export() -> None:
    tree = reviewed(seedling(configuration=SMALL), "root", SMALL)
    assert tree.state is State.PROMPT_LOTTERY_WAITING
    tree = after(tree, Event.DRAW, SMALL)
    assert (tree.state, tree.lottery_won_at) == (State.GROWING, NOW)
    tree = answered(tree, "root", "a", SMALL)
    assert tree.state is State.GROWING
    tree = answered(tree, "root", "b", SMALL)
    assert tree.state is State.RANKING
    for order in ("ab", "ba", "ba"):
        tree = voted(tree, order)
    assert tree.state is State.READY_FOR_EXPORT
    assert {name: tree.messages[name].rank for name in "ab"} == {"a": 1, "b": 0}
    assert tree.messages["a"].role is Role.ASSISTANT
    assert tree.messages["a"].depth == 1


def test_rejected_prompt_ends_its_tree() -> None:
    tree = reviewed(seedling(), "root", DEFAULTS, BAD, BAD, GOOD)
    assert tree.state is State.ABORTED_LOW_GRADE
    assert tree.root.decision == Decision(False, score=pytest.approx(1 / 3))


def test_explicit_events_say_why_they_cannot_be() -> None:
    with pytest.raises(ConflictError, match="cannot draw there"):
        after(seedling(), Event.DRAW)
    deleted = after(moderating.delete(growing(), "root"), Event.CHECK)
    with pytest.raises(ConflictError, match="the prompt is not deleted"):
        after(deleted, Event.RESUME)
    assert after(seedling(), Event.RESUME) == seedling()
    halted = after(growing(), Event.HALT)
    assert after(halted, Event.HALT) == halted


def test_steps_are_told_for_the_log() -> None:
    votes = tuple(RankingVote(f"r{n}", "root", (("a",), ("b",))) for n in range(3))
    moved = advance(replace(ranking(), votes=votes), SMALL)
    assert [(step.guard, step.target) for step in moved.steps] == [
        (Guard.RANKED, State.READY_FOR_SCORING),
        (Guard.SCORABLE, State.READY_FOR_EXPORT),
    ]
    assert moved.ended
    assert not advance(reviewed(seedling(), "root"), DEFAULTS).ended


def test_votes_that_contradict_the_tree_fail_the_scoring_and_can_be_retried() -> None:
    twice = RankingVote("x", "root", (("a", "a"), ("b",)))
    tree = advance(replace(ranking(), votes=(twice,)), replace_required(1)).tree
    assert tree.state is State.SCORING_FAILED
    assert after(tree, Event.RETRY_SCORING, replace_required(1)).state is State.SCORING_FAILED
    mended = replace(tree, votes=())
    assert after(mended, Event.RETRY_SCORING, SMALL).state is State.RANKING


def replace_required(rankings: int) -> TreeConfiguration:
    return SMALL.model_copy(update={"num_required_rankings": rankings})


def test_imported_trees_wait_and_are_activated() -> None:
    parked = replace(ranking(), state=State.BACKLOG_RANKING, limits=Limits(0, 0, 0, 0))
    assert advance(parked, DEFAULTS).tree == parked
    assert after(parked, Event.ACTIVATE).state is State.RANKING
    alone = moderating.delete(parked, "a")
    assert after(alone, Event.ACTIVATE).state is State.ABORTED_LOW_GRADE
