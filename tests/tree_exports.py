"""A few finished trees and their exports in every format, for tests of what reads them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from growing import NOW, do, message, next_task

from ostraka.trees import acts, moderating
from ostraka.trees.advance import advance, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.export import ExportOptions, export
from ostraka.trees.export_schema import ExportedTree, to_line
from ostraka.trees.states import ENDED, Event, State
from ostraka.trees.training_rows import kto_rows, preference_rows, reward_rows, sft_rows
from ostraka.trees.tree import Tree
from ostraka.trees.values import REACTIONS, Mark

ALL = ExportOptions(
    deleted="include", spam="include", synthetic="include", states=None, labels=True, events=True
)
DEEP = TreeConfiguration(goal_tree_size=8, rank_prompter_replies=True, num_prompter_replies=2)
FORMATS = {"sft": sft_rows, "preference": preference_rows, "kto": kto_rows, "reward": reward_rows}


def crowded(name: str, seed: int, configuration: TreeConfiguration = DEEP) -> Tree:
    """A tree from prompt to its end, by people who come back with ids of their own."""
    random = Random(seed)
    tree = acts.plant(message(name, f"author of {name}"), configuration, random)
    for number in range(3000):
        if tree.state in ENDED:
            return _touched(tree, configuration, random)
        if tree.state is State.PROMPT_LOTTERY_WAITING:
            tree = happen(tree, Event.DRAW, configuration, NOW).tree
            continue
        who = f"contributor {number % 60}"
        task = next_task(tree, who, configuration, random.randrange(2**16))
        if task is not None:
            tree = do(tree, task, who, configuration, random)
    raise AssertionError(f"no end in {tree.state}")


def _touched(tree: Tree, configuration: TreeConfiguration, random: Random) -> Tree:
    """With marks, a machine's message, and one that is deleted."""
    names = list(tree.messages)
    for number in range(4):
        mark = Mark(f"reader {number}", random.choice(REACTIONS))
        tree = acts.put_mark(tree, random.choice(names), mark)
    last = replace(tree.messages[names[-1]], synthetic=True, model_name="a model")
    tree = tree.with_messages(last)
    if random.random() < 0.3 and len(names) > 4:
        tree = moderating.delete(tree, names[3])
    return advance(tree, configuration).tree


def ready(count: int) -> list[ExportedTree]:
    """Finished trees as an export gives them, with labels and events."""
    options = ExportOptions(synthetic="include", spam="include", labels=True, events=True)
    trees = (crowded(f"tree {number}", number) for number in range(4 * count))
    found = [each for each in export(trees, options) if isinstance(each, ExportedTree)]
    return found[:count]


def write_exports(folder: Path, trees: Sequence[ExportedTree] | None = None) -> Path:
    """`trees.jsonl` and a file of rows for each kind of trainer."""
    trees = trees or ready(6)
    _write(folder / "trees.jsonl", map(to_line, trees))
    for name, rows in FORMATS.items():
        _write(folder / f"trees-{name}.jsonl", map(json.dumps, rows(trees)))
    return folder


def _write(file: Path, lines: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
