"""Which task comes next, what there is room for, and which prompts are drawn."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from growing import (
    DEFAULTS,
    GOOD,
    NOW,
    SMALL,
    answered,
    growing,
    lease,
    message,
    next_task,
    ranking,
    reviewed,
    seedling,
    voted,
    with_message,
)
from hypothesis import given
from hypothesis import strategies as st

from ostraka.errors import ConflictError
from ostraka.trees import acts
from ostraka.trees.advance import advance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.limits import is_repeated, may_take_another
from ostraka.trees.lottery import (
    LanguageCounts,
    Waiting,
    backlog_activations,
    draw,
    missing_prompts,
    place_in_line,
    room_to_grow,
)
from ostraka.trees.selection import (
    Available,
    Candidate,
    NoTaskError,
    TaskType,
    available,
    choose,
)
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity

FULL = LanguageCounts(growing=10, in_prompt_review=100, waiting=250)


def offered(*trees: Tree, who: str = "newcomer", counts: LanguageCounts = FULL) -> Available:
    return available(trees, counts, "en", who, DEFAULTS)


def waiting_reply(name: str = "root", replies: str = "a") -> Tree:
    """A growing tree whose replies wait for review."""
    tree = growing(name=name)
    for each in replies:
        tree = acts.reply(tree, name, message(f"{name}-{each}"), f"author {each}", DEFAULTS)
    return advance(tree, DEFAULTS).tree


# What there is


def test_everything_is_counted_once() -> None:
    found = offered(seedling("p"), waiting_reply("g"), ranking())
    counts = {kind: n for kind, n in found.counts().items() if n}
    assert counts == {
        TaskType.LABEL_INITIAL_PROMPT: 1,
        TaskType.LABEL_ASSISTANT_REPLY: 1,
        TaskType.ASSISTANT_REPLY: 1,
        TaskType.RANK_ASSISTANT_REPLIES: 1,
    }
    assert found.places == 12 - 2


def test_random_mix_of_a_reply_to_label_and_one_to_write_is_five_to_two() -> None:
    found = offered(waiting_reply())
    drawn = Counter(choose(found, DEFAULTS, Random(seed)).type for seed in range(700))
    assert set(drawn) == {TaskType.LABEL_ASSISTANT_REPLY, TaskType.ASSISTANT_REPLY}
    assert 420 < drawn[TaskType.LABEL_ASSISTANT_REPLY] < 580


@given(st.integers(0, 2**32))
def test_same_seed_same_task(seed: int) -> None:
    found = offered(seedling("p"), waiting_reply("g", "abc"), ranking(), counts=LanguageCounts())
    assert choose(found, DEFAULTS, Random(seed)) == choose(found, DEFAULTS, Random(seed))


def test_nearly_finished_items_come_first() -> None:
    tree = waiting_reply(replies="abc")
    for who in "xy":
        tree = acts.review(tree, "root-b", GOOD, who, DEFAULTS)
    for seed in range(20):
        task = next_task(tree, "newcomer", DEFAULTS, seed, TaskType.LABEL_ASSISTANT_REPLY)
        assert task is not None and task.message_id == "root-b"


def test_lonely_prompts_are_preferred() -> None:
    lonely, empty = waiting_reply("lonely"), growing(name="empty")
    found = offered(lonely, empty)
    drawn = Counter(
        choose(found, DEFAULTS, Random(seed), TaskType.ASSISTANT_REPLY).message_id
        for seed in range(400)
    )
    assert 320 < drawn["lonely"] < 380  # 0.75 + 0.25 / 2 of 400
    assert drawn["empty"] == 400 - drawn["lonely"]
    never = DEFAULTS.model_copy(update={"p_lonely_child_extension": 0.0})
    even = Counter(
        choose(found, never, Random(seed), TaskType.ASSISTANT_REPLY).message_id
        for seed in range(400)
    )
    assert 160 < even["empty"] < 240


def test_a_refusal_says_why() -> None:
    tree = acts.review(seedling(), "root", GOOD, "bob", DEFAULTS)
    with pytest.raises(NoTaskError) as caught:
        choose(offered(tree, who="bob"), DEFAULTS, Random(0))
    assert caught.value.reasons == (
        "1 of label_initial_prompt waits for others than you.",
        "No new prompts are taken in your language now.",
    )
    with pytest.raises(NoTaskError, match="Nothing waits in your language"):
        choose(offered(), DEFAULTS, Random(0), TaskType.RANK_ASSISTANT_REPLIES)


@pytest.mark.parametrize(
    ("kind", "share", "specific", "labels", "mode"),
    [
        ("initial_prompt", 1.0, False, 11, "full"),
        ("initial_prompt", 0.0, True, 2, "simple"),
        ("assistant_reply", 0.0, False, 3, "simple"),
        ("assistant_reply", 0.0, True, 13, "full"),
        ("prompter_reply", 0.0, False, 3, "simple"),
    ],
)
def test_label_modes(kind: str, share: float, specific: bool, labels: int, mode: str) -> None:
    names = ("prompt", "reply_assistant", "reply_prompter")
    configuration = DEFAULTS.model_copy(
        update={f"p_full_labeling_review_{name}": share for name in names}
    )
    wanted = TaskType(f"label_{kind}")
    found = Available((Candidate(wanted, "t", "m", kind=kind),))  # type: ignore[arg-type]
    task = choose(found, configuration, Random(0), wanted if specific else None)
    assert (len(task.labels), task.mode) == (labels, mode)
    assert task.disposition == ("quality" if mode == "full" else "spam")
    assert task.mandatory_labels == ("spam",)


def test_b7_choosing_changes_no_configuration() -> None:
    before = DEFAULTS.model_dump()
    for seed in range(30):
        next_task(waiting_reply(replies="ab"), "newcomer", DEFAULTS, seed)
    assert DEFAULTS.model_dump() == before


# Work in progress


def test_r1_a_place_that_is_kept_is_not_given_twice() -> None:
    tree = growing()
    for number in range(3):
        held = lease(tree, Activity.REPLY, "root", f"writer {number}")
        tree = acts.take(tree, held, DEFAULTS)
    assert next_task(tree, "newcomer", DEFAULTS) is None
    with pytest.raises(ConflictError):
        acts.take(tree, lease(tree, Activity.REPLY, "root", "newcomer"), DEFAULTS)
    for number in range(3):
        tree = acts.reply(tree, "root", message(f"m{number}"), f"writer {number}", DEFAULTS)
    assert len(tree.active_children("root")) == 3


def test_r2_open_reviews_and_rankings_count_as_work_in_progress() -> None:
    for tree, activity, configuration in (
        (seedling(), Activity.REVIEW, DEFAULTS),
        (ranking(), Activity.RANK, SMALL),
    ):
        for number in range(3):
            held = lease(tree, activity, "root", f"holder {number}")
            tree = acts.take(tree, held, configuration)
        assert next_task(tree, "newcomer", configuration) is None
        assert next_task(acts.expire(tree, NOW + timedelta(days=1)), "newcomer", configuration)


def test_a_goal_is_kept_with_work_in_progress() -> None:
    tree = answered(growing(SMALL), "root", "a", SMALL)
    tree = acts.take(tree, lease(tree, Activity.REPLY, "root", "bob"), SMALL)
    assert tree.remaining == 0
    assert next_task(tree, "newcomer", SMALL) is None


def test_pending_tasks_are_limited() -> None:
    taken = [NOW - timedelta(seconds=number) for number in range(8)]
    assert may_take_another(taken[:7], NOW, DEFAULTS)
    assert not may_take_another(taken, NOW, DEFAULTS)
    assert may_take_another(taken, NOW + timedelta(seconds=300), DEFAULTS)


def test_repeated_texts_are_known() -> None:
    sent = [("hello there", NOW)]
    assert is_repeated(" hello there ", sent, NOW + timedelta(minutes=119), DEFAULTS)
    assert not is_repeated("hello", sent, NOW, DEFAULTS)
    assert not is_repeated("hello there", sent, NOW + timedelta(minutes=120), DEFAULTS)


# Prompts


def test_b10_counting_is_exact_after_a_draw() -> None:
    before = LanguageCounts(growing=9, in_prompt_review=0, waiting=7)
    assert room_to_grow(before, DEFAULTS) == 1
    assert missing_prompts(before, "en", DEFAULTS) == 101
    after = LanguageCounts(growing=10, in_prompt_review=0, waiting=6)
    assert missing_prompts(after, "en", DEFAULTS) == 100
    entries = [Waiting(str(n), f"author {n}", NOW) for n in range(7)]
    assert len(draw(entries, {}, room_to_grow(before, DEFAULTS))) == 1
    assert draw(entries, {}, room_to_grow(after, DEFAULTS)) == []


@given(st.integers(0, 20), st.integers(0, 200), st.integers(0, 400), st.integers(0, 50))
def test_no_limit_is_passed_by_what_is_asked_for(
    growing: int, review: int, waiting: int, tasks: int
) -> None:
    counts = LanguageCounts(growing, review, waiting, tasks)
    missing = missing_prompts(counts, "en", DEFAULTS)
    assert missing >= 0
    if missing:
        assert waiting + tasks + missing <= 250


def test_b9_a_closed_language_is_closed_everywhere() -> None:
    closed = TreeConfiguration(init_prompt_disabled_langs=("de",))
    assert missing_prompts(LanguageCounts(), "de", closed) == 0
    found = available([], LanguageCounts(), "de", "bob", closed)
    assert found.counts()[TaskType.INITIAL_PROMPT] == 0
    for wanted in (None, TaskType.INITIAL_PROMPT):
        with pytest.raises(NoTaskError, match="No new prompts"):
            choose(found, closed, Random(0), wanted)
    opened = available([], LanguageCounts(), "en", "bob", closed)
    assert choose(opened, closed, Random(0)).type is TaskType.INITIAL_PROMPT


def test_b23_the_draw_is_fair_and_can_be_told_beforehand() -> None:
    entries = [Waiting(f"eager {n}", "eager", NOW + timedelta(minutes=n)) for n in range(150)]
    entries.append(Waiting("shy", "shy", NOW + timedelta(days=1)))
    entries.append(Waiting("banned", "banned", NOW, author_enabled=False))
    assert [each.tree_id for each in draw(entries, {}, 3)] == ["eager 0", "shy", "eager 1"]
    assert [each.tree_id for each in draw(entries, {"eager": 1}, 1)] == ["shy"]
    assert place_in_line("shy", entries, {}) == 2
    assert place_in_line("banned", entries, {}) is None
    assert draw(list(reversed(entries)), {}, 9) == draw(entries, {}, 9)


def test_backlog_is_activated_by_chance_and_by_need() -> None:
    always = TreeConfiguration(p_activate_backlog_tree=1.0, min_active_rankings_per_lang=5)
    assert backlog_activations(4, always, Random(0)) == 2
    assert backlog_activations(5, always, Random(0)) == 1
    rare = sum(backlog_activations(0, DEFAULTS, Random(seed)) for seed in range(1000))
    assert 60 < rare < 140


def test_answering_oneself_is_a_choice() -> None:
    alone = TreeConfiguration(authors_answer_themselves=True)
    assert next_task(growing(), "ada", DEFAULTS) is None
    assert next_task(growing(alone), "ada", alone) is not None


def test_prompters_replies_are_ranked_only_where_asked_for() -> None:
    configuration = TreeConfiguration(
        num_prompter_replies=2, goal_tree_size=4, min_goal_tree_size=2
    )
    tree = answered(growing(configuration), "root", "a", configuration)
    for name in ("x", "y"):
        tree = answered(tree, "a", name, configuration)
    assert tree.state == "ready_for_export"
    both = configuration.model_copy(update={"rank_prompter_replies": True})
    assert [p.id for p in tree.rankable_parents(both.rank_prompter_replies)] == ["a"]


def test_settled_work_is_not_offered() -> None:
    tree = ranking()
    for order in ("ab", "ba"):
        tree = voted(tree, order)
    done = reviewed(seedling("p"), "p")
    assert (
        offered(replace(tree, votes=tree.votes), done).counts()[TaskType.RANK_ASSISTANT_REPLIES]
        == 1
    )
    assert offered(done).candidates == ()
    assert offered(with_message(growing(), "root", deleted=True)).candidates == ()
