"""OASST files: what goes out comes back the same, what is left out is told; rows for training."""

import json
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from growing import NOW, SMALL, answered, finish, growing, message, ranking, seedling, voted
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.errors import InvalidInputError
from ostraka.trees import acts, moderating
from ostraka.trees.agreement import by_contributor
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.export import ExportOptions, LeftOut, export, label_means
from ostraka.trees.export_schema import ExportedTree, gather, read_lines, to_line
from ostraka.trees.importing import imported_tree
from ostraka.trees.states import State
from ostraka.trees.training_rows import kto_rows, preference_rows, reward_rows, sft_rows
from ostraka.trees.tree import Tree
from ostraka.trees.values import Mark, RankingVote

ALL = ExportOptions(
    deleted="include", spam="include", synthetic="include", states=None, labels=True, events=True
)
DEEP = TreeConfiguration(goal_tree_size=8)


def finished() -> Tree:
    tree = ranking()
    for order in ("ba", "ba", "ab"):
        tree = voted(tree, order)
    assert tree.state is State.READY_FOR_EXPORT
    return tree


def written(tree: Tree, options: ExportOptions = ALL) -> list[dict]:
    return [json.loads(to_line(each)) for each in export([tree], options)]


def read(tree: Tree, options: ExportOptions = ALL) -> Tree:
    [line] = [to_line(each) for each in export([tree], options)]
    [given] = read_lines([line])
    assert isinstance(given, ExportedTree)
    return imported_tree(given, NOW, state=None)


def trees(*given: Tree) -> list[ExportedTree]:
    return [t for t in export(given, ALL) if isinstance(t, ExportedTree)]


def test_whole_tree_has_the_known_shape() -> None:
    tree = acts.put_mark(finished(), "a", Mark("eve", "+1"))
    [line] = written(tree, ExportOptions(labels=True))
    assert (line["message_tree_id"], line["tree_state"]) == ("root", "ready_for_export")
    prompt = line["prompt"]
    assert {**prompt, "replies": None} == {
        "message_id": "root",
        "user_id": "ada",
        "created_date": "2026-05-04T12:00:00+00:00",
        "text": "text of root",
        "role": "prompter",
        "lang": "en",
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "synthetic": False,
        "emojis": {},
        "labels": {"spam": {"value": 0.0, "count": 3}},
        "replies": None,
    }
    assert [(r["message_id"], r["rank"], r["emojis"]) for r in prompt["replies"]] == [
        ("b", 0, {}),
        ("a", 1, {"+1": 1}),
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.booleans())
def test_b19_export_import_export_is_identical(seed: int, events: bool) -> None:
    random = Random(seed)
    tree = finish(seedling(configuration=DEEP), DEEP, random)
    names = list(tree.messages)
    tree = acts.put_mark(tree, random.choice(names), Mark("eve", "red_flag"))
    tree = moderating.delete(tree, names[-1])
    options = replace(ALL, events=events)
    back = read(tree, options)
    assert written(back, options) == written(tree, options)
    assert {m.id: m.depth for m in back.messages.values()} == {
        m.id: m.depth for m in tree.messages.values()
    }
    assert back.state is tree.state
    if events:
        assert set(back.votes) == set(tree.votes)


def test_b19_what_is_left_out_is_told() -> None:
    tree = answered(growing(DEEP), "root", "a", DEEP)
    tree = answered(tree, "a", "a1", DEEP)
    tree = answered(tree, "root", "b", DEEP, accept=False)
    tree = moderating.delete(tree, "a")
    tree = replace(tree, state=State.READY_FOR_EXPORT)
    left_out = LeftOut()
    [found] = export([tree, seedling()], ExportOptions(), left_out)
    assert isinstance(found, ExportedTree)
    assert [m.message_id for m in found.messages()] == ["root"]
    assert left_out.messages == {
        "deleted": 1,
        "below one that was left out": 1,
        "not accepted": 1,
    }
    assert left_out.trees == {"another state": 1}
    gone = moderating.delete(tree, "root")
    assert list(export([gone], ExportOptions(), left_out)) == []
    assert left_out.trees["prompt deleted"] == 1


def test_b19_an_anonymised_tree_has_the_id_of_its_prompt() -> None:
    [line] = written(finished(), replace(ALL, anonymiser_seed="s"))
    assert line["message_tree_id"] == line["prompt"]["message_id"] != "root"
    ids = {m.message_id for t in trees(finished()) for m in t.messages()}
    people = {"ada", "writer of a", "writer of b"}
    people |= {vote.contributor for vote in finished().votes}
    text = json.dumps(line)
    assert [real for real in ids | people if f'"{real}"' in text] == []
    [event, *_] = line["prompt"]["events"]["ranking"]
    assert event["message_tree_id"] == event["ranking_parent_id"] == line["message_tree_id"]
    [again] = written(finished(), replace(ALL, anonymiser_seed="s"))
    assert again["message_tree_id"] == line["message_tree_id"]


