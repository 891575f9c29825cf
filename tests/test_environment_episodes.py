"""Episodes of the environment: what a seed deals, by which policies, and what is right in them."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.environment.generator import Episode, generate
from ostraka.environment.items import Stance, facts_of
from ostraka.environment.library import Split, library
from ostraka.environment.policies import STRIKES, Level, communities, policy_of
from ostraka.environment.policies import _document as document_of
from ostraka.environment.tasks import TASKS
from ostraka.errors import InvalidInputError
from ostraka.policy.checking import problems_of
from ostraka.policy.document import PolicyDocument
from ostraka.taxonomy import Action, ViolationType

GOLDEN = {
    "task_easy train 42": "ffc2a4d1016f0273",
    "task_easy train 43": "961e2937d810c121",
    "task_easy validation 42": "926d14a5af3b32fa",
    "task_easy validation 43": "8a6c644bb4b8faa2",
    "task_easy test 42": "d114d16cff3bc687",
    "task_easy test 43": "a5e3384c467a7c29",
    "task_medium train 42": "c1659d4535e5cf1f",
    "task_medium train 43": "2e85a2eb659a91fb",
    "task_medium validation 42": "6def363f9a375049",
    "task_medium validation 43": "09302f8854c39629",
    "task_medium test 42": "d06c17aa4667a209",
    "task_medium test 43": "e38e7315c7b7a58b",
    "task_hard train 42": "0c7275b4c03ac789",
    "task_hard train 43": "550c705ca02751ab",
    "task_hard validation 42": "c7cf177869328038",
    "task_hard validation 43": "f01f7dcbe6b64868",
    "task_hard test 42": "3d0322daacd6b740",
    "task_hard test 43": "cf745dbcd7d7e424",
    "task_queue train 42": "feac17f2569fd8bb",
    "task_queue train 43": "3c618e8d65e774e0",
    "task_queue validation 42": "6179621efa019271",
    "task_queue validation 43": "2f0fc507606f2fc7",
    "task_queue test 42": "323091cab7e6a685",
    "task_queue test 43": "3f3dde9b4cb90920",
}

tasks = st.sampled_from(sorted(TASKS))
splits = st.sampled_from([each.value for each in Split])
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize(("name", "digest"), GOLDEN.items())
def test_golden_episodes(name: str, digest: str) -> None:
    task, split, seed = name.split()
    assert generate(task, split, int(seed)).digest[:16] == digest


def test_episodes_are_the_same_in_another_process() -> None:
    code = (
        "from ostraka.environment.generator import generate;"
        "print(generate('task_hard', 'test', 42).digest)"
    )
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.strip() == generate("task_hard", "test", 42).digest


@settings(max_examples=40, deadline=None)
@given(tasks, splits, seeds)
def test_what_is_right_was_computed_by_the_policy(task: str, split: str, seed: int) -> None:
    episode = generate(task, split, seed)
    change = len(episode.items) // 2 if episode.task.shift else len(episode.items)
    for place, item in enumerate(episode.items):
        policy = episode.policy if place < change else episode.later_policy
        outcome = policy.decide(facts_of(item.draft, policy.community.expire_days, STRIKES))
        assert (outcome.action, outcome.violation) == (item.action, item.violation)
        assert item.action in episode.task.actions
        assert item.utilities[item.action] == 1.0 == max(item.utilities.values())
        assert [each for each, worth in item.utilities.items() if worth == 1.0] == [item.action]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["task_easy", "task_medium", "task_hard"]), splits, seeds)
def test_partners_hold_the_two_sides_of_each_pair(task: str, split: str, seed: int) -> None:
    def pairs(episode: Episode) -> dict[str, Any]:
        return {item.draft.pair: item for item in episode.items if item.draft.pair}

    first, second = (pairs(generate(task, split, each)) for each in (seed * 2, seed * 2 + 1))
    assert first.keys() == second.keys() != set()
    for name, item in first.items():
        other = second[name]
        assert item.draft.text == other.draft.text
        assert item.draft.clause == other.draft.clause
        assert item.post_id != other.post_id
        assert item.observation["author_id"] != other.observation["author_id"]


@pytest.mark.parametrize("task", ["task_medium", "task_hard"])
def test_sides_of_pairs_are_mostly_decided_otherwise(task: str) -> None:
    differing = []
    for seed in range(0, 40, 2):
        first, second = (
            {i.draft.pair: i.action for i in generate(task, "train", each).items if i.draft.pair}
            for each in (seed, seed + 1)
        )
        differing += [first[name] != second[name] for name in first]
    assert sum(differing) / len(differing) > 0.9


def test_no_text_stands_twice_in_a_queue() -> None:
    for seed in range(30):
        families = [item.draft.family for item in generate("task_hard", "train", seed).items]
        assert len(set(families)) == len(families)


def test_sizes_and_actions_are_those_of_the_contract() -> None:
    sizes = {name: (task.size, len(task.actions)) for name, task in TASKS.items()}
    assert sizes["task_easy"] == (8, 2)
    assert sizes["task_medium"] == (10, 5)
    assert sizes["task_hard"] == (12, 6)


def test_hard_episodes_hold_every_kind_of_case() -> None:
    for seed in range(10):
        items = generate("task_hard", "validation", seed).items
        assert any(item.violation is ViolationType.SELF_HARM_RISK for item in items)
        assert sum(item.draft.stance is Stance.UNCLEAR for item in items) == 2
        assert sum(item.observation["is_appeal"] for item in items) == 1
        assert any(item.draft.thread for item in items)
        assert all(
            item.action is Action.ESCALATE for item in items if item.draft.stance is Stance.UNCLEAR
        )


def test_a_secret_makes_other_episodes() -> None:
    with_secret = {generate("task_easy", "test", 1, each).digest for each in ("", "a", "b")}
    assert len(with_secret) == 3


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("task_none", "train", 1), "task_id"),
        (("task_easy", "all", 1), "split"),
        (("task_easy", "train", -1), "seed"),
        (("task_easy", "train", True), "seed"),
        (("task_easy", "train", "42"), "seed"),
        (("task_easy", "train", 2**60), "seed"),
    ],
)
def test_what_cannot_be_generated_is_named(arguments: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        generate(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("level", list(Level))
def test_policies_of_communities_are_without_fault(split: Split, level: Level) -> None:
    assert {each.promotion for each in communities(split)} == {"allowed", "minor"}
    for community in communities(split):
        document = PolicyDocument.model_validate(document_of(community, level))
        assert list(problems_of(document)) == []
        text = policy_of(community, level).text
        assert community.about in text
        if level is not Level.CLEAR:
            assert str(community.final_violations) in text
            assert str(community.expire_days) in text


def test_every_clause_has_texts_in_every_split() -> None:
    names = [set(library(each).clauses) for each in Split]
    assert names[0] == names[1] == names[2]
