"""Out of the store, into a file, into another store and out again: the same, line by line."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from growing import NOW, SMALL
from keeping_trees import tree_ids
from tree_exports import ALL, DEEP, FORMATS, crowded, ready, write_exports

from ostraka.errors import ConflictError
from ostraka.storage.database import Database
from ostraka.trees.export import ExportOptions, LeftOut, export
from ostraka.trees.export_schema import ExportedTree, gather, read_lines, to_line
from ostraka.trees.importing import imported_tree
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tree import Tree
from ostraka.trees.values import RankingVote

FIELDS = {
    "message_id": str,
    "parent_id": str,
    "user_id": str,
    "created_date": str,
    "text": str,
    "role": str,
    "lang": str,
    "review_count": int,
    "review_result": bool,
    "deleted": bool,
    "rank": int,
    "synthetic": bool,
    "model_name": str,
    "emojis": dict,
    "replies": list,
    "labels": dict,
    "events": dict,
    "detoxify": dict,
}
"""A message of a tree as the contract writes it down, 5.11."""


@pytest.fixture
def stores(database_url: str, tmp_path: Path) -> Iterator[tuple[TreeStore, TreeStore]]:
    """One to export from, and an empty one."""
    databases = Database.at(database_url), Database.at(f"sqlite:///{tmp_path / 'other.db'}")
    yield TreeStore(databases[0], DEEP), TreeStore(databases[1], SMALL)
    for each in databases:
        each.close()


def lines_of(store: TreeStore, options: ExportOptions = ALL) -> list[str]:
    return [to_line(each) for each in export(map(store.read, tree_ids(store)), options)]


def put_in(store: TreeStore, lines: list[str]) -> None:
    for given in read_lines(lines):
        assert isinstance(given, ExportedTree)
        store.keep(imported_tree(given, NOW, state=None), "importer", NOW)


def fill(store: TreeStore, count: int = 8) -> None:
    for number in range(count):
        store.keep(crowded(f"tree {number}", number), "importer", NOW)


def test_b19_export_import_export_through_stores_is_identical(
    stores: tuple[TreeStore, TreeStore], tmp_path: Path
) -> None:
    first, second = stores
    fill(first)
    lines = lines_of(first)
    assert {json.loads(line)["tree_state"] for line in lines} >= {"ready_for_export"}
    file = tmp_path / "trees.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as opened:
        opened.writelines(f"{line}\n" for line in lines)
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        put_in(second, list(opened))
    assert lines_of(second) == lines
    for tree_id in tree_ids(first):
        one, other = first.read(tree_id), second.read(tree_id)
        assert [m.depth for m in other.messages.values()] == [
            m.depth for m in one.messages.values()
        ]
        for parent in one.messages:
            assert [v for v in other.votes if v.parent_id == parent] == [
                v for v in one.votes if v.parent_id == parent
            ]


def test_what_is_imported_comes_back_as_it_was_kept(stores: tuple[TreeStore, TreeStore]) -> None:
    store, _ = stores
    for number in range(4):
        tree = crowded(f"tree {number}", number)
        kept = store.keep(tree, "importer", NOW).tree
        found = store.read(tree.id)
        assert found == kept
        for name, message in tree.messages.items():
            assert found.messages[name].reviews == message.reviews, "in the order of giving"


def test_every_field_is_one_of_the_contract(stores: tuple[TreeStore, TreeStore]) -> None:
    store, _ = stores
    fill(store)
    seen: set[str] = set()
    waiting: list[dict[str, Any]] = []
    for line in lines_of(store):
        tree = json.loads(line)
        assert set(tree) <= {"message_tree_id", "tree_state", "prompt", "origin"}
        assert tree["message_tree_id"] == tree["prompt"]["message_id"]
        waiting.append(tree["prompt"])
    while waiting:
        message = waiting.pop()
        assert {name: type(value) for name, value in message.items()} == {
            name: FIELDS[name] for name in message
        }
        seen |= set(message)
        replies = message.get("replies", [])
        ranks = [each.get("rank") for each in replies]
        assert ranks == sorted(ranks, key=lambda rank: (rank is None, rank or 0))
        assert all(each["parent_id"] == message["message_id"] for each in replies)
        waiting += replies
    assert seen == set(FIELDS) - {"detoxify"}


def test_b19_flat_messages_of_a_store_are_gathered_into_the_same_trees(
    stores: tuple[TreeStore, TreeStore],
) -> None:
    """As in the published `_all.messages` files, which hold no tree."""
    store, _ = stores
    fill(store, 4)
    trees = [each for each in export(map(store.read, tree_ids(store)), ALL)]
    flat = [
        each.model_copy(update={"replies": None, "message_tree_id": whole.message_tree_id})
        for whole in trees
        if isinstance(whole, ExportedTree)
        for each in whole.messages()
    ]
    read = list(read_lines([to_line(each) for each in reversed(flat)]))
    found, lost = gather([each for each in read if not isinstance(each, ExportedTree)])
    assert lost == []
    assert {tree.message_tree_id for tree in found} == set(tree_ids(store))
    assert {m.message_id for tree in found for m in tree.messages()} == {m.message_id for m in flat}


def test_b19_an_anonymised_file_tells_no_id_and_still_fits_together(
    stores: tuple[TreeStore, TreeStore],
) -> None:
    first, second = stores
    fill(first, 4)
    lines = lines_of(first, replace(ALL, anonymiser_seed="a seed"))
    text = "\n".join(lines)
    real = {name for tree_id in tree_ids(first) for name in first.read(tree_id).messages}
    real |= {m.author or "" for each in tree_ids(first) for m in first.read(each).messages.values()}
    assert [name for name in real if f'"{name}"' in text] == []
    put_in(second, lines)
    assert sorted(map(_in_order_of_ids, lines_of(second))) == sorted(map(_in_order_of_ids, lines))


def test_what_is_left_out_is_told_by_reason(stores: tuple[TreeStore, TreeStore]) -> None:
    store, _ = stores
    fill(store)
    left_out = LeftOut()
    given = list(export(map(store.read, tree_ids(store)), ExportOptions(), left_out))
    assert len(given) + sum(left_out.trees.values()) == 8
    messages = sum(1 for tree in given if isinstance(tree, ExportedTree) for _ in tree.messages())
    chosen = {tree.message_tree_id for tree in given if isinstance(tree, ExportedTree)}
    there = sum(len(store.read(tree_id).messages) for tree_id in chosen)
    assert messages + sum(left_out.messages.values()) == there


def test_b3_a_tree_that_is_put_in_moves_as_far_as_it_goes(
    stores: tuple[TreeStore, TreeStore],
) -> None:
    """An imported tree at work is not left where only the next act would move it."""
    store, _ = stores
    tree = crowded("tree", 0)
    ready_again = replace(tree, state=State.RANKING)
    assert store.keep(ready_again, "importer", NOW).tree.state is State.READY_FOR_EXPORT
    with pytest.raises(ConflictError):
        store.keep(tree, "importer", NOW)


def test_late_replies_do_not_wake_an_imported_tree(stores: tuple[TreeStore, TreeStore]) -> None:
    first, second = stores
    tree = crowded("tree", 0)
    [some, *_] = [m for m in tree.messages.values() if m.parent_id == tree.id]
    late = replace(some, id="late", late=True, reviews=(), decision=None, rank=None)
    first.keep(tree.with_messages(replace(late, marks=frozenset())), "importer", NOW)
    put_in(second, lines_of(first))
    assert second.read("tree").state is State.READY_FOR_EXPORT
    assert second.read("tree").messages["late"].late
    assert lines_of(second) == lines_of(first)


def test_parked_trees_are_ranked_anew(stores: tuple[TreeStore, TreeStore]) -> None:
    first, second = stores
    fill(first, 3)
    for given in read_lines(lines_of(first, ExportOptions(synthetic="include"))):
        assert isinstance(given, ExportedTree)
        tree = imported_tree(given, NOW)
        assert second.keep(tree, "importer", NOW).tree.state is State.BACKLOG_RANKING
        second.let_happen(tree.id, Event.ACTIVATE, "system", NOW)
        _rank_all(second, tree.id)
        assert second.read(tree.id).state is State.READY_FOR_EXPORT


def _in_order_of_ids(line: str) -> str:
    """The line with replies and marks of one moment in an order that is the same under any ids."""

    def sort(message: dict[str, Any]) -> None:
        for reply in message.get("replies", []):
            sort(reply)
        message.get("replies", []).sort(key=lambda reply: reply["message_id"])
        message.get("events", {}).get("emoji", []).sort(key=lambda event: sorted(event.items()))

    tree = json.loads(line)
    sort(tree["prompt"])
    return json.dumps(tree)


def _rank_all(store: TreeStore, tree_id: str) -> None:
    def act(tree: Tree) -> Tree:
        votes = [
            RankingVote(
                f"r{n}", parent.id, tuple((each.id,) for each in tree.candidates(parent.id))
            )
            for parent in tree.rankable_parents(store.configuration.rank_prompter_replies)
            for n in range(3)
        ]
        return replace(tree, votes=tuple(votes))

    store.change(tree_id, act, "rankers", "ranked", NOW)


# What trainers read


def test_the_real_data_sets_library_loads_every_file(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    trees = ready(6)
    write_exports(tmp_path, trees)
    cache = str(tmp_path / "cache")

    def loaded(name: str) -> Any:
        file = str(tmp_path / name)
        return datasets.load_dataset("json", data_files=file, split="train", cache_dir=cache)

    for name, rows in FORMATS.items():
        made = list(rows(trees))
        assert len(made) > 2
        assert loaded(f"trees-{name}.jsonl").to_list() == made
    whole = loaded("trees.jsonl")
    assert whole["message_tree_id"][:] == [tree.message_tree_id for tree in trees]
    assert [row["prompt"]["text"] for row in whole] == [tree.prompt.text for tree in trees]


def test_rows_hold_only_what_reviewers_accepted(tmp_path: Path) -> None:
    trees = ready(6)
    texts = {message.text: message for tree in trees for message in tree.messages()}
    for row in FORMATS["sft"](trees):
        for turn in row["messages"]:
            assert texts[turn["content"]].review_result is not False
        roles = [turn["role"] for turn in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
    for row in FORMATS["preference"](trees):
        for name in ("chosen", "rejected"):
            [turn] = row[name]
            assert texts[turn["content"]].review_result is not False
        assert row["agreement"] is None or row["agreement"] > 0