def test_b19_labels_are_those_that_were_asked_for() -> None:
    given = dict.fromkeys(("spam", "quality"), 0.0)
    tree = seedling()
    for who, quality in (("x", 1.0), ("y", 0.5)):
        tree = acts.review(tree, "root", {**given, "quality": quality}, who, SMALL)
    means = label_means(moderating.edit(tree, "root", "new").root)
    assert means == {}
    assert {n: (v.value, v.count) for n, v in label_means(tree.root).items()} == {
        "spam": (0.0, 2),
        "quality": (0.75, 2),
    }


def test_partial_selections_are_flat() -> None:
    tree = moderating.delete(finished(), "a")
    [only] = written(tree, ExportOptions(user="writer of b"))
    assert (only["message_id"], only["message_tree_id"], only["parent_id"]) == ("b", "root", "root")
    [deleted] = written(tree, ExportOptions(deleted="only", spam="include"))
    assert (deleted["message_id"], deleted["tree_state"]) == ("a", "ready_for_export")
    [prompt] = written(tree, ExportOptions(prompts_only=True))
    assert "replies" not in prompt["prompt"]
    assert written(tree, ExportOptions(language="de")) == []
    assert written(tree, ExportOptions(limit=0)) == []


def test_flat_messages_are_gathered_into_trees() -> None:
    tree = finished()
    flat = [
        each.model_copy(update={"replies": None})
        for found in trees(tree)
        for each in found.messages()
    ]
    [whole], lost = gather(reversed(flat))
    assert next(whole.messages()).message_id == "root"
    assert {m.message_id for m in whole.messages()} == {"root", "a", "b"}
    assert lost == []
    assert gather(flat[1:])[1] == [each.message_id for each in flat[1:]]


def test_ties_and_refusals_come_back() -> None:
    votes = (
        RankingVote("x", "root", (("a", "b"),)),
        RankingVote("y", "root", (("b",), ("a",)), not_rankable=True),
    )
    tree = replace(ranking(), votes=votes)
    assert read(tree).votes == votes


def test_orders_of_the_original_are_read() -> None:
    """Its ranking is an order of places on the screen; its ids stand best first."""
    event = {
        "user_id": "u",
        "ranking": [2, 0, 1],
        "ranked_message_ids": ["c", "a", "b"],
        "ranking_parent_id": "root",
    }
    line = {
        "message_tree_id": "root",
        "prompt": {
            "message_id": "root",
            "text": "t",
            "role": "prompter",
            "events": {"ranking": [event]},
        },
    }
    [given] = read_lines([json.dumps(line), ""])
    assert isinstance(given, ExportedTree)
    tree = imported_tree(given, NOW)
    assert tree.votes[0].tiers == (("c",), ("a",), ("b",))
    assert tree.state is State.BACKLOG_RANKING
    assert tree.root.accepted and tree.root.synthetic
    assert tree.root.created_at == NOW


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"message_tree_id": "other"}, "message_tree_id"),
        ({"tree_state": "sleeping"}, "tree_state"),
        ({"prompt": {"message_id": "root", "text": "t", "role": "judge"}}, "prompt.role"),
        ({"prompt": {"message_id": "root", "role": "prompter"}}, "prompt.text"),
        (
            {
                "prompt": {
                    "message_id": "root",
                    "text": "t",
                    "role": "prompter",
                    "replies": [{"message_id": "a", "text": "t", "role": "prompter"}],
                }
            },
            "role",
        ),
    ],
)
def test_files_that_contradict_themselves_are_refused(change: dict, field: str) -> None:
    [line] = written(finished())
    with pytest.raises(InvalidInputError) as caught:
        [given] = read_lines([json.dumps({**line, **change})])
        imported_tree(given, NOW, state=None)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_bad_lines_are_named() -> None:
    with pytest.raises(InvalidInputError, match="line 2"):
        list(read_lines(["", "{broken"]))
    with pytest.raises(InvalidInputError, match="line 1: neither a tree"):
        list(read_lines(['{"thread_id": "t", "thread": []}']))


# Rows for training


def test_rows_for_sft_are_conversations() -> None:
    tree = answered(answered(growing(DEEP), "root", "a", DEEP), "a", "q", DEEP)
    tree = answered(answered(tree, "q", "b", DEEP), "root", "c", DEEP)
    rows = list(sft_rows(trees(tree)))
    assert [row["message_id"] for row in rows] == ["b", "c"]
    assert rows[0]["messages"] == [
        {"role": "user", "content": "text of root"},
        {"role": "assistant", "content": "text of a"},
        {"role": "user", "content": "text of q"},
        {"role": "assistant", "content": "text of b"},
    ]
    unanswered = answered(answered(growing(DEEP), "root", "a", DEEP), "a", "q", DEEP)
    assert [row["message_id"] for row in sft_rows(trees(unanswered))] == ["a"]
    assert [row["message_id"] for row in sft_rows(trees(finished()), best_only=True)] == ["b"]


def test_pairs_carry_how_many_agree() -> None:
    [row] = preference_rows(trees(finished()))
    assert (row["chosen_id"], row["rejected_id"]) == ("b", "a")
    assert row["prompt"] == [{"role": "user", "content": "text of root"}]
    assert row["chosen"] == [{"role": "assistant", "content": "text of b"}]
    assert (row["agreement"], row["votes"]) == (pytest.approx(2 / 3), 3)
    [pair] = reward_rows(trees(finished()))
    assert pair["margin"] == pytest.approx(1 / 3)
    assert pair["chosen"] == [*row["prompt"], *row["chosen"]]
    without = [t for t in export([finished()], ExportOptions()) if isinstance(t, ExportedTree)]
    [row] = preference_rows(without)
    assert row["agreement"] is None and row["chosen_id"] == "b"


def test_open_pairs_and_refused_rankings_give_no_rows() -> None:
    tied = ranking(replace_required(2))
    for order in ("ab", "ba"):
        tied = voted(tied, order, replace_required(2))
    assert tied.messages["a"].rank == 0
    assert list(preference_rows(trees(tied))) == list(kto_rows(trees(tied))) == []
    refused = voted(ranking(), "ab")
    for _ in range(2):
        refused = voted(refused, "ab", not_rankable=True)
    assert list(preference_rows(trees(refused))) == []
    assert list(kto_rows(trees(refused))) == []


def replace_required(rankings: int) -> TreeConfiguration:
    return SMALL.model_copy(update={"num_required_rankings": rankings})


def test_rows_for_kto_are_good_or_bad() -> None:
    tree = answered(growing(SMALL), "root", "bad", SMALL, accept=False)
    tree = answered(answered(tree, "root", "a", SMALL), "root", "b", SMALL)
    for order in ("ba", "ba", "ab"):
        tree = voted(tree, order)
    rows = {row["message_id"]: row["label"] for row in kto_rows(trees(tree))}
    assert rows == {"bad": False, "a": False, "b": True}


def test_rows_load_as_data_sets() -> None:
    datasets = pytest.importorskip("datasets")
    found = trees(finished())
    for rows in (sft_rows, preference_rows, kto_rows, reward_rows):
        made = list(rows(found))
        assert datasets.Dataset.from_list(made).to_list() == made


def test_agreement_of_contributors_with_what_was_decided() -> None:
    tree = seedling()
    for who, spam in (("x", 0.0), ("y", 0.0), ("z", 1.0)):
        tree = acts.review(tree, "root", {"spam": spam}, who, SMALL)
    found = by_contributor([moderating.decide(tree, "root", accepted=True)], SMALL)
    assert {who: each.reviews.value for who, each in found.items()} == {"x": 1, "y": 1, "z": 0}
    ranked = ranking()
    for who, order in (("p", "ab"), ("q", "ab"), ("r", "ba")):
        ranked = voted(ranked, order, who=who)
    shares = by_contributor([ranked], SMALL)
    assert (shares["p"].rankings.value, shares["r"].rankings.value) == (1, 0)


def test_a_machine_in_a_tree_is_a_choice() -> None:
    tree = finished()
    machine = replace(tree.messages["a"], synthetic=True, model_name="m-1")
    tree = tree.with_messages(machine)
    assert written(tree, ExportOptions()) == []
    assert len(written(tree, ExportOptions(synthetic="include"))) == 1
    [only] = written(tree, ExportOptions(synthetic="only"))
    assert only["model_name"] == "m-1"


def test_moments_keep_their_fractions() -> None:
    moment = NOW + timedelta(microseconds=7)
    tree = finished()
    tree = tree.with_messages(replace(tree.root, created_at=moment))
    assert read(tree).root.created_at == moment
    assert message("x").created_at == NOW
